//! The nouns: batch, file, state, outcome, error, and the one function that decides every transition.
//!
//! No I/O and no dependency on any other module of ours. What lies on the disk, travels between actors or leaves as
//! JSON is built from these.

use derive_more::{Display, Error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most files that a batch can ever hold: a file's id has 16 bits for its index, and 0 stands for the batch itself.
pub const BATCH_FILES_LIMIT: usize = u16::MAX as usize;

/// The low 16 bits of an id: 0 in a batch's, index + 1 in a file's.
const INDEX_MASK: u128 = 0xffff;

/// A batch's id: a UUIDv7 (RFC 9562) whose low 16 bits are 0.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(Uuid);

/// A file's id: its batch's id with the file's index + 1 in the low 16 bits.
///
/// So the batch and the place in it follow from the id alone, no index maps one to the other, and a batch recovered
/// from its seal has the same file ids as before. 58 random bits keep the ids of other batches unguessable.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(Uuid);

impl BatchId {
    /// A fresh id; later ones sort after earlier ones.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Uuid::now_v7())
    }

    fn of(uuid: Uuid) -> Self {
        Self(Uuid::from_u128(uuid.as_u128() & !INDEX_MASK))
    }

    /// The id in text, if it is the id of a batch.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        (uuid.as_u128() & INDEX_MASK == 0).then_some(Self(uuid))
    }

    /// The 16 bytes, most significant first, so that their order is the order of creation.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id whose [`as_bytes`](Self::as_bytes) these are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::of(Uuid::from_bytes(bytes))
    }

    /// The id of the file with this index.
    ///
    /// # Panics
    /// When `index` is at or past [`BATCH_FILES_LIMIT`].
    #[must_use]
    pub fn file(self, index: usize) -> FileId {
        assert!(index < BATCH_FILES_LIMIT, "a batch holds at most {BATCH_FILES_LIMIT} files");
        FileId(Uuid::from_u128(self.0.as_u128() | (index as u128 + 1)))
    }
}

impl Default for BatchId {
    fn default() -> Self {
        Self::new()
    }
}

impl FileId {
    /// The id in text, if it is the id of a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        (uuid.as_u128() & INDEX_MASK != 0).then_some(Self(uuid))
    }

    /// The batch that the file belongs to.
    #[must_use]
    pub fn batch(self) -> BatchId {
        BatchId::of(self.0)
    }

    /// The file's place in its batch, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0.as_u128() as u16) - 1
    }
}

/// Where a file stands. The first four are on their way, the last four are terminal.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum FileState {
    /// Durable, and acknowledged or about to be.
    Stored,
    /// Proved to be what its seal promises.
    Verified,
    /// In a child's hands.
    Processing,
    /// Waits for its next attempt.
    Retrying,
    Succeeded,
    Failed,
    Rejected,
    Cancelled,
}

/// What can happen to a file.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum FileEvent {
    Verified,
    Started,
    WillRetry,
    /// The server stopped while the file was on its way; it goes on from its last durable state.
    Interrupted,
    Succeeded,
    Failed,
    Rejected,
    Cancelled,
}

/// An event that cannot happen to a file in this state: a bug or a damaged log, never a user's fault.
#[derive(Debug, Display, Error, PartialEq, Eq)]
#[display("a file that is {state} cannot become {event}")]
pub struct IllegalEvent {
    pub state: FileState,
    pub event: FileEvent,
}

impl FileState {
    /// The only judge of transitions, live and at replay.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the event cannot happen in this state.
    pub const fn next(self, event: FileEvent) -> Result<Self, IllegalEvent> {
        use FileEvent as E;
        use FileState as S;
        match (self, event) {
            (S::Stored, E::Verified) => Ok(S::Verified),
            (S::Verified | S::Retrying, E::Started) => Ok(S::Processing),
            (S::Processing, E::WillRetry) => Ok(S::Retrying),
            (S::Stored | S::Verified | S::Processing | S::Retrying, E::Interrupted) => Ok(S::Stored),
            (S::Processing, E::Succeeded) => Ok(S::Succeeded),
            (S::Stored | S::Verified | S::Processing | S::Retrying, E::Failed) => Ok(S::Failed),
            (S::Stored | S::Verified, E::Rejected) => Ok(S::Rejected),
            (S::Stored | S::Verified | S::Processing | S::Retrying, E::Cancelled) => Ok(S::Cancelled),
            (state, event) => Err(IllegalEvent { state, event }),
        }
    }

    /// Whether nothing more will happen to the file by itself.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected | Self::Cancelled)
    }
}

/// Why a file has no result. The text form of a code is stable; programs match on it.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum FileErrorCode {
    NameEmpty,
    NameTooLong,
    FileTooLarge,
    UnsupportedType,
    TypeMismatch,
    Missing,
    Damaged,
    Unreadable,
    TooLargeToExtract,
    TextTooLarge,
    ExpandsTooFar,
    Timeout,
    Stalled,
    OutOfMemory,
    Crashed,
    Panicked,
    ParseError,
    PasswordProtected,
}

