//! The job log: what has become of each file, on sled, which only this module names.
//!
//! The log follows the seals and the results and can be made anew from them. Changes go through one writer, which flushes
//! once for all that wait; reading asks nobody. sled is not trusted: every record has a checksum of ours, every group is
//! followed by a sync of sled's file, opening is done with care, and every start checks the whole log. Reading order:
//! `key`, `record`, `pack`, `event`, `open`, `index`, `idempotency`, `owners`, `loans`, `digests`, `usage`, `webhooks`, `check`,
//! `start`, `motion`, `completions`, `cancellations`, `events`, `writer`, `step`.

mod blobs;
mod cancellations;
mod change;
mod check;
mod completions;
mod digests;
mod event;
mod events;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod idempotency;
mod index;
mod key;
mod loans;
mod motion;
mod open;
mod owners;
mod pack;
mod record;
mod start;
mod step;
mod usage;
mod webhooks;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use derive_more::{Display, Error};
use tokio::sync::{mpsc, oneshot};

use self::blobs::Blobs;
pub use self::change::{Change, Committed, LetGo};
pub use self::check::{Checked, Fault, NamedGroups, Stray};
pub use self::completions::Completion;
pub use self::event::{BatchChange, Event, NumberedEvent};
pub use self::events::{EVENT_IDS_PER_MS_BITS, Missed, NEWS_QUEUE_MAX, News, Subscription};
#[cfg(any(test, feature = "fuzzing"))]
pub use self::fuzz::record;
pub use self::idempotency::{KeyPage, KeyedBatch};
use self::index::Index;
pub use self::loans::Borrower;
pub use self::motion::Moving;
use self::pack::Packs;
pub use self::record::{BatchRecord, Claim, ClaimedFile, FileEnd, FileRecord};
pub use self::usage::{Holdings, Usage};
pub use self::webhooks::{Delivery, DeliveryState, Tried, Webhooks};
pub use self::writer::ORDER_QUEUE_MAX;
use self::writer::{Order, Writer};
use crate::batch::{BatchId, FileId};
use crate::spool::{SealedBatch, SyncObserver};

/// The two stores whose segments the log refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum StoreName {
    Results = b'r',
    Spool = b's',
}

/// Why the log could not be read or written.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq)]
pub enum JobLogError {
    /// A record or the database is not what was written.
    #[display("the job log is damaged")]
    Damaged,
    /// The log says less than it said before: changes that were durable are gone.
    #[display("the job log has lost its newest changes")]
    Outdated,
    /// The log takes no more changes.
    #[display("the job log is closed")]
    Closed,
    #[display("the disk is full")]
    Full,
    #[display("the job log could not be read or written: {_0}")]
    Io(#[error(not(source))] io::ErrorKind),
}

impl JobLogError {
    fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            kind => Self::Io(kind),
        }
    }

    fn from_sled(error: &sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::from_io(error),
            _ => Self::Damaged,
        }
    }
}

impl From<io::Error> for JobLogError {
    fn from(error: io::Error) -> Self {
        Self::from_io(&error)
    }
}

/// A handle on the open log.
pub struct JobLog {
    index: Arc<Index>,
    orders: Option<mpsc::Sender<Order>>,
    writer: Option<JoinHandle<()>>,
}

impl JobLog {
    /// Opens the log in `dir`, which is made if it is not there, and starts its writer.
    ///
    /// # Errors
    /// When the directory cannot be used, or not even a new log opens.
    pub fn open(dir: &Path, observe_sync: SyncObserver) -> Result<Self, JobLogError> {
        Self::start(dir, open::open(dir)?, observe_sync)
    }

    /// Opens the log in `dir` only if it opens as it lies there: nothing is put aside and no other log is made.
    ///
    /// # Errors
    /// [`JobLogError::Damaged`] when it does not open.
    pub fn open_as_it_is(dir: &Path) -> Result<Self, JobLogError> {
        Self::start(dir, open::open_as_it_is(dir)?, Arc::new(|_| {}))
    }

    /// Moves a log that nobody has open aside as it is, and says where it lies now. The next to open one makes it anew.
    ///
    /// # Errors
    /// When the log cannot be moved; it lies where it was then.
    pub fn put_aside(dir: &Path) -> io::Result<PathBuf> {
        open::put_aside(dir)
    }

