//! Verifier: proves that what the seal promised is what the disk holds.
//!
//! Takes `StoredBatch` and hands out the batches' files in turn, as slots become free. What may be transient (missing,
//! short, unreadable) is looked at again with backoff and jitter; what is final ends the file, gives the corrupt bytes back
//! and says so. Where a scanner is named, a file is scanned before anybody else sees it. Looking is done on blocking
//! threads, a few files at a time.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler, Message, ResponseFuture};
use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};

use super::aggregator::{BatchAggregator, EndedFile, EndedFiles};
use super::panics::{self, Duty, answering, deliver};
use super::rotation::Rotation;
use super::supervisor::{Supervisor, VerifiedFiles};
use super::{FileOnItsWay, Names, SLOTS_MAX, Slot, backoff, ms_since};
use crate::batch::{BatchId, FileErrorCode, FileEvent, Outcome};
use crate::custody::Custody;
use crate::spool::Timings;

mod cancel;
mod check;
mod handing;
mod leads;
mod scan;
mod taking;
mod turn;

pub use cancel::CancelledBatch;
use check::{Checked, Sound, check};
pub use leads::Lead;
use leads::Leads;
pub use scan::ScanOptions;
use turn::WaitingFile;

/// Batches that may be announced and not yet in the ring.
pub const VERIFIER_MAILBOX_MAX: usize = 16;

/// Files that are looked at at one time; each pins a blocking thread.
const CHECKS_MAX: usize = 8;

/// How often and how soon a file is looked at again.
#[derive(Debug, Clone)]
pub struct VerifierOptions {
    pub tries_max: u32,
    pub backoff_base: Duration,
    /// None where files are not scanned for malware.
    pub scan: Option<ScanOptions>,
    /// What texts are made with; none where no text is taken over from a file with the same bytes.
    pub made_with: Option<u32>,
    /// Whether the bytes of a file are kept once its text is there.
    pub keeps_originals: bool,
}

/// Proves that files are what their seals promise.
pub struct Verifier {
    work: Rc<Work>,
}

struct Work {
    custody: Arc<Custody>,
    supervisor: Addr<Supervisor>,
    aggregator: Addr<BatchAggregator>,
    options: VerifierOptions,
    rotation: RefCell<Rotation>,
    /// Whose turn it is; none once that batch is cancelled, since the rest of the turn is ended elsewhere then.
    in_hand: Cell<Option<BatchId>>,
    announced: Notify,
    slots: Arc<Semaphore>,
    /// Of their own, so that those who only end wait for nobody who works.
    slots_of_cancelled: Arc<Semaphore>,
    checks: Semaphore,
    leads: Leads,
}

impl Verifier {
    #[must_use]
    pub fn new(
        custody: Arc<Custody>,
        supervisor: Addr<Supervisor>,
        aggregator: Addr<BatchAggregator>,
        options: VerifierOptions,
    ) -> Self {
        let work = Work {
            custody,
            supervisor,
            aggregator,
            options,
            rotation: RefCell::default(),
            in_hand: Cell::new(None),
            announced: Notify::new(),
            slots: Arc::new(Semaphore::new(SLOTS_MAX)),
            slots_of_cancelled: Arc::new(Semaphore::new(SLOTS_MAX)),
            checks: Semaphore::new(CHECKS_MAX),
            leads: Leads::default(),
        };
        Self { work: Rc::new(work) }
    }
}

impl Actor for Verifier {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(VERIFIER_MAILBOX_MAX);
        let work = Rc::clone(&self.work);
        let metrics = Arc::clone(&work.custody.metrics);
        actix_rt::spawn(panics::restarting("verifier", metrics, move || Rc::clone(&work).hand_out()));
    }
}

/// A batch is durable, entered in the job log, and not completed.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct StoredBatch {
    pub batch: BatchId,
    /// Files in the batch, the refused ones among them.
    pub files: usize,
}

impl Handler<StoredBatch> for Verifier {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, StoredBatch { batch, files }: StoredBatch, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        answering(Duty::StoredBatch, &self.work.custody.metrics, async move {
            if work.custody.joblog.is_cancelled(batch) {
                return work.cancel(batch, files);
            }
            work.rotation.borrow_mut().push(batch, files);
            work.announced.notify_one();
        })
    }
}

/// Hand out no more files; those that are out go on.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Stop;

impl Handler<Stop> for Verifier {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        answering(Duty::Stop, &self.work.custody.metrics, async move {
            work.slots.close();
            work.slots_of_cancelled.close();
        })
    }
}

