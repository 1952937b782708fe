//! Where the spool, the results and the job log meet: what a start has to enter, what has become of a batch, and how all
//! trace of one is removed.

mod cancel;
mod idempotency;
mod recovery;
mod removal;
mod retention;
mod retry;
mod sharing;
mod soundness;
mod status;
#[cfg(test)]
mod tests;
mod twin;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use derive_more::{Display, Error, From};
use tokio::sync::RwLock;

pub use self::cancel::Cancel;
pub use self::idempotency::keep_forgetting_keys;
pub use self::recovery::{Recovered, file_record};
pub use self::removal::Removal;
pub use self::retention::{Due, Reason, keep_to};
pub use self::retry::{RETRIES_MAX, Retry};
pub use self::sharing::{Borrowing, GivenBack, digests_of};
pub use self::status::{BatchStatus, FileStatus};
pub use self::twin::Twin;
pub use self::walk::{Among, BatchPage, BatchWalk, NameSearch};
use crate::config::SpoolSettings;
use crate::joblog::{JobLog, JobLogError, StoreName};
use crate::metrics::Metrics;
use crate::spool::{DirectoryLock, Removals, SealedBatch, SegmentStore, Spool, SpoolError, StoreOptions};

/// The folder of the job log in a data directory.
pub const JOB_LOG: &str = "joblog";

/// Why the data directory could not be read or written.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq, From)]
pub enum CustodyError {
    Spool(SpoolError),
    JobLog(JobLogError),
}

/// How a data directory is kept.
#[derive(Debug, Clone)]
pub struct CustodyOptions {
    pub spool: SpoolSettings,
    /// What stays free on the disk for results and the job log, in bytes.
    pub free_bytes_min: u64,
}

/// Everything that lies in a data directory.
pub struct Custody {
    pub spool: Spool,
    pub results: SegmentStore,
    pub joblog: JobLog,
    pub metrics: Arc<Metrics>,
    dir: PathBuf,
    removals: Removals,
    /// Read by those who borrow bytes, and written by those who give some back.
    sharing: Arc<RwLock<()>>,
    /// The last to go, when nothing of ours is open any more.
    lock: DirectoryLock,
}

impl Custody {
    /// Opens the data directory `dir`; nothing is entered or swept yet.
    ///
    /// # Errors
    /// When a directory cannot be made or read, or the job log does not open.
    pub fn open(
        lock: DirectoryLock,
        dir: &Path,
        options: &CustodyOptions,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CustodyError> {
        let joblog = JobLog::open(&dir.join(JOB_LOG), metrics.sync_observer("joblog"))?;
        let custody = Self::with(joblog, lock, dir, options, metrics)?;
        custody.take_over_removals()?;
        Ok(custody)
    }

    /// Opens the data directory `dir` only if its job log opens as it lies there.
    ///
    /// # Errors
    /// [`JobLogError::Damaged`] when it does not, and as [`Custody::open`].
    pub fn open_as_it_is(lock: DirectoryLock, dir: &Path, options: &CustodyOptions) -> Result<Self, CustodyError> {
        let joblog = JobLog::open_as_it_is(&dir.join(JOB_LOG))?;
        let custody = Self::with(joblog, lock, dir, options, Arc::new(Metrics::new()))?;
        custody.take_over_removals()?;
        Ok(custody)
    }

    /// A data directory with a job log that is open already. Opening it so changes nothing if `options` asks for no stock.
    ///
    /// # Errors
    /// When a directory cannot be made or read.
    pub fn with(
        joblog: JobLog,
        lock: DirectoryLock,
        dir: &Path,
        options: &CustodyOptions,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CustodyError> {
        let CustodyOptions { spool: config, free_bytes_min } = options;
        metrics.operation.disk_reserve_bytes.set(i64::try_from(*free_bytes_min).unwrap_or(i64::MAX));
        let open_store = |name, store, free_bytes_min| -> Result<SegmentStore, CustodyError> {
            let options = StoreOptions {
                segment_bytes: config.segment_bytes,
                stock_segments: config.stock_segments,
                used_id_max: joblog.checkpoint(store)?,
                free_bytes_min,
                observe_sync: metrics.sync_observer(name),
            };
            Ok(SegmentStore::open(&dir.join(name), options).map_err(|error| SpoolError::from_io(&error))?)
        };
        let store = Arc::new(open_store("spool", StoreName::Spool, *free_bytes_min)?);
        // Results may use half of what uploads leave; the rest is the job log's, so that batches can still be removed.
        let results = open_store("results", StoreName::Results, *free_bytes_min / 2)?;
        let in_memory = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let spool = Spool::new(store, in_memory(config.memory_bytes_max), in_memory(config.small_batch_bytes_max));
        let removals = Removals::open(dir).map_err(|error| SpoolError::from_io(&error))?;
        Ok(Self { spool, results, joblog, metrics, dir: dir.to_owned(), removals, sharing: Arc::default(), lock })
    }

    /// Enters a batch whose seal is durable in the job log.
    ///
    /// # Errors
    /// When the job log takes no more changes.
    pub fn enter(&self, sealed: &SealedBatch) -> Result<(), JobLogError> {
        let is_shared = self.spool.store().is_active(sealed.seal.segment);
        self.joblog.enter(sealed, is_shared)?;
        self.metrics.spool_files.inc_by(i64::from(sealed.seal.entries));
        let waiting = sealed.files.iter().filter(|file| file.refused.is_none()).count();
        self.metrics.queue_depth.inc_by(i64::try_from(waiting).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Brings the figures up to date that are not counted as things happen. Blocking.
    pub fn measure(&self) {
        let whole = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.metrics.files_in_motion.set(whole(self.joblog.moving_count() as u64));
        self.metrics.operation.batches_open.set(whole(self.joblog.open_count() as u64));
        self.metrics.operation.storage_working.set(self.is_working().into());
        if let Ok(free) = self.free_bytes() {
            self.metrics.disk_free_bytes.set(whole(free));
        }
        if let (Ok(spool), Ok(results)) = (self.spool.store().disk_bytes(), self.results.disk_bytes()) {
            self.metrics.spool_bytes.set(whole(spool + results));
        }
    }

    /// Whether batches and outcomes can be made durable.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.spool.store().is_working() && self.results.is_working() && self.joblog.trouble().is_none()
    }

    /// Whether the disk takes writes. Blocking.
    ///
    /// # Errors
    /// What the disk says.
    pub fn try_disk(&self) -> std::io::Result<()> {
        self.lock.try_disk()
    }

    /// The bytes that may still be written to the data directory's filesystem.
    ///
    /// # Errors
    /// When the filesystem does not say.
    pub fn free_bytes(&self) -> std::io::Result<u64> {
        crate::spool::free_bytes(&self.dir)
    }
}
