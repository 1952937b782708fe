//! `GET /api/task_status`: what has become of a file, in the words of a Celery task.
//!
//! As in DocsGPT an id that nobody knows is `PENDING`, never a failure. With keys, so is one of somebody else's file.

use std::process;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::form::{ApiKey, TaskId};
use super::refusal::{Refusal, RefusalView};
use super::sender::{Sender, query};
use crate::batch::{FileError, FileId, FileState, Outcome};
use crate::custody::FileStatus;
use crate::http::auth::{Caller, Keyring};
use crate::http::door::there;
use crate::http::{Api, ApiError, RequestId};

/// A task's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum TaskState {
    Pending,
    Started,
    Progress,
    Retry,
    Success,
    Failure,
    Revoked,
}

/// What has become of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
struct TaskView {
    status: TaskState,
    #[schema(required)]
    result: Option<TaskResult>,
}

/// What is known of a task; what it is depends on the state.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum TaskResult {
    Started { pid: u32, hostname: &'static str },
    Progress { current: u32, status: &'static str },
    Attachment(Box<AttachmentView>),
    Words(String),
}

/// An attachment whose text was read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attachment)]
struct AttachmentView {
    attachment_id: FileId,
    filename: String,
    /// Where its bytes are, as a path on this server.
    path: String,
    /// Tokens in the whole text, as this server counts them (`worker.tokenizer`).
    token_count: u64,
    mime_type: String,
    metadata: AttachmentMetadata,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttachmentMetadata {
    storage_type: &'static str,
    extraction: ExtractionView,
}

/// How its text was read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttachmentExtraction)]
struct ExtractionView {
    status: ExtractionStatus,
    /// The library that read it and its version.
    parser: String,
    /// Whether a limit ended the reading.
    truncated: bool,
    original_tokens: u64,
    stored_tokens: u64,
}

/// Whether there was any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExtractionStatus {
    Ok,
    NoText,
}

impl ExtractionStatus {
    /// Of a text with so many characters.
    pub const fn of(chars: u64) -> Self {
        if chars == 0 { Self::NoText } else { Self::Ok }
    }
}

/// What has become of a file, as DocsGPT tells it.
#[utoipa::path(
    get,
    path = "/api/task_status",
    operation_id = "get_task_status",
    tag = "docsgpt",
    params(TaskId, ApiKey),
    responses(
        (status = 200, description = "The task's state; `PENDING` of one that nobody knows.", body = TaskView),
        (status = 400, description = "There is no `task_id`, or the task cannot be read.", body = RefusalView),
        (status = 401, description = "The key is none of this server's, or there is none.", body = RefusalView,
            headers(("WWW-Authenticate"))),
        (status = 429, description = "The key has made as many requests as it may.", body = RefusalView,
            headers(("Retry-After"))),
        (status = 503, description = "The task waits, and no worker can be started.", body = RefusalView,
            headers(("Retry-After"))),
    )
)]
pub async fn status(
    request: HttpRequest,
    api: web::Data<Api>,
    keyring: web::Data<Keyring>,
    request_id: web::ReqData<RequestId>,
) -> HttpResponse {
    match look(&request, &api, &keyring).await {
        Ok(view) => HttpResponse::Ok().json(view),
        Err(refusal) => refusal.response(&request_id.to_string()),
    }
}

async fn look(request: &HttpRequest, api: &Api, keyring: &Keyring) -> Result<TaskView, Refusal> {
    let sender = Sender::of(request, keyring)?;
    let task = query(request, "task_id").ok_or(Refusal::NoTask)?;
    let caller = sender.known()?;
    let file = match FileId::parse(&task) {
        Some(id) => file(api, &caller, id).await.map_err(Refusal::TaskUnreadable)?,
        None => None,
    };
    let view = file.map_or(TaskView { status: TaskState::Pending, result: None }, view);
    if view.status == TaskState::Pending && api.health.workers().is_some() {
        return Err(Refusal::NoWorker);
    }
    Ok(view)
}

/// A file of the caller's, if it is there.
async fn file(api: &Api, caller: &Caller, id: FileId) -> Result<Option<FileStatus>, ApiError> {
    let Some(batch) = there(api.door.batch(caller, id.batch()))? else { return Ok(None) };
    there(batch.off_thread(move |batch| batch.file(id)).await?)
}

fn view(file: FileStatus) -> TaskView {
    let (status, result) = match file.state {
        FileState::Stored => (TaskState::Pending, None),
        FileState::Verified => {
            (TaskState::Started, Some(TaskResult::Started { pid: process::id(), hostname: "consign" }))
        }
        FileState::Processing if file.is_read => {
            (TaskState::Progress, Some(TaskResult::Progress { current: 80, status: "Storing in database" }))
        }
        FileState::Processing => {
            (TaskState::Progress, Some(TaskResult::Progress { current: 30, status: "Processing content" }))
        }
        FileState::Retrying => {
            let words = "The file could not be read; another attempt follows.";
            (TaskState::Retry, Some(TaskResult::Words(words.to_owned())))
        }
        FileState::Succeeded => (TaskState::Success, attachment(file).map(Box::new).map(TaskResult::Attachment)),
        FileState::Failed | FileState::Rejected => {
            let words = file.error().map_or_else(String::new, FileError::message);
            (TaskState::Failure, Some(TaskResult::Words(words)))
        }
        FileState::Cancelled => (TaskState::Revoked, Some(TaskResult::Words(String::new()))),
    };
    TaskView { status, result }
}

fn attachment(file: FileStatus) -> Option<AttachmentView> {
    let FileStatus { id, sealed, end, .. } = file;
    let Outcome::Succeeded(info) = end?.outcome else { return None };
    let extraction = ExtractionView {
        status: ExtractionStatus::of(info.chars),
        parser: info.engine,
        truncated: info.truncated,
        original_tokens: info.tokens,
        stored_tokens: info.tokens,
    };
    Some(AttachmentView {
        attachment_id: id,
        path: format!("/batches/{}/files/{id}/content", id.batch()),
        token_count: info.tokens,
        mime_type: mime_type(sealed.media_type),
        filename: sealed.name,
        metadata: AttachmentMetadata { storage_type: "local", extraction },
    })
}

/// What a file is, or that nobody knows (RFC 2046, section 4.5.1).
pub fn mime_type(media_type: String) -> String {
    if media_type.is_empty() { "application/octet-stream".into() } else { media_type }
}
