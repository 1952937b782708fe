//! Batches as JSON: one with its files, and a page of many.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::file::FileView;
use super::timestamp;
use super::webhook::WebhookView;
use crate::batch::{BatchId, BatchOutcome};
use crate::custody::BatchStatus;
use crate::joblog::BatchRecord;

/// Whether anything is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchView {
    id: BatchId,
    state: BatchState,
    /// How the batch ended; null while files are pending.
    #[schema(required)]
    outcome: Option<BatchOutcome>,
    /// When the batch was accepted (RFC 3339, UTC).
    #[schema(format = DateTime)]
    created_at: String,
    /// When the last of its files ended; null until then.
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
    /// What the client sent as `metadata`, as it was sent.
    #[schema(value_type = Option<Object>, required)]
    metadata: Option<Box<RawValue>>,
    progress: Progress,
    summary: Summary,
    /// A page of its files in the order of their indexes. A list of batches leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<FileView>>)]
    files: Option<Vec<Box<RawValue>>>,
    /// Who is told that it is completed, and how far that has come. What is told to them leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    webhooks: Option<Vec<WebhookView>>,
    links: BatchLinks,
}

/// How far a batch has come.
#[derive(Debug, Serialize, ToSchema)]
struct Progress {
    /// Files that have an outcome.
    files_done: u32,
    files_total: u32,
    #[schema(maximum = 100)]
    percent: u32,
    /// Bytes of all files together.
    bytes_total: u64,
}

/// How many files of a batch are in which state; always of the whole batch.
#[derive(Debug, Serialize, ToSchema)]
struct Summary {
    total: u32,
    succeeded: u32,
    failed: u32,
    rejected: u32,
    cancelled: u32,
    /// Files without an outcome.
    pending: u32,
}

/// Where more is to be had of a batch, as paths.
#[derive(Debug, Serialize, ToSchema)]
struct BatchLinks {
    #[serde(rename = "self")]
    this: String,
    /// The next page of files; null when there is none.
    #[schema(required)]
    next: Option<String>,
    /// What happens to it, as server-sent events.
    events: String,
    /// The results of all files that have ended.
    results: String,
}

impl BatchView {
    /// A batch, some of its files, and where the next of them are.
    pub fn new(status: BatchStatus, files: Option<Vec<Box<RawValue>>>, next: Option<String>) -> Self {
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
            webhooks: Some(WebhookView::all(&record.webhooks)),
            files,
            links: BatchLinks {
                this: format!("/batches/{id}"),
                next,
                events: format!("/batches/{id}/events"),
                results: format!("/batches/{id}/results"),
            },
        }
    }

    /// A batch as it is told to others: nothing in it changes any more.
    pub fn as_told(status: BatchStatus) -> Self {
        Self { webhooks: None, ..Self::new(status, None, None) }
    }

    /// Whether anything is still to be done.
    pub const fn state(&self) -> BatchState {
        self.state
    }
}

/// A page of batches, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchList {
    /// May be short or even empty; only a page without a `next` link is the last.
    pub batches: Vec<BatchView>,
    pub links: ListLinks,
}

/// Where the list goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListLinks {
    /// The next page, as a path; null when there is none.
    #[schema(required)]
    pub next: Option<String>,
}
