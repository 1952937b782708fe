//! The pipeline. Data goes right; what goes left is an answer or a freed slot.
//!
//! ```text
//! http ─ReceiveFile─► Uploader [1] ─► spool: seal durable ─► job log: entered ─► 202
//!   └─StoredBatch─► Verifier [16] ─VerifiedFiles─► Supervisor [16] ─EndedFiles─► BatchAggregator [16] ─► results, job log
//!                       │                             ⇅ Attempt                      ▲
//!                       │                         Processor [1] × N                  │
//!                       └───────────────EndedFiles (refused, lost)────────────────────┘
//! ```
//! The number in brackets is the mailbox. What keeps the pipeline small is not the mailboxes but the slots: a file that
//! leaves the job log takes one, and gives it back when its outcome is durable, so that a million waiting files cost disk
//! and no memory. Replay after a crash sends the same messages as live work.

pub mod aggregator;
pub mod backoff;
pub mod panics;
pub mod processor;
pub mod rotation;
pub mod supervisor;
pub mod uploader;
pub mod verifier;

use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use self::verifier::Lead;
use crate::batch::FileId;
use crate::spool::{Extent, Timings};

/// Files between the job log and their outcome; each pins some hundred bytes, and its text once it is read.
pub const SLOTS_MAX: usize = 256;

/// A file's place in the pipeline, free again when the last who holds it lets go: the file's messages, and who sends them.
pub type Slot = Arc<Held>;

/// What a file holds on its way.
#[derive(Debug)]
pub struct Held {
    _place: OwnedSemaphorePermit,
    lead: OnceLock<Lead>,
}

impl Held {
    /// A place, and no lead.
    #[must_use]
    pub fn new(place: OwnedSemaphorePermit) -> Slot {
        Arc::new(Self { _place: place, lead: OnceLock::new() })
    }

    /// Holds the lead over the files with the same bytes, too.
    pub fn lead(&self, lead: Lead) {
        // A file takes the lead once; a second one is let go of at once.
        let _ = self.lead.set(lead);
    }
}

/// A file that has left the job log and is on its way to an outcome.
#[derive(Debug, Clone)]
pub struct FileOnItsWay {
    pub id: FileId,
    pub bytes: FileBytes,
    /// The type by content first, and by name second.
    pub media_type: String,
    /// Attempts that are over.
    pub attempts: u32,
    /// Whether the file may have taken a whole process down; it is tried alone then.
    pub is_suspect: bool,
    /// When the file began to wait for a processor.
    pub queued_at: Instant,
    pub timings: Timings,
    /// What the verifier noticed, for the result's warnings.
    pub warnings: Vec<String>,
    /// Given back when the outcome is durable.
    pub slot: Slot,
}

/// Files, as the log names them.
#[derive(Debug)]
pub struct Names(Vec<FileId>);

impl FromIterator<FileId> for Names {
    fn from_iter<I: IntoIterator<Item = FileId>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

impl Display for Names {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(FileId::to_string).collect();
        write!(formatter, "files {}", names.join(", "))
    }
}

/// Where a file's bytes lie, and with which file they came: itself, or the one that lends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileBytes {
    pub extent: Extent,
    pub lender: FileId,
}

/// Milliseconds since `start`, as a record holds them.
#[must_use]
pub fn ms_since(start: Instant) -> u32 {
    ms(start.elapsed())
}

/// A duration in milliseconds, as a record holds them.
#[must_use]
pub fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
