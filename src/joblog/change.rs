//! What the writer is asked to write down, and what comes of it.

use super::record::{Claim, FileRecord};
use super::usage::Usage;
use super::webhooks::Tried;
use crate::batch::{BatchId, FileId};
use crate::spool::{FrameRef, RetriedFile, Sha256Digest};

/// One thing to write down.
#[derive(Debug)]
pub enum Change {
    /// A file has come to its end.
    End { file: FileId, record: Box<FileRecord> },
    /// Attempts are over without an end of the file, or a crash has cut them short.
    Attempts { file: FileId, retries: u32, attempts: u32, is_suspect: bool },
    /// From now on the claim's files may be tried.
    Claim { window: u64, claim: Claim },
    /// Every file of the window has ended, or has been claimed again.
    Release { window: u64 },
    /// A batch was accepted, and those who listen may be told.
    Tell { batch: BatchId },
    /// The files of a batch that have no outcome are to be cancelled.
    Cancel { batch: BatchId },
    /// Failed files of a batch are to be tried anew; `order` is where the results say so.
    Retry { batch: BatchId, files: Vec<RetriedFile>, order: FrameRef },
    /// A completed batch's removal begins.
    Doom { batch: BatchId },
    /// Nothing of a doomed batch is left on the disk; `spool` and `results` are the segments that it had regions or loans
    /// in, and `owned` is the key that says whose it was, where the batch has no record that would.
    Forget { batch: BatchId, spool: Vec<u64>, results: Vec<u64>, owned: Option<Vec<u8>> },
    /// A batch is no longer known by the idempotency key with this digest.
    ForgetKey { key: Sha256Digest, batch: BatchId },
    /// It was tried to tell somebody of a batch.
    Tried { batch: BatchId, tried: Tried },
}

/// What a commit brought about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Files that had no outcome before.
    pub ended: Vec<FileId>,
    /// Batches whose last file has ended.
    pub completed: Vec<BatchId>,
    /// Batches whose cancelling has begun.
    pub cancelled: Vec<BatchId>,
    /// Files that had failed and are to be tried anew.
    pub retried: Vec<FileId>,
    /// The owners of batches that had been completed and are open again, one for each batch.
    pub reopened: Vec<String>,
    /// What owners hold no longer.
    pub let_go: Vec<LetGo>,
    /// How many removals have begun, ever, if one of them began with these changes.
    pub removals: Option<u64>,
}

/// Some of what an owner held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    pub owner: String,
    pub held: Usage,
}
