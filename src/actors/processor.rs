//! Processor: owns one disposable child and gives it one file at a time, or several small ones together.
//!
//! Takes `Attempt` and answers with the text or with a fault that says whether trying again may help. A child that dies or
//! is killed is replaced at once, also after so many files. While no child can be started the attempt waits and does not
//! count: that is no fault of the file. A panic here fails the attempt alone.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use bytes::Bytes;
use tokio::sync::Mutex;

use super::backoff;
use super::panics::{Duty, answering};
use crate::batch::{FileError, FileErrorCode};
use crate::custody::Custody;
use crate::health::Health;
use crate::metrics::Present;
use crate::spool::Extent;
use crate::worker::{AttemptFailure, Child, Extraction, Job, WorkerSettings};

/// A processor is sent one message at a time.
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

/// Try these small files once, together.
#[derive(Debug, Message)]
#[rtype(result = "Vec<Result<Extraction, Fault>>")]
pub struct AttemptTogether(pub Vec<(Job, Extent)>);

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
        self.hands.refill_soon();
    }
}

impl Handler<Attempt> for Processor {
    type Result = ResponseFuture<Result<Extraction, Fault>>;

    fn handle(&mut self, attempt: Attempt, _: &mut Self::Context) -> Self::Result {
        let hands = Arc::clone(&self.hands);
        answering(Duty::Attempt, &self.hands.options.custody.metrics, async move { hands.attempt(attempt).await })
    }
}

impl Handler<AttemptTogether> for Processor {
    type Result = ResponseFuture<Vec<Result<Extraction, Fault>>>;

    fn handle(&mut self, AttemptTogether(files): AttemptTogether, _: &mut Self::Context) -> Self::Result {
        let hands = Arc::clone(&self.hands);
        answering(
            Duty::Attempt,
            &self.hands.options.custody.metrics,
            async move { hands.attempt_together(files).await },
        )
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
        let ready = ready(&mut held);
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
            self.refill_soon();
            return Err(Fault::Cancelled);
        };
        self.put_back(&mut held, Held { child, present }).await;
        Ok(self.counted(&job, answer)?)
    }

    /// What became of the first of some small files; each of the others is to be tried by itself.
    async fn attempt_together(self: Arc<Self>, files: Vec<(Job, Extent)>) -> Vec<Result<Extraction, Fault>> {
        let mut held = self.child.lock().await;
        let Some(Held { mut child, present }) = ready(&mut held) else {
            *held = None;
            self.refill_soon();
            return Vec::new();
        };
        let files: Vec<(Job, Bytes)> = files.into_iter().map_while(|file| self.small_file(file)).collect();
        let answers = child.attempt_together(&files).await;
        if answers.len() < files.len() {
            log::info!("{} of {} files were read together; the others are tried alone", answers.len(), files.len());
        }
        self.put_back(&mut held, Held { child, present }).await;
        let counted = |((job, _), answer): (&(Job, Bytes), _)| Ok(self.counted(job, answer)?);
        files.iter().zip(answers).map(counted).collect()
    }

    /// A file with its bytes; none when that is not as simple as that.
    fn small_file(&self, (job, extent): (Job, Extent)) -> Option<(Job, Bytes)> {
        let is_taken = job.length <= self.options.extract_bytes_max;
        let content = self.options.custody.spool.store().content(&extent).ok().filter(|_| is_taken)?;
        Some((job, content.read_all().ok()?.into()))
    }

    /// Keeps a child for the next file, if it is fit for one.
    async fn put_back(self: &Arc<Self>, place: &mut Option<Held>, mut held: Held) {
        if held.child.is_spent() {
            held.child.retire().await;
            self.refill_soon();
        } else {
            *place = Some(held);
        }
    }

    /// An attempt is over.
    fn counted(&self, job: &Job, answer: Result<Extraction, AttemptFailure>) -> Result<Extraction, FileError> {
        self.options.custody.metrics.operation.attempts.inc();
        answer.map_err(|failure| {
            log::warn!("file {}: {}: {}", job.file, failure.error, failure.log);
            self.options.custody.metrics.count_worker_end(failure.error.code);
            failure.error
        })
    }

    async fn cancelled(&self, job: &Job) {
        self.options.custody.joblog.cancelled(job.file.batch()).await;
    }

    fn refill_soon(self: &Arc<Self>) {
        let hands = Arc::clone(self);
        actix_rt::spawn(async move { hands.refill().await });
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

/// The child that is there, unless it has had its share or died in its sleep, which is no fault of a file.
fn ready(held: &mut Option<Held>) -> Option<Held> {
    held.take_if(|held| !held.child.is_spent())
}
