//! The one door from a request to what is kept: a batch is reached through it by its owner alone.
//!
//! Nothing behind it hands out a batch for an id. A handler that wants one takes an [`OwnBatch`], which asks for the caller
//! by itself, so a new route cannot forget to. Whose a batch is not is told nothing else than of one that never was.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;

pub use self::events::OwnEvents;
pub use self::own_batch::OwnBatch;
use super::ApiError;
use super::auth::Caller;
use crate::batch::BatchId;
use crate::config::RetentionSettings;
use crate::custody::{BatchPage, BatchWalk, Borrowing, Custody, Due, NameSearch};
use crate::joblog::{BatchRecord, JobLogError, KeyedBatch, Usage};
use crate::metrics::Metrics;
use crate::spool::{Intake, OnSealed, Sha256Digest, SpoolError};

mod events;
mod own_batch;
mod sharing;

/// The door.
#[derive(Clone)]
pub struct Door {
    custody: Arc<Custody>,
    /// Where blocking work finds a thread.
    blocking: Handle,
    /// Whether bytes that several files of an owner have are stored once.
    is_sharing: bool,
}

impl Door {
    /// The door to `custody`; what blocks does so on a thread of the runtime `blocking`.
    #[must_use]
    pub const fn new(custody: Arc<Custody>, blocking: Handle, is_sharing: bool) -> Self {
        Self { custody, blocking, is_sharing }
    }

    /// A caller's batch.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] when the caller has no such batch, whoever else may have one.
    pub(super) fn batch(&self, caller: &Caller, id: BatchId) -> Result<OwnBatch, ApiError> {
        let record =
            self.custody.joblog.batch(id)?.filter(|record| !record.is_doomed && record.owner == caller.owner());
        Ok(OwnBatch::new(id, record.ok_or(ApiError::NotFound)?, self.clone()))
    }

    /// A page of a caller's batches, of those that `wanted` says yes to and the search, where there is one, finds.
    ///
    /// # Errors
    /// When the job log or a seal cannot be read.
    pub(super) async fn batches(
        &self,
        caller: Caller,
        walk: BatchWalk,
        search: Option<NameSearch>,
        wanted: impl Fn(&BatchRecord) -> bool + Send + 'static,
    ) -> Result<BatchPage, ApiError> {
        let walked = self.off_thread(move |custody| match search {
            Some(search) => custody.batches_named(caller.owner(), &walk, &search, wanted),
            None => custody.batches(caller.owner(), &walk, wanted),
        });
        Ok(walked.await??)
    }

    /// Room for a batch that arrives.
    pub(super) fn receive(&self) -> Intake {
        self.custody.spool.receive()
    }

    /// What enters a batch in the job log once its seal is durable. What it has on loan is its own from there on.
    pub(super) fn entering(&self, borrowing: Option<Borrowing>) -> OnSealed {
        let custody = Arc::clone(&self.custody);
        Box::new(move |sealed| {
            let _until_entered = borrowing;
            custody.enter(sealed).map_err(|error| {
                log::error!("batch {}: not entered in the job log: {error}", sealed.header.batch);
                if error == JobLogError::Closed { SpoolError::NotEntered } else { SpoolError::InDoubt }
            })
        })
    }

    /// Tells those who listen that a batch was accepted, unless they have been told already.
    pub(super) async fn tell(&self, batch: BatchId) {
        if let Err(error) = self.custody.joblog.tell_if_heard(batch).await {
            log::error!("batch {batch}: those who listen are not told of it: {error}");
        }
    }

    /// The batch that was made under an idempotency key, whose digest says whose key it is.
    ///
    /// # Errors
    /// When the job log cannot be read, or does not forget a key whose time is over.
    pub(super) async fn batch_of_key(
        &self,
        key: &Sha256Digest,
        kept: Duration,
    ) -> Result<Option<KeyedBatch>, ApiError> {
        Ok(self.custody.batch_of_key(key, kept).await?)
    }

    /// What retention would remove of a caller's now.
    ///
    /// # Errors
    /// When the job log cannot be read.
    pub(super) async fn due(
        &self,
        caller: Caller,
        settings: RetentionSettings,
        max: usize,
    ) -> Result<Vec<Due>, ApiError> {
        let due = self.off_thread(move |custody| {
            let now_ms = Timestamp::now().as_millisecond();
            custody.due(&settings, now_ms, max, |record| record.owner == caller.owner())
        });
        Ok(due.await??)
    }

    /// Removes what retention says of a caller's; what that was.
    ///
    /// # Errors
    /// When one could not be removed; those behind it stay for another time.
    pub(super) async fn sweep(&self, caller: Caller, settings: RetentionSettings) -> Result<Vec<Due>, ApiError> {
        let runtime = self.blocking.clone();
        let swept =
            self.off_thread(move |custody| custody.sweep(&settings, &runtime, |record| record.owner == caller.owner()));
        Ok(swept.await??)
    }

    /// Whether batches and outcomes can be made durable.
    pub(super) fn is_working(&self) -> bool {
        self.custody.is_working()
    }

    /// Why the job log takes no more changes, if it has failed.
    pub(super) fn log_trouble(&self) -> Option<JobLogError> {
        self.custody.joblog.trouble()
    }

    /// Batches of all owners that are not completed.
    pub(super) fn open_count(&self) -> usize {
        self.custody.joblog.open_count()
    }

    /// What a caller holds at this moment.
    pub(super) fn usage(&self, caller: &Caller) -> Usage {
        self.custody.joblog.usage(caller.owner())
    }

    /// The bytes that may still be written.
    ///
    /// # Errors
    /// When the filesystem does not say.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        self.custody.free_bytes()
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.custody.metrics
    }

    /// Something of all that is counted, over all owners, after what is not counted as it happens was brought up to date.
    ///
    /// # Errors
    /// When the measuring panicked.
    pub(super) async fn measured<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Metrics) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.off_thread(|custody| {
            custody.measure();
            read(&custody.metrics)
        })
        .await
    }

    /// Runs what reads from the disk on a blocking thread of the pipeline's runtime, which keeps those that it has.
    async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Custody) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let custody = Arc::clone(&self.custody);
        let read = self.blocking.spawn_blocking(move || read(&custody));
        read.await.map_err(|error| ApiError::Internal(error.to_string()))
    }
}

/// What is there; none when its batch is gone.
pub(super) fn there<T>(found: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ApiError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
