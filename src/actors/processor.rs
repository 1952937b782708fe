//! Processor: owns one disposable child and gives it one file at a time.
//!
//! Takes `Attempt` and answers with the text or with a fault that says whether trying again may help. A child that dies or
//! is killed is replaced at once, also after so many files. While no child can be started the attempt waits and does not
//! count: that is no fault of the file. A panic here fails the attempt alone.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use tokio::sync::Mutex;

use super::backoff;
use super::panics::{Duty, answering};
use crate::batch::{FileError, FileErrorCode};
use crate::custody::Custody;
use crate::health::Health;
use crate::metrics::Present;
use crate::spool::Extent;
use crate::worker::{Child, Extraction, Job, WorkerSettings};

/// A processor is sent one file at a time.
pub const PROCESSOR_MAILBOX_MAX: usize = 1;

/// How long to wait before a child is tried again that could not be started; doubled up to 64 times as much.
const SPAWN_BACKOFF: Duration = Duration::from_millis(100);

/// Why an attempt brought no text, decided where it failed.
#[derive(Debug)]
pub enum Fault {
    /// May pass: time, memory, a killed child, the disk.
    Retry(FileError),
    /// Cannot pass: it lies in the file.
    GiveUp(FileError),
    /// Its batch is being cancelled.
    Cancelled,
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        if error.code.retryable() { Self::Retry(error) } else { Self::GiveUp(error) }
    }
}

/// Try this file once.
#[derive(Debug, Message)]
#[rtype(result = "Result<Extraction, Fault>")]
pub struct Attempt {
    pub job: Job,
    /// Where the file's bytes lie.
    pub extent: Extent,
}

/// What all processors share.
pub struct ProcessorOptions {
    pub custody: Arc<Custody>,
    pub health: Arc<Health>,
    pub worker: WorkerSettings,
    /// A larger file is not given to a child.
    pub extract_bytes_max: u64,
}

/// Owns one child.
pub struct Processor {
    hands: Arc<Hands>,
}

struct Hands {
    options: Arc<ProcessorOptions>,
    child: Mutex<Option<Held>>,
}

/// A child, and that it is counted as alive.
struct Held {
    child: Child,
    present: Present,
}

impl Processor {
    #[must_use]
    pub fn new(options: Arc<ProcessorOptions>) -> Self {
        Self { hands: Arc::new(Hands { options, child: Mutex::default() }) }
    }
}

impl Actor for Processor {
    type Context = Context<Self>;

    /// Starts the first child ahead of need.
    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(PROCESSOR_MAILBOX_MAX);
        let hands = Arc::clone(&self.hands);
        actix_rt::spawn(async move { hands.refill().await });
    }
}

impl Handler<Attempt> for Processor {
    type Result = ResponseFuture<Result<Extraction, Fault>>;

    fn handle(&mut self, attempt: Attempt, _: &mut Self::Context) -> Self::Result {
        let hands = Arc::clone(&self.hands);
        answering(Duty::Attempt, &self.hands.options.custody.metrics, async move { hands.attempt(attempt).await })
    }
}

impl Hands {
    async fn attempt(self: Arc<Self>, attempt: Attempt) -> Result<Extraction, Fault> {
        let Attempt { job, extent } = attempt;
        if job.length > self.options.extract_bytes_max {
            return Err(Fault::GiveUp(FileErrorCode::TooLargeToExtract.into()));
        }
        let content = self.options.custody.spool.store().content(&extent).map_err(|error| {
            log::error!("file {}: its bytes cannot be read: {error}", job.file);
            Fault::Retry(FileErrorCode::Unreadable.into())
        })?;
        let mut held = self.child.lock().await;
        // One that died in its sleep is no fault of the file.
        let ready = held.take_if(|held| !held.child.is_spent());
        let Held { mut child, present } = if let Some(ready) = ready {
            ready
        } else {
            tokio::select! {
                started = self.spawn() => started,
                () = self.cancelled(&job) => return Err(Fault::Cancelled),
            }
        };
        *held = None;
        let answer = tokio::select! {
            answer = child.attempt(&job, content.into_stream()) => Some(answer),
            () = self.cancelled(&job) => None,
        };
        let Some(answer) = answer else {
            child.kill().await;
            let hands = Arc::clone(&self);
            actix_rt::spawn(async move { hands.refill().await });
            return Err(Fault::Cancelled);
        };
        if child.is_spent() {
            child.retire().await;
            let hands = Arc::clone(&self);
            actix_rt::spawn(async move { hands.refill().await });
        } else {
            *held = Some(Held { child, present });
        }
        self.options.custody.metrics.operation.attempts.inc();
        answer.map_err(|failure| {
            log::warn!("file {}: {}: {}", job.file, failure.error, failure.log);
            self.options.custody.metrics.count_worker_end(failure.error.code);
            failure.error.into()
        })
    }

    async fn cancelled(&self, job: &Job) {
        self.options.custody.joblog.cancelled(job.file.batch()).await;
    }

    /// Puts a fresh child where there is none.
    async fn refill(&self) {
        let mut held = self.child.lock().await;
        if held.is_none() {
            *held = Some(self.spawn().await);
        }
    }

    /// Says once what the kernel cannot keep children from: it is the same for all of them.
    fn tell_gaps(&self, child: &Child) {
        if self.options.health.set_room_gaps(child.gaps()) {
            child.gaps().iter().for_each(|gap| log::warn!("workers are not locked in altogether: {gap}"));
        }
    }

    /// Starts a child, however long that takes.
    async fn spawn(&self) -> Held {
        let mut tried = 0;
        loop {
            match Child::spawn(&self.options.worker).await {
                Ok(child) => {
                    self.options.health.set_workers(None);
                    self.tell_gaps(&child);
                    let operation = &self.options.custody.metrics.operation;
                    operation.workers_started.inc();
                    return Held { child, present: Present::new(&operation.workers_alive) };
                }
                Err(error) => {
                    tried += 1;
                    log::error!("no worker could be started: {error}");
                    self.options.health.set_workers(Some(format!("there is no new worker: {}", error.reason())));
                    tokio::time::sleep(backoff::delay(SPAWN_BACKOFF, tried.min(7))).await;
                }
            }
        }
    }
}
