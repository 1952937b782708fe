//! How requests come in: the socket, the threads that answer, and what goes round every request.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::{HttpService, Response, TlsAcceptorConfig};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::boxed::factory;
use actix_service::{ServiceFactoryExt, map_config};
use actix_web::body::BoxBody;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::access::Access;
use super::children::processors;
use super::expect::{Answering, Letting, going_on, letting};
use super::tls::Certificate;
use super::{Pipeline, ServeError, connections};
use crate::config::{Config, Limits};
use crate::custody::Custody;
use crate::health::Health;
use crate::http::{self, Api, AttachmentStreams, Door, EventStreams, KeptPages, Strangers};

/// Blocking threads of one HTTP thread that read files' contents for answers. Beside them each upload has one: a large one
/// pins it for as long as it arrives, and must not keep others from being answered.
const READERS_MAX: usize = 64;

/// A handshake takes two turns of a line, and so some seconds on the worst; then who is silent lets others in.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A connection that asks for nothing for so long is closed, and one that has not finished its first head.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// How long a connection that is being closed is listened to, so that a client that still sends reads its answer first.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// The name of the listening service, in actix's own log.
const SERVICE: &str = "http";

/// Starts taking requests on a socket; says on which address.
///
/// # Errors
/// When the socket cannot be used.
pub fn bind(
    config: &Config,
    listener: TcpListener,
    custody: &Arc<Custody>,
    health: &Arc<Health>,
    pipeline: &Pipeline,
    access: &Access,
) -> Result<(Server, SocketAddr), ServeError> {
    let Limits { connections_max, uploads_open_max, .. } = config.limits;
    let api = web::Data::new(Api {
        door: Door::new(Arc::clone(custody), Handle::current(), config.dedup.enabled),
        health: Arc::clone(health),
        verifier: pipeline.verifier.clone(),
        limits: config.limits.clone(),
        retention: config.retention.clone(),
        webhook: config.webhook.clone(),
        uploads: Arc::new(Semaphore::new(uploads_open_max)),
        strangers: Strangers::default(),
        attachment_streams: AttachmentStreams::default(),
        events: EventStreams::new(config.events.clone()),
        is_encrypted: access.certificate.is_some(),
        keys: Arc::default(),
        pages: KeptPages::default(),
        blocking: Handle::current(),
        started: Instant::now(),
    });
    let keyring = web::Data::from(Arc::clone(&access.keyring));
    let cors = config.cors.clone();
    let application = move || {
        let app = App::new().app_data(api.clone()).app_data(keyring.clone()).configure(http::routes);
        // The last is the first that a request comes to.
        let app = app.wrap(from_fn(http::compress)).wrap(from_fn(http::authenticate));
        let app = app.wrap(http::cors(&cors)).wrap(from_fn(http::trace));
        let app = map_config(app, |()| AppConfig::default());
        factory(app.map(Response::from).map_err(|error| error.error_response().into()))
    };
    let listen = config.listen;
    let threads = processors(0);
    let connections = connections::bound(connections_max, processors(config.worker.processes));
    let server = Server::build()
        .workers(threads)
        .max_concurrent_connections(connections.div_ceil(threads))
        .worker_max_blocking_threads(uploads_open_max + READERS_MAX)
        .disable_signals()
        .shutdown_timeout(config.shutdown.drain_ms_max.div_ceil(1000));
    let stopping = server.graceful_shutdown_signal();
    let address = listener.local_addr();
    let server = match access.certificate.as_ref().map(Certificate::server_config) {
        Some(tls) => server.listen(SERVICE, listener, move || {
            let handshake = TlsAcceptorConfig::default().handshake_timeout(HANDSHAKE_MAX);
            http_service(&application, stopping.clone()).rustls_0_23_with_config(tls.clone(), handshake)
        }),
        None => server.listen(SERVICE, listener, move || http_service(&application, stopping.clone()).tcp()),
    };
    let bound = server.and_then(|server| Ok((server.run(), address?)));
    bound.map_err(|error| ServeError::Listen { listen, error })
}

/// What serves connections of this kind. It does what actix-web's `HttpServer` does, which has no room for what lets requests
/// in that ask before they send.
fn http_service<T: 'static>(
    application: impl Fn() -> Answering,
    stopping: GracefulShutdownSignal,
) -> HttpService<T, Answering, BoxBody, Letting> {
    HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .keep_alive(IDLE_MAX)
        .client_request_timeout(IDLE_MAX)
        .client_disconnect_timeout(FAREWELL_MAX)
        .on_connect_ext(|connection: &T, _| connections::watch(connection))
        .expect(letting(application()))
        .finish(going_on(application()))
}

/// Says on stdout where the server listens; whoever started it may be waiting for the line.
pub fn announce(address: SocketAddr, is_encrypted: bool) {
    let mut stdout = std::io::stdout().lock();
    let scheme = if is_encrypted { "https" } else { "http" };
    // A stdout that nobody reads is no reason not to serve.
    let _ = writeln!(stdout, "listening on {scheme}://{address}");
    let _ = stdout.flush();
}
