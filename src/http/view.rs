//! What statuses look like as JSON: `snake_case`, times in RFC 3339 UTC, digests in hexadecimal.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::batch::{BatchId, BatchOutcome, FileError, FileErrorCode, FileId, FileState, Outcome, TextInfo, Tokenizer};
use crate::custody::{BatchStatus, FileStatus};
use crate::joblog::{BatchRecord, FileEnd};

/// Whether anything is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    Processing,
    Completed,
}

impl BatchState {
    /// The state of a batch with this record.
    pub const fn of(record: &BatchRecord) -> Self {
        if record.finished_ms.is_some() { Self::Completed } else { Self::Processing }
    }
}

/// A batch, with or without its files.
#[derive(Debug, Serialize)]
pub struct BatchView {
    id: BatchId,
    state: BatchState,
    outcome: Option<BatchOutcome>,
    created_at: String,
    finished_at: Option<String>,
    metadata: Option<Box<RawValue>>,
    progress: Progress,
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileView>>,
    links: BatchLinks,
}

#[derive(Debug, Serialize)]
struct Progress {
    files_done: u32,
    files_total: u32,
    percent: u32,
    bytes_total: u64,
}

#[derive(Debug, Serialize)]
struct Summary {
    total: u32,
    succeeded: u32,
    failed: u32,
    rejected: u32,
    cancelled: u32,
    pending: u32,
}

#[derive(Debug, Serialize)]
struct BatchLinks {
    #[serde(rename = "self")]
    this: String,
    next: Option<String>,
    events: String,
    results: String,
}

impl BatchView {
    /// A batch, some of its files, and where the next of them are.
    pub fn new(status: BatchStatus, files: Option<Vec<FileStatus>>, next: Option<String>) -> Self {
        let BatchStatus { id, record, metadata } = status;
        let tally = record.tally;
        Self {
            id,
            state: BatchState::of(&record),
            outcome: tally.outcome(),
            created_at: timestamp(record.created_ms),
            finished_at: record.finished_ms.map(timestamp),
            metadata: metadata.and_then(|json| RawValue::from_string(json).ok()),
            progress: Progress {
                files_done: tally.done(),
                files_total: tally.total,
                percent: 100 * tally.done() / tally.total.max(1),
                bytes_total: record.bytes_total,
            },
            summary: Summary {
                total: tally.total,
                succeeded: tally.succeeded,
                failed: tally.failed,
                rejected: tally.rejected,
                cancelled: tally.cancelled,
                pending: tally.pending(),
            },
            files: files.map(|files| files.into_iter().map(FileView::from).collect()),
            links: BatchLinks {
                this: format!("/batches/{id}"),
                next,
                events: format!("/batches/{id}/events"),
                results: format!("/batches/{id}/results"),
            },
        }
    }
}

impl BatchView {
    /// Whether anything is still to be done.
    pub const fn state(&self) -> BatchState {
        self.state
    }
}

/// A page of batches.
#[derive(Debug, Serialize)]
pub struct BatchList {
    pub batches: Vec<BatchView>,
    pub links: ListLinks,
}

#[derive(Debug, Serialize)]
pub struct ListLinks {
    pub next: Option<String>,
}

/// A file.
#[derive(Debug, Serialize)]
pub struct FileView {
    id: FileId,
    index: usize,
    name: String,
    /// None of a file that was refused while it arrived.
    size: Option<u64>,
    sha256: Option<String>,
    media_type: Option<String>,
    state: FileState,
    /// How often it was to be tried anew after it had failed.
    retries: u32,
    /// Attempts since then.
    attempts: u32,
    error: Option<ErrorView>,
    result: Option<ResultView>,
    timings: TimingsView,
    links: FileLinks,
}

#[derive(Debug, Serialize)]
struct FileLinks {
    #[serde(rename = "self")]
    this: String,
    content: Option<String>,
}

/// Why a file has no result.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorView {
    code: FileErrorCode,
    message: String,
    retryable: bool,
}

#[derive(Debug, Serialize)]
struct ResultView {
    text_url: String,
    chars: u64,
    tokens: u64,
    tokenizer: Tokenizer,
    pages: Option<u32>,
    /// Whether a limit ended the reading; the warnings say which.
    truncated: bool,
    metadata: ResultMetadata,
    warnings: Vec<String>,
    engine: String,
}

#[derive(Debug, Serialize)]
struct ResultMetadata {
    title: Option<String>,
    author: Option<String>,
    created: Option<String>,
    language: Option<String>,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in a name")]
struct TimingsView {
    upload_ms: u32,
    verify_ms: Option<u32>,
    queued_ms: Option<u32>,
    process_ms: Option<u32>,
}

/// A refused file of a request that became no batch.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedFileView {
    pub index: usize,
    pub name: String,
    pub error: ErrorView,
}

impl From<&FileError> for ErrorView {
    fn from(error: &FileError) -> Self {
        Self { code: error.code, message: error.message(), retryable: error.code.retryable() }
    }
}

impl From<FileStatus> for FileView {
    fn from(status: FileStatus) -> Self {
        let this = format!("/batches/{}/files/{}", status.id.batch(), status.id);
        let error = status.error().map(ErrorView::from);
        let content = status.has_content().then(|| format!("{this}/content"));
        let FileStatus { id, sealed, is_readable, state, retries, attempts, end } = status;
        let is_measured = is_readable && sealed.refused.is_none();
        let timings = end.as_ref().map(|end| end.timings);
        Self {
            id,
            index: id.index(),
            name: sealed.name,
            size: is_measured.then_some(sealed.length),
            sha256: is_measured.then(|| hex::encode(sealed.sha256)),
            media_type: Some(sealed.media_type).filter(|media_type| !media_type.is_empty()),
            state,
            retries,
            attempts,
            error,
            result: end.and_then(|end| result(end, &this)),
            timings: TimingsView {
                upload_ms: sealed.upload_ms,
                verify_ms: timings.map(|timings| timings.verify_ms),
                queued_ms: timings.map(|timings| timings.queued_ms),
                process_ms: timings.map(|timings| timings.process_ms),
            },
            links: FileLinks { this, content },
        }
    }
}

fn result(end: FileEnd, file: &str) -> Option<ResultView> {
    let Outcome::Succeeded(info) = end.outcome else { return None };
    let TextInfo { chars, tokens, tokenizer, pages, title, author, created, language, truncated, warnings, engine } =
        info;
    let metadata = ResultMetadata { title, author, created, language };
    Some(ResultView {
        text_url: format!("{file}/text"),
        chars,
        tokens,
        tokenizer,
        pages,
        truncated,
        metadata,
        warnings,
        engine,
    })
}

/// A time in RFC 3339, always to the millisecond.
fn timestamp(ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_millisecond() {
        assert_eq!(timestamp(1_795_527_070_080), "2026-11-24T13:31:10.080Z");
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
    }
}