impl Work {
    /// Does blocking work on a thread for it; none when it panicked, or when there is no thread to be had.
    async fn off_thread<T: Send + 'static>(&self, duty: Duty, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let done =
            async { tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| resume_unwind(error.into_panic())) };
        panics::caught(duty, &self.custody.metrics, done).await
    }

    /// Looks at a file, unless that was done already, and again until it is proved or lost for good.
    async fn verify(&self, file: Arc<WaitingFile>, slot: Slot, begun: Instant, mut looked: Option<Checked>) {
        let mut tried = 0;
        let checked = loop {
            tried += 1;
            let checked = match looked.take() {
                Some(checked) => checked,
                None => self.look(slice::from_ref(&file)).await.swap_remove(0),
            };
            match checked {
                Checked::NotYet(_) if tried < self.options.tries_max => tokio::select! {
                    () = tokio::time::sleep(backoff::delay(self.options.backoff_base, tried)) => {}
                    () = self.custody.joblog.cancelled(file.id.batch()) => break checked,
                },
                Checked::Sound(sound) => break self.scan(&file, sound).await,
                checked => break checked,
            }
        };
        let timings = Timings { verify_ms: ms_since(begun), ..Timings::default() };
        let twin = if let Checked::Sound(sound) = &checked { self.twin(&file, sound, &slot).await } else { None };
        match checked {
            Checked::Sound(_) | Checked::NotYet(_) | Checked::Unscanned(_)
                if self.custody.joblog.is_cancelled(file.id.batch()) =>
            {
                self.end(&file, Outcome::Cancelled, false, timings, slot).await;
            }
            Checked::Sound(sound) => match twin {
                Some(twin) => self.take_over(&file, twin, timings, slot).await,
                None => self.pass_on(self.verified(&file, sound, timings, slot).into_iter().collect()).await,
            },
            Checked::Refused(error) => self.end(&file, Outcome::Rejected(error), true, timings, slot).await,
            Checked::Lost(error) => self.end(&file, Outcome::Failed(error), true, timings, slot).await,
            Checked::NotYet(error) | Checked::Unscanned(error) => {
                self.end(&file, Outcome::Failed(error), false, timings, slot).await;
            }
        }
    }

    /// Looks once at some files, on one thread; what it showed of each.
    async fn look(&self, files: &[Arc<WaitingFile>]) -> Vec<Checked> {
        let _permit = self.checks.acquire().await;
        let (custody, looked_at) = (Arc::clone(&self.custody), files.to_vec());
        let takes_over = self.options.made_with.is_some();
        let look = move || looked_at.iter().map(|file| check(&custody, file, takes_over)).collect();
        self.off_thread(Duty::Look, look).await.unwrap_or_else(|| {
            let names: Names = files.iter().map(|file| file.id).collect();
            log::error!("{names}: looking at them failed");
            files.iter().map(|_| Checked::NotYet(FileErrorCode::Unreadable.into())).collect()
        })
    }

    /// A file that is what its seal promises, as the supervisor takes it.
    fn verified(&self, file: &WaitingFile, sound: Sound, timings: Timings, slot: Slot) -> Option<FileOnItsWay> {
        let Sound { media_type, warnings, kin: _ } = sound;
        let bytes = file.bytes()?;
        if let Err(error) = self.custody.joblog.apply(file.id, FileEvent::Verified) {
            log::error!("file {}: {error}", file.id);
            return None;
        }
        self.custody.metrics.count_verified(None);
        Some(FileOnItsWay {
            id: file.id,
            bytes,
            media_type,
            attempts: file.attempts,
            is_suspect: file.is_suspect,
            queued_at: Instant::now(),
            timings,
            warnings,
            slot,
        })
    }

    async fn pass_on(&self, files: Vec<FileOnItsWay>) {
        let names: Names = files.iter().map(|file| file.id).collect();
        if !files.is_empty() && !deliver(&self.supervisor, VerifiedFiles(files)).await {
            log::error!("{names}: the supervisor does not take them; they wait for the next start");
        }
    }

    async fn end(&self, file: &WaitingFile, outcome: Outcome, are_bytes_dead: bool, timings: Timings, slot: Slot) {
        if let Some(error) = outcome.error() {
            log::warn!("file {}: verification ends it as {}: {error}", file.id, outcome.state());
            self.custody.metrics.count_verified(Some(error.code));
        }
        let dead_bytes = are_bytes_dead.then(|| file.bytes()).flatten();
        let (attempts, text, is_deduplicated) = (file.attempts, Bytes::new(), false);
        let ended = EndedFile { file: file.id, attempts, outcome, text, is_deduplicated, timings, dead_bytes, slot };
        self.hand_over(ended).await;
    }

    /// Hands a file's outcome over to be made durable.
    async fn hand_over(&self, ended: EndedFile) {
        let id = ended.file;
        if !deliver(&self.aggregator, EndedFiles(vec![ended])).await {
            log::error!("file {id}: the aggregator takes no outcome; the file waits for the next start");
        }
    }
}