    fn start(dir: &Path, opened: open::Opened, observe_sync: SyncObserver) -> Result<Self, JobLogError> {
        let index = Arc::new(Index::new(opened.db)?);
        let (orders, queue) = mpsc::channel(ORDER_QUEUE_MAX);
        let mut writer = Writer::new(queue, Arc::clone(&index), (opened.file, Blobs::of(dir)), observe_sync);
        // What a killed process wrote last may be in the kernel's memory alone, and a start acts on what it reads.
        writer.sync()?;
        index.mark_owners()?;
        let writer = std::thread::Builder::new()
            .name("job log".into())
            .spawn(move || writer.run())
            .map_err(|error| JobLogError::from_io(&error))?;
        Ok(Self { index, orders: Some(orders), writer: Some(writer) })
    }

    /// Enters a batch whose seal is durable, so that it can be seen and worked on. Callable from any thread.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub fn enter(&self, sealed: &SealedBatch, is_shared: bool) -> Result<(), JobLogError> {
        self.index.enter(sealed, is_shared)
    }

    /// Makes changes durable in one atomic step; returns when they are.
    ///
    /// # Errors
    /// When the log takes no more changes, or a record that they rest on is damaged.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Committed, JobLogError> {
        let (answer, answered) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or(JobLogError::Closed)?;
        orders.send(Order { changes, answer }).await.map_err(|_| JobLogError::Closed)?;
        answered.await.unwrap_or(Err(JobLogError::Closed))
    }

    /// A batch's record, if there is such a batch.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn batch(&self, id: BatchId) -> Result<Option<BatchRecord>, JobLogError> {
        self.index.batch(id)
    }

    /// Whether there is such a batch, and its removal has not begun. Cheaper than its record.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn is_living(&self, id: BatchId) -> Result<bool, JobLogError> {
        Ok(self.index.has(&key::batch(id))? && !self.index.has(&key::doomed(id))?)
    }

    /// The newest batch that is older than `before`, or the newest of all.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn batch_before(&self, before: Option<BatchId>) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        self.index.batch_before(before)
    }

    /// The oldest batch that is newer than `after`, or the oldest of all.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn batch_after(&self, after: Option<BatchId>) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        self.index.batch_after(after)
    }

    /// The batches that are not completed, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn open_batches(&self) -> Result<Vec<BatchId>, JobLogError> {
        self.index.open_batches()
    }

    /// How many batches are not completed.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.index.open_count()
    }

    /// The batches whose removal has begun.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn doomed_batches(&self) -> Result<Vec<BatchId>, JobLogError> {
        self.index.doomed_batches()
    }

    /// A file's record; an empty one while nothing has happened to it.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn file(&self, id: FileId) -> Result<FileRecord, JobLogError> {
        self.index.file(id)
    }

    /// The records of the files `from` to `to` that have one, by index.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn files(&self, id: BatchId, from: usize, to: usize) -> Result<Vec<(usize, FileRecord)>, JobLogError> {
        self.index.files(id, from, to)
    }

    /// The records of these files, in this order; what is one entry is read once.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn files_of(&self, files: impl IntoIterator<Item = FileId>) -> Result<Vec<FileRecord>, JobLogError> {
        let mut packs = Packs::new(&self.index);
        files.into_iter().map(|file| packs.get(file)).collect()
    }

    /// The claims of windows that are not released, oldest first.
    ///
    /// # Errors
    /// When a claim cannot be read.
    pub fn claims(&self) -> Result<Vec<(u64, Claim)>, JobLogError> {
        self.index.claims()
    }

    /// What to wait for until a batch is completed; none when it is.
    ///
    /// # Errors
    /// When the batch's record cannot be read.
    pub fn completion(&self, id: BatchId) -> Result<Option<Completion>, JobLogError> {
        let is_open = || Ok::<_, JobLogError>(self.index.batch(id)?.is_some_and(|batch| batch.finished_ms.is_none()));
        if !is_open()? {
            return Ok(None);
        }
        let completion = self.index.completions.subscribe(id);
        if is_open()? {
            return Ok(Some(completion));
        }
        // It completed in between, and nobody else will close the channel.
        self.index.completions.complete(id);
        Ok(None)
    }

    /// Why the log takes no more changes, if it has failed.
    #[must_use]
    pub fn trouble(&self) -> Option<JobLogError> {
        self.index.trouble()
    }
}

impl Drop for JobLog {
    /// Lets the writer finish what it was given.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
