//! The composition root: opens the data directory, starts the actors from the end of the pipeline to its beginning, binds,
//! and drains in order when it is told to stop.

use std::net::TcpListener;
use std::process::exit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr};
use actix_web::dev::ServerHandle;
use derive_more::{Display, Error, From};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::actors::aggregator::{BatchAggregator, Flush};
use crate::actors::panics::deliver;
use crate::actors::processor::ProcessorOptions;
use crate::actors::supervisor::{Drain, ReleaseClaims, Supervisor, SupervisorOptions};
use crate::actors::verifier::{Stop, Verifier, VerifierOptions};
use crate::batch::BatchId;
use crate::config::{AttemptsSettings, Config, ShutdownSettings, VerifySettings};
use crate::custody::{Custody, CustodyError, CustodyOptions, Recovered, keep_forgetting_keys, keep_to};
use crate::health::Health;
use crate::joblog::JobLogError;
use crate::metrics::Metrics;
use crate::spool::DirectoryLock;
use crate::worker::WorkerSettings;

mod access;
mod bind;
pub(crate) mod children;
mod connections;
mod expect;
mod restart;
mod resume;
pub(crate) mod scanner;
mod tls;
mod webhooks;

use access::Access;
pub use access::ReadSettings;
use bind::{announce, bind};
use children::{processors, worker_settings};
use resume::resume;
use scanner::scan_options;
pub use tls::TlsError;

/// Threads for the pipeline's blocking work and for reading statuses. None of that waits for a client, so more would not be
/// quicker, and they stay.
const BLOCKING_MAX: usize = 128;

/// Why a server cannot start or go on.
#[derive(Debug, Display, Error, From)]
pub enum ServeError {
    #[display("the data directory {_0} is in use by another server")]
    #[from(skip)]
    InUse(#[error(not(source))] String),
    #[display("the data directory {dir} cannot be used: {error}")]
    Directory {
        dir: String,
        error: std::io::Error,
    },
    #[display("the data directory cannot be opened: {_0}{}", remedy(*_0))]
    Custody(CustodyError),
    Tls(TlsError),
    #[display("{listen} cannot be listened on: {error}")]
    Listen {
        listen: std::net::SocketAddr,
        error: std::io::Error,
    },
    #[display("the server stopped: {_0}")]
    Stopped(std::io::Error),
}

/// How long the job log may take for its last flush, when everything else has ended.
const LAST_FLUSH_MAX: Duration = Duration::from_secs(10);

/// What the operator can do about it.
fn remedy(error: CustodyError) -> &'static str {
    match error {
        CustodyError::JobLog(JobLogError::Damaged | JobLogError::Outdated) => {
            "; run `consign doctor --rebuild` with the same settings: it makes the log anew from seals and results and \
             keeps this one"
        }
        CustodyError::JobLog(_) | CustodyError::Spool(_) => "",
    }
}

/// Serves until SIGTERM or SIGINT, and returns when it has drained. `has_listener` says that standard input is the listening
/// socket, as when this program has taken its own place; `read_settings` reads them again for SIGHUP.
///
/// # Errors
/// When the data directory or the address cannot be used.
pub fn run(config: Config, has_listener: bool, read_settings: ReadSettings) -> Result<(), ServeError> {
    let serving = serve(config, has_listener, read_settings);
    let listener = actix_rt::System::with_tokio_rt(runtime).block_on(serving)?;
    match listener.map(restart::replace_process) {
        Some(Err(error)) => Err(ServeError::Stopped(error)),
        None => Ok(()),
    }
}

/// The pipeline's runtime. It keeps its threads for blocking work, so that the pipeline goes on, and statuses are read, when
/// the machine has none to give; the first comes with the start.
fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_MAX).thread_keep_alive(Duration::MAX);
    builder.build().expect("a program has a runtime, or has not begun")
}

/// The actors that the server talks to.
struct Pipeline {
    verifier: Addr<Verifier>,
    supervisor: Addr<Supervisor>,
    aggregator: Addr<BatchAggregator>,
}

/// Serves until it is told to stop; or until its storage failed and can be opened anew, and then leaves its socket.
async fn serve(
    config: Config,
    has_listener: bool,
    read_settings: ReadSettings,
) -> Result<Option<TcpListener>, ServeError> {
    let started = Instant::now();
    // From the beginning: unheard, the signal would end the program.
    let hangups = hear(SignalKind::hangup());
    let access = Access::new(&config)?;
    let dir = config.data_dir.display().to_string();
    let lock = DirectoryLock::take(&config.data_dir)
        .map_err(|error| ServeError::Directory { dir: dir.clone(), error })?
        .ok_or(ServeError::InUse(dir))?;
    let metrics = Arc::new(Metrics::new());
    let options = CustodyOptions { spool: config.spool.clone(), free_bytes_min: config.limits.disk_free_bytes_min };
    let custody = Arc::new(Custody::open(lock, &config.data_dir, &options, metrics)?);
    webhooks::tell_to(&config.webhook, &custody);
    let before_uploads = BatchId::new();
    let recovered = custody.recover().await?;
    report(&recovered);
    let health = Arc::new(Health::default());
    let worker = worker_settings(&config, &health).await;
    let pipeline = start_pipeline(&config, worker, &custody, &health);
    let (listen, keys_kept) = (config.listen, Duration::from_millis(config.limits.idempotency_ms_max));
    let listener = restart::listener(listen, has_listener).map_err(|error| ServeError::Listen { listen, error })?;
    let kept = listener.try_clone().map_err(|error| ServeError::Listen { listen, error })?;
    let (server, address) = bind(&config, listener, &custody, &health, &pipeline, &access)?;
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    // Before anybody can know that it is up: unheard, these would end it without a drain.
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(hear);
    announce(address, access.certificate.is_some());
    actix_rt::spawn(access.follow(hangups, read_settings));
    actix_rt::spawn(resume(Arc::clone(&custody), pipeline.verifier.clone(), recovered));
    actix_rt::spawn(keep_to(config.retention.clone(), Arc::clone(&custody)));
    actix_rt::spawn(keep_forgetting_keys(Arc::clone(&custody), keys_kept));
    let deliverer = webhooks::start(&config.webhook, &custody);
    count_stored_files(&custody, before_uploads);
    let mut told = actix_rt::spawn(until_told_to_stop(signals));
    let kept = tokio::select! {
        // Nobody takes connections up any more: who comes now is to be refused and not to wait for the end.
        _ = &mut told => {
            drop(kept);
            None
        }
        () = restart::until_mendable(&custody, started) => Some(kept),
    };
    // What it has not written down is tried anew at the next start.
    deliverer.inspect(JoinHandle::abort);
    if !drain(config.shutdown, handle, &health, &custody, &pipeline).await {
        #[expect(clippy::mem_forget, reason = "nobody is to wait for it any more; the end of the process closes it")]
        std::mem::forget(Arc::clone(&custody));
    }
    serving.await.map_err(|error| ServeError::Stopped(error.into()))?.map_err(ServeError::Stopped)?;
    log::info!("drained");
    Ok(kept.filter(|_| !told.is_finished()))
}