impl FileErrorCode {
    /// What the user is told: one sentence, nothing of paths or parsers.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NameEmpty => "The file has no name; send it with one.",
            Self::NameTooLong => "The file's name is longer than this server takes; shorten it.",
            Self::FileTooLarge => "The file is larger than this server takes.",
            Self::UnsupportedType => "Text cannot be read from files of this type.",
            Self::TypeMismatch => "The file's content is not of the type that its name says.",
            Self::Missing => "The stored file is gone; upload it again.",
            Self::Damaged => "The stored file no longer matches its digest; upload it again.",
            Self::Unreadable => "The stored file could not be read; try again when the server's disk is well.",
            Self::TooLargeToExtract => "The file is kept, but it is too large for its text to be read.",
            Self::TextTooLarge => "The file's text is larger than this server takes.",
            Self::ExpandsTooFar => "The file unpacks to more than this server takes.",
            Self::Timeout => "Reading the file took too long and was stopped.",
            Self::Stalled => "Reading the file came to a standstill and was stopped.",
            Self::OutOfMemory => "Reading the file needed more memory than it may have.",
            Self::Crashed => "Reading the file crashed its parser.",
            Self::Panicked => "Reading the file failed inside its parser.",
            Self::ParseError => "The file is damaged, or not what its type says.",
            Self::PasswordProtected => "The file is protected by a password; remove it and upload the file again.",
        }
    }

    /// Whether another attempt may end better: true for what time, memory or a killed child may have caused, false
    /// for what lies in the file itself.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Unreadable | Self::Timeout | Self::Stalled | Self::OutOfMemory | Self::Crashed)
    }
}

/// Why one file has no result.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[display("{code}{}", detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
pub struct FileError {
    pub code: FileErrorCode,
    /// A word that makes the code exact, such as `SIGSEGV`; ours, never a parser's.
    pub detail: Option<String>,
}

impl FileError {
    #[must_use]
    pub fn with_detail(code: FileErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }

    /// The code's sentence, with the detail where there is one.
    #[must_use]
    pub fn message(&self) -> String {
        let sentence = self.code.message();
        match &self.detail {
            Some(detail) => format!("{} ({detail}).", sentence.trim_end_matches('.')),
            None => sentence.to_owned(),
        }
    }
}

impl From<FileErrorCode> for FileError {
    fn from(code: FileErrorCode) -> Self {
        Self { code, detail: None }
    }
}

/// The vocabulary that tokens are counted with.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum Tokenizer {
    #[default]
    #[serde(rename = "cl100k_base")]
    #[display("cl100k_base")]
    Cl100kBase,
    #[serde(rename = "o200k_base")]
    #[display("o200k_base")]
    O200kBase,
}

/// What is known of an extracted text besides the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextInfo {
    /// Unicode scalar values in the text.
    pub chars: u64,
    /// Tokens in the whole text; special-token text counts as text.
    pub tokens: u64,
    pub tokenizer: Tokenizer,
    pub pages: Option<u32>,
    pub title: Option<String>,
    pub author: Option<String>,
    /// What was skipped or could not be read, a sentence each, beginning with a code: `no_text: …`.
    pub warnings: Vec<String>,
    /// The library that read the file and its version: `hayro 0.9.0`.
    pub engine: String,
}

/// How a file ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Succeeded(TextInfo),
    Failed(FileError),
    Rejected(FileError),
    Cancelled,
}

impl Outcome {
    /// The event by which a file ends so.
    #[must_use]
    pub const fn event(&self) -> FileEvent {
        match self {
            Self::Succeeded(_) => FileEvent::Succeeded,
            Self::Failed(_) => FileEvent::Failed,
            Self::Rejected(_) => FileEvent::Rejected,
            Self::Cancelled => FileEvent::Cancelled,
        }
    }

    /// The terminal state that a file with this outcome is in.
    #[must_use]
    pub const fn state(&self) -> FileState {
        match self {
            Self::Succeeded(_) => FileState::Succeeded,
            Self::Failed(_) => FileState::Failed,
            Self::Rejected(_) => FileState::Rejected,
            Self::Cancelled => FileState::Cancelled,
        }
    }

    /// Why there is no result, where that was an error.
    #[must_use]
    pub const fn error(&self) -> Option<&FileError> {
        match self {
            Self::Failed(error) | Self::Rejected(error) => Some(error),
            Self::Succeeded(_) | Self::Cancelled => None,
        }
    }
}

/// How a completed batch ended, from how its files did.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum BatchOutcome {
    Succeeded,
    Partial,
    Failed,
    Cancelled,
}

/// How many of a batch's files are in which terminal state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub total: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub rejected: u32,
    pub cancelled: u32,
}

impl Tally {
    /// Counts one more file that has come to its end in `state`.
    ///
    /// # Panics
    /// When `state` is not terminal.
    pub const fn count(&mut self, state: FileState) {
        match state {
            FileState::Succeeded => self.succeeded += 1,
            FileState::Failed => self.failed += 1,
            FileState::Rejected => self.rejected += 1,
            FileState::Cancelled => self.cancelled += 1,
            FileState::Stored | FileState::Verified | FileState::Processing | FileState::Retrying => {
                panic!("only a terminal state is counted")
            }
        }
    }

    /// Files with an outcome.
    #[must_use]
    pub const fn done(&self) -> u32 {
        self.succeeded + self.failed + self.rejected + self.cancelled
    }

    /// Files without one.
    #[must_use]
    pub const fn pending(&self) -> u32 {
        self.total - self.done()
    }

    /// How the batch ended; none while files are pending.
    #[must_use]
    pub const fn outcome(&self) -> Option<BatchOutcome> {
        if self.pending() > 0 {
            None
        } else if self.succeeded == self.total {
            Some(BatchOutcome::Succeeded)
        } else if self.cancelled > 0 && self.succeeded == 0 {
            Some(BatchOutcome::Cancelled)
        } else if self.succeeded > 0 {
            Some(BatchOutcome::Partial)
        } else {
            Some(BatchOutcome::Failed)
        }
    }
}
