//! Bytes on the disk: the only module that writes and syncs files.
//!
//! A batch is its files' bytes and a seal, a region of an append-only segment; it exists if and only if its seal is whole
//! and durable. Results lie in segments of the same kind. Reading order: `frame`, `extent`, `segment`, `stock`, `committer`,
//! `store`, `erase`, `seal`, `intake`, `stream`, `content`, `survey`, `examine`, `removals`, `duplicate`, `lock`.

mod committer;
mod content;
mod digests;
mod duplicate;
mod erase;
mod examine;
mod extent;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod intake;
mod lock;
mod removals;
mod seal;
mod segment;
mod stock;
mod store;
mod stream;
mod survey;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use derive_more::{Display, Error};
use tokio::sync::Semaphore;

pub use self::committer::{COMMIT_QUEUE_MAX, OnCommitted};
pub use self::content::Content;
pub use self::duplicate::Duplicate;
pub use self::examine::{ExaminedSegment, SegmentUse};
pub use self::extent::Extent;
pub use self::frame::{BLOCK_BYTES, FrameBody, FrameKind, FrameRef, align_up};
#[cfg(any(test, feature = "fuzzing"))]
pub use self::fuzz::frame;
pub use self::intake::{Intake, KeptFile, OnSealed};
pub use self::lock::DirectoryLock;
pub use self::removals::Removals;
pub use self::seal::{
    GroupKind, Idempotency, Loan, Place, ResultEntry, ResultsHeader, RetriedFile, SealHeader, SealedBatch, SealedFile,
    Sha256Digest, Timings,
};
pub use self::store::{SegmentStore, StoreOptions};
pub use self::survey::{Known, Survey};

/// Told how long each sync took.
pub type SyncObserver = Arc<dyn Fn(Duration) + Send + Sync>;

/// Why bytes could not be taken, kept or given.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq)]
pub enum SpoolError {
    /// The disk has no room; it may have some later.
    #[display("the disk is full")]
    Full,
    /// The segment is gone.
    #[display("the segment is missing")]
    Missing,
    /// A checksum is wrong, or a file is shorter than it was.
    #[display("the stored bytes are damaged")]
    Damaged,
    /// The spool is shutting down.
    #[display("the spool is closed")]
    Closed,
    /// The batch is durable, but could not be entered in the job log.
    #[display("the job log did not take the batch")]
    NotEntered,
    /// The batch is durable, and the job log failed while it was entered: the next start enters it.
    #[display("the job log failed while it took the batch")]
    InDoubt,
    #[display("input or output failed: {_0}")]
    Io(#[error(not(source))] io::ErrorKind),
}

impl SpoolError {
    /// What an I/O error means for the bytes.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Self::Damaged,
            kind => Self::Io(kind),
        }
    }
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::from_io(&error)
    }
}

/// Where batches arrive: a store of segments and the memory that small batches share.
pub struct Spool {
    store: Arc<SegmentStore>,
    budget: Arc<Semaphore>,
    small_batch_bytes_max: usize,
}

impl Spool {
    /// A spool over a store, with `memory_bytes_max` for all the batches of up to `small_batch_bytes_max` that arrive at
    /// one time.
    #[must_use]
    pub fn new(store: Arc<SegmentStore>, memory_bytes_max: usize, small_batch_bytes_max: usize) -> Self {
        let grains = (memory_bytes_max / intake::BUDGET_GRAIN_BYTES).min(Semaphore::MAX_PERMITS);
        Self { store, budget: Arc::new(Semaphore::new(grains)), small_batch_bytes_max }
    }

    /// Begins to take a batch in.
    #[must_use]
    pub fn receive(&self) -> Intake {
        Intake::new(Arc::clone(&self.store), Arc::clone(&self.budget), self.small_batch_bytes_max)
    }

    /// The segments with the batches' bytes and seals.
    #[must_use]
    pub const fn store(&self) -> &Arc<SegmentStore> {
        &self.store
    }
}

/// The bytes that a process without privileges may still write to the filesystem of `path`.
///
/// # Errors
/// When the filesystem does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
