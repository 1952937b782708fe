//! `POST /api/store_attachment`: the files of one request become one batch; one file is answered in its old shape.
//!
//! The key may come behind the files, so what has come by then is dropped unless it does; nothing is sealed for anybody
//! who is not known.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::sleep;
use utoipa::ToSchema;

use super::form::{ApiKey, AttachmentForm};
use super::names::{extension, safe_filename};
use super::refusal::{Refusal, RefusalView, RefusedView, too_large};
use super::sender::Sender;
use crate::batch::{BatchId, FileErrorCode, FileId};
use crate::http::admission::{admit, announced_bytes};
use crate::http::arriving::{Arriving, Fields, Sealing};
use crate::http::auth::Keyring;
use crate::http::digest::{Body, content_digest};
use crate::http::form::{file_name, is_form};
use crate::http::{Api, ApiError, RequestId};
use crate::spool::SealedFile;

/// How long after the answer the pipeline is told of the batch. A client that heard of a file's end before it has taken
/// up the answer would not know which of its files that is.
const ANSWER_TAKEN_UP: Duration = Duration::from_millis(300);

/// Uploads at one time whose sender is not known yet: without a key nobody takes the places of those who have one.
const STRANGERS_MAX: usize = 16;

/// Of the bytes of the largest file so many may come of a stranger's: a file that is too large is told so by its name.
const STRANGERS_FILES_MAX: u64 = 2;

/// The places of strangers.
#[derive(Clone)]
pub struct Strangers(Arc<Semaphore>);

impl Default for Strangers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STRANGERS_MAX)))
    }
}

/// The answer to an upload that was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredAttachments)]
#[serde(untagged)]
enum StoredView {
    One(OneView),
    Many(ManyView),
}

/// The answer to one file.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredAttachment)]
struct OneView {
    success: bool,
    task_id: FileId,
    attachment_id: FileId,
    message: &'static str,
}

/// The answer to several.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredAttachmentList)]
struct ManyView {
    success: bool,
    message: String,
    tasks: Vec<StoredTask>,
    /// Those that were refused; left out when none was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<RefusedView>,
}

/// A file that was taken.
#[derive(Serialize, ToSchema)]
struct StoredTask {
    task_id: FileId,
    /// The name that it is kept under.
    filename: String,
    attachment_id: FileId,
    /// Its place among the parts `file` of the request, from 0.
    upload_index: usize,
}

/// Takes custody of attachments, as DocsGPT does.
///
/// Every part `file` with a file name is a file. The answer is given when all of them are on the disk.
#[utoipa::path(
    post,
    path = "/api/store_attachment",
    operation_id = "store_attachment",
    tag = "docsgpt",
    params(ApiKey),
    request_body(content = AttachmentForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "At least one file is kept.", body = StoredView),
        (status = 400, description = "There is no file, or none that is taken.", body = RefusalView),
        (status = 401, description = "The key is none of this server's, or there is none.", body = RefusalView,
            headers(("WWW-Authenticate"))),
        (status = 408, description = "The body came too slowly.", body = RefusalView),
        (status = 413, description = "A file, or the request, is too large.", body = RefusalView),
        (status = 429, description = "Too much arrives or waits, or the key has used up what it may have.",
            body = RefusalView, headers(("Retry-After"))),
        (status = 503, description = "Nothing can be stored at this moment.", body = RefusalView,
            headers(("Retry-After"))),
        (status = 507, description = "The disk is too full.", body = RefusalView),
    )
)]
pub async fn store(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
    keyring: web::Data<Keyring>,
    request_id: web::ReqData<RequestId>,
) -> HttpResponse {
    let (answered, until_answered) = oneshot::channel::<()>();
    let taken_up = async {
        // Its sender is dropped with the end of this handler, behind which the answer is on its way.
        let _: Result<(), _> = until_answered.await;
        sleep(ANSWER_TAKEN_UP).await;
    };
    let upload = Upload { request: &request, api: &api, keyring: &keyring };
    let response = match upload.receive(payload, taken_up).await {
        Ok(stored) => {
            log::info!("request {}: batch {}: accepted with {} files", *request_id, stored.batch, stored.files.len());
            HttpResponse::Ok().json(stored.view(&api))
        }
        Err(refusal) => refusal.response(&request_id.to_string()),
    };
    drop(answered);
    response
}

/// An upload under way.
struct Upload<'a> {
    request: &'a HttpRequest,
    api: &'a Api,
    keyring: &'a Keyring,
}

/// What came of it.
struct Stored {
    batch: BatchId,
    files: Vec<SealedFile>,
    /// The names as they were sent, in the order of the files.
    names: Vec<String>,
}