fn start_pipeline(config: &Config, worker: WorkerSettings, custody: &Arc<Custody>, health: &Arc<Health>) -> Pipeline {
    let made_with = worker.made_with();
    let aggregator = BatchAggregator::new(Arc::clone(custody), made_with).start();
    let processor = Arc::new(ProcessorOptions {
        custody: Arc::clone(custody),
        health: Arc::clone(health),
        worker,
        extract_bytes_max: config.limits.extract_bytes_max,
    });
    let AttemptsSettings { max, retry_ms_base, claim_window } = config.attempts;
    let options = SupervisorOptions {
        processors: processors(config.worker.processes),
        attempts_max: max,
        retry_base: Duration::from_millis(retry_ms_base),
        claim_window,
        keeps_originals: config.retention.keeps_originals,
    };
    let supervisor = Supervisor::new(Arc::clone(custody), aggregator.clone(), processor, options).start();
    let VerifySettings { tries_max, backoff_ms_base } = config.verify;
    let (backoff_base, scan) = (Duration::from_millis(backoff_ms_base), scan_options(config, health));
    let options = VerifierOptions {
        tries_max,
        backoff_base,
        scan,
        made_with: config.dedup.enabled.then_some(made_with),
        keeps_originals: config.retention.keeps_originals,
    };
    let verifier = Verifier::new(Arc::clone(custody), supervisor.clone(), aggregator.clone(), options).start();
    Pipeline { verifier, supervisor, aggregator }
}

fn report(recovered: &Recovered) {
    let Recovered { open, untold: _, entered, outcomes, interrupted, swept, waiting } = recovered;
    log::info!(
        "recovered: {} open batches with {waiting} waiting files, {entered} batches and {outcomes} outcomes entered, \
         {interrupted} files interrupted, {swept} segments swept",
        open.len()
    );
}

/// Counts the files that were stored before the start, beside the work: there may be millions.
fn count_stored_files(custody: &Arc<Custody>, before: BatchId) {
    let custody = Arc::clone(custody);
    actix_rt::task::spawn_blocking(move || custody.count_files_before(before));
}

async fn until_told_to_stop([mut terminate, mut interrupt]: [Signal; 2]) {
    let number = next_signal(&mut terminate, &mut interrupt).await;
    log::info!("draining: running attempts finish; another signal stops at once");
    actix_rt::spawn(async move {
        let second = next_signal(&mut terminate, &mut interrupt).await;
        log::warn!("stopped at once by signal {second} after {number}; the next start goes on");
        #[expect(clippy::disallowed_methods, reason = "at once is what was asked for; what is durable stays so")]
        exit(128 + second);
    });
}

fn hear(kind: SignalKind) -> Signal {
    signal(kind).expect("a handler for SIGTERM, SIGINT and SIGHUP can always be set")
}

async fn next_signal(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
    }
}

/// Stops taking work, lets what runs finish for as long as the settings allow, and makes the rest durable. False when the
/// storage neither took it nor refused: who closes it would wait for ever.
async fn drain(
    settings: ShutdownSettings,
    server: ServerHandle,
    health: &Health,
    custody: &Custody,
    pipeline: &Pipeline,
) -> bool {
    health.drain();
    let limit = Duration::from_millis(settings.drain_ms_max);
    let begun = Instant::now();
    let Pipeline { verifier, supervisor, aggregator } = pipeline;
    deliver(verifier, Stop).await;
    let attempts = timeout(limit, deliver(supervisor, Drain));
    let (attempts, ()) = tokio::join!(attempts, server.stop(true));
    if attempts.is_err() {
        log::warn!("attempts that did not finish in time are given up; the next start makes them again");
    }
    let left = limit.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
    if timeout(left, deliver(aggregator, Flush)).await.is_err() {
        log::warn!("outcomes that the disk did not take in time are given up; the next start makes them again");
    }
    // sled has waited without end for a write that had failed beneath it.
    let last = timeout(LAST_FLUSH_MAX, async {
        deliver(supervisor, ReleaseClaims).await;
        custody.joblog.commit(Vec::new()).await
    });
    match last.await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            log::error!("the job log could not be flushed: {error}");
            true
        }
        Err(_) => {
            log::error!("the job log does not come to its end and is left; the next start enters what is durable");
            false
        }
    }
}
