//! What a server answers, as far as the client looks into it. Members that are not here are passed over.

use serde::Deserialize;
use serde_json::Value;

use crate::batch::{BatchId, FileId, FileState};

/// How much the server takes at once.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "limits end in max, as everywhere")]
pub struct Limits {
    pub batch_files_max: usize,
    pub batch_bytes_max: u64,
    pub file_bytes_max: u64,
    pub name_bytes_max: usize,
    /// Bytes of a form field that is no file.
    pub field_bytes_max: u64,
}

/// A batch, with or without a page of its files.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    pub id: BatchId,
    pub state: String,
    /// None while files are pending.
    pub outcome: Option<String>,
    pub created_at: String,
    pub summary: Summary,
    #[serde(default)]
    pub files: Vec<File>,
}

impl Batch {
    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether it is completed and some file of it has no text.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.outcome.as_deref().is_some_and(|outcome| outcome != "succeeded")
    }
}

/// How many files of a batch are in which state.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Summary {
    pub total: usize,
    pub succeeded: usize,
    pub failed: usize,
    pub rejected: usize,
    pub cancelled: usize,
    pub pending: usize,
}

/// A file's status.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    pub id: FileId,
    pub index: usize,
    pub name: String,
    pub size: Option<u64>,
    pub state: FileState,
    pub error: Option<FileError>,
    /// What is known of its text, as the server says it.
    pub result: Option<Value>,
}

impl File {
    /// Tokens of its text, once it has one.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        self.result.as_ref()?.get("tokens")?.as_u64()
    }
}

/// Why a file has no text.
#[derive(Debug, Clone, Deserialize)]
pub struct FileError {
    pub code: String,
    pub message: String,
}

/// A line of a batch's results.
#[derive(Debug, Deserialize)]
pub struct ResultLine {
    #[serde(flatten)]
    pub file: File,
    pub text: Option<String>,
    /// Why the text of a file that has succeeded cannot be had.
    pub text_error: Option<FileError>,
}

/// A file of a request that became no batch, since every file was refused.
#[derive(Debug, Clone, Deserialize)]
pub struct RefusedFile {
    pub index: usize,
    pub error: FileError,
}

/// A page of the list of batches.
#[derive(Debug, Deserialize)]
pub struct BatchList {
    pub batches: Vec<Batch>,
    pub links: ListLinks,
}

/// Where the list goes on, as a path.
#[derive(Debug, Deserialize)]
pub struct ListLinks {
    pub next: Option<String>,
}

/// A file that the server has already, by its digest.
#[derive(Debug, Clone, Deserialize)]
pub struct Held {
    pub sha256: String,
    pub batch_id: BatchId,
    pub file_id: FileId,
    pub state: FileState,
}

/// The answer to a question for digests.
#[derive(Debug, Deserialize)]
pub struct HeldFiles {
    pub files: Vec<Held>,
}