impl Upload<'_> {
    async fn receive(
        &self,
        payload: web::Payload,
        taken_up: impl Future<Output = ()> + 'static,
    ) -> Result<Stored, Refusal> {
        let of_upload = |error| Refusal::of_upload(error, &self.api.limits);
        self.check_length()?;
        let mut sender = Sender::of(self.request, self.keyring)?;
        let _open = admit(self.request, self.api).map_err(of_upload)?;
        if !is_form(self.request) {
            return Err(Refusal::NoFiles(None));
        }
        let digest = content_digest(self.request.headers()).map_err(of_upload)?;
        let mut place = None;
        let mut arriving = if let Some(caller) = sender.caller() {
            Arriving::of(self.api, caller).map_err(of_upload)?
        } else {
            place = Some(self.stranger()?);
            let limits = &self.api.limits;
            let bytes_max = limits.file_bytes_max.saturating_mul(STRANGERS_FILES_MAX).min(limits.batch_bytes_max);
            Arriving::of_stranger(self.api, bytes_max)
        };
        let body = Body::new(payload, digest);
        let received = self.receive_parts(&mut arriving, &mut sender, &mut place, body).await;
        let names = received.inspect_err(|_| arriving.count_aborted())?;
        if names.iter().all(String::is_empty) {
            return Err(Refusal::NoFiles(None));
        }
        sender.known().inspect_err(|_| arriving.count_aborted())?;
        if arriving.files().iter().all(|file| file.refused.is_some()) {
            self.api.count_uploads(arriving.files());
            return Err(self.refusal(&names, arriving.files()));
        }
        let sealing = Sealing { fields: Fields::default(), key: None, answered: taken_up, is_told_first: true };
        let (sealed, ()) = arriving.seal(sealing, |_, _| ()).await.map_err(of_upload)?;
        Ok(Stored { batch: sealed.header.batch, files: sealed.files, names })
    }

    /// Whether the length that the request has says that it is too large.
    fn check_length(&self) -> Result<(), Refusal> {
        let bytes_max = self.api.limits.batch_bytes_max;
        let is_too_large = announced_bytes(self.request) > Some(bytes_max);
        if is_too_large { Err(Refusal::RequestTooLarge { bytes_max }) } else { Ok(()) }
    }

    fn stranger(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let Strangers(places) = &self.api.strangers;
        Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::Other(ApiError::TooManyUploads))
    }

    /// Reads the request's parts, and says how the files were called.
    async fn receive_parts(
        &self,
        arriving: &mut Arriving<'_>,
        sender: &mut Sender<'_>,
        place: &mut Option<OwnedSemaphorePermit>,
        body: Body,
    ) -> Result<Vec<String>, Refusal> {
        let of_upload = |error| Refusal::of_upload(error, &self.api.limits);
        let mut parts = Multipart::new(self.request.headers(), body.stream());
        let mut names = Vec::new();
        while let Some(part) = arriving.next_part(&mut parts).await.map_err(of_upload)? {
            let (field, name) = (part.name().unwrap_or_default().to_owned(), file_name(&part));
            match (field.as_str(), name) {
                ("file", Some(name)) => {
                    let safe = safe_filename(&name);
                    names.push(name);
                    arriving.receive_file(part, safe).await.map_err(of_upload)?;
                }
                ("api_key", None) => {
                    let key = arriving.read_field(part).await.map_err(of_upload)?;
                    sender.shows(&key)?;
                    if let Some(caller) = sender.caller() {
                        arriving.belongs_to(caller).map_err(of_upload)?;
                        *place = None;
                    }
                }
                (_, Some(_)) => arriving.pass_over(part).await.map_err(of_upload)?,
                (_, None) => drop(arriving.read_field(part).await.map_err(of_upload)?),
            }
        }
        arriving.ended(body).await.map_err(of_upload)?;
        Ok(names)
    }

    /// What is answered when every file was refused.
    fn refusal(&self, names: &[String], files: &[SealedFile]) -> Refusal {
        let all = |code| files.iter().all(|file| file.refused.as_ref().is_some_and(|error| error.code == code));
        if all(FileErrorCode::UnsupportedType) {
            Refusal::Unsupported(refused(self.api, names, files))
        } else if all(FileErrorCode::FileTooLarge) {
            Refusal::TooLarge(refused(self.api, names, files))
        } else {
            Refusal::NoValidFiles
        }
    }
}

impl Stored {
    fn view(self, api: &Api) -> StoredView {
        let Self { batch, files, names } = self;
        if files.len() == 1 {
            let (id, message) = (batch.file(0), "File uploaded successfully. Processing started.");
            return StoredView::One(OneView { success: true, task_id: id, attachment_id: id, message });
        }
        let errors = refused(api, &names, &files);
        let kept = files.into_iter().enumerate().filter(|(_, file)| file.refused.is_none());
        let tasks: Vec<_> = kept
            .map(|(upload_index, file)| {
                let id = batch.file(upload_index);
                StoredTask { task_id: id, filename: file.name, attachment_id: id, upload_index }
            })
            .collect();
        let refused = if errors.is_empty() { String::new() } else { format!(" {} file(s) failed.", errors.len()) };
        let message = format!("{} file(s) uploaded successfully. Processing started.{refused}", tasks.len());
        StoredView::Many(ManyView { success: true, message, tasks, errors })
    }
}

/// The files that were refused, and why.
fn refused(api: &Api, names: &[String], files: &[SealedFile]) -> Vec<RefusedView> {
    let view = |(upload_index, (file, name)): (usize, (&SealedFile, &String))| {
        let error = match file.refused.as_ref()?.code {
            FileErrorCode::FileTooLarge => too_large(&api.limits),
            FileErrorCode::UnsupportedType => match extension(&file.name) {
                "" => "Unsupported file type: (no extension)".to_owned(),
                extension => format!("Unsupported file type: {}", extension.to_lowercase()),
            },
            _ => "Failed to process file".to_owned(),
        };
        Some(RefusedView { upload_index, filename: name.clone(), error })
    };
    files.iter().zip(names).enumerate().filter_map(view).collect()
}
