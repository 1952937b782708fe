//! How requests come in: the socket, the threads that answer, and what goes round every request.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::access::Access;
use super::children::processors;
use super::{Pipeline, ServeError, connections};
use crate::config::{Config, Limits};
use crate::custody::Custody;
use crate::health::Health;
use crate::http::{self, Api, Door, EventStreams, Strangers};

/// Blocking threads of one HTTP thread that read files' contents for answers. Beside them each upload has one: a large one
/// pins it for as long as it arrives, and must not keep others from being answered.
const READERS_MAX: usize = 64;

/// A handshake takes two turns of a line, and so some seconds on the worst; then who is silent lets others in.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Starts taking requests on a socket; says on which addresses.
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
) -> Result<(Server, Vec<std::net::SocketAddr>), ServeError> {
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
        events: EventStreams::new(config.events.clone()),
        keys: Arc::default(),
        blocking: Handle::current(),
        started: Instant::now(),
    });
    let keyring = web::Data::from(Arc::clone(&access.keyring));
    let cors = config.cors.clone();
    let app = move || {
        let app = App::new().app_data(api.clone()).app_data(keyring.clone()).configure(http::routes);
        // The last is the first that a request comes to.
        app.wrap(from_fn(http::authenticate)).wrap(http::cors(&cors)).wrap(from_fn(http::trace))
    };
    let listen = config.listen;
    let threads = processors(0);
    let connections = connections::bound(connections_max, processors(config.worker.processes));
    let server = HttpServer::new(app)
        .workers(threads)
        .max_connections(connections.div_ceil(threads))
        .worker_max_blocking_threads(uploads_open_max + READERS_MAX)
        .on_connect(|connection, _| connections::watch(connection))
        .disable_signals()
        .shutdown_timeout(config.shutdown.drain_ms_max.div_ceil(1000))
        .tls_handshake_timeout(HANDSHAKE_MAX);
    let server = match &access.certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, certificate.server_config()),
        None => server.listen(listener),
    };
    let server = server.map_err(|error| ServeError::Listen { listen, error })?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// Says on stdout where the server listens; whoever started it may be waiting for the line.
pub fn announce(addresses: &[std::net::SocketAddr], is_encrypted: bool) {
    let mut stdout = std::io::stdout().lock();
    let scheme = if is_encrypted { "https" } else { "http" };
    for address in addresses {
        // A stdout that nobody reads is no reason not to serve.
        let _ = writeln!(stdout, "listening on {scheme}://{address}");
    }
    let _ = stdout.flush();
}
