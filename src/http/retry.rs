//! `POST /batches/{batch}/retry`: failed files are tried anew, with as many attempts as a new file has.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};

use super::admission::admit_work;
use super::batches::until_completed;
use super::door::OwnBatch;
use super::openapi::parameters::{BatchPath, RetriedFile, Wait};
use super::openapi::{examples, problems};
use super::page::{Page, view};
use super::query::Query;
use super::view::BatchView;
use super::{Api, ApiError};
use crate::actors::panics::deliver;
use crate::actors::verifier::StoredBatch;
use crate::custody::{RETRIES_MAX, Retry};

problems!(
    RetryProblems: InvalidParameter, NotFound, NotFailed, NotCompleted, RetriedTooOften, QueueFull, StorageFailed, Internal,
    StorageUnavailable, Draining, DiskFull
);

/// Tries what has failed anew.
///
/// All failed files are, or the one that is named, each with as many attempts as a new file has. The answer is the status,
/// as it is at once or when the wait is over.
#[utoipa::path(
    post,
    path = "/batches/{batch}/retry",
    operation_id = "retry_batch",
    tag = "batches",
    params(BatchPath, Wait, RetriedFile),
    responses(
        (status = 202, description = "Files are tried anew.", body = BatchView, example = json!(examples::accepted())),
        (status = 200, description = "There was nothing to try anew.", body = BatchView,
            example = json!(examples::completed())),
        RetryProblems,
    )
)]
pub async fn retry(batch: OwnBatch, request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let id = batch.id();
    let query = Query::of(&request)?;
    let (wait, file) = (query.wait(Duration::from_millis(api.limits.wait_ms_max))?, query.file(id)?);
    admit_work(&api)?;
    let mut response = match batch.retry(file).await? {
        Retry::Begun { files, batch_files } => {
            log::info!("batch {id}: {files} files are retried");
            if !deliver(&api.verifier, StoredBatch { batch: id, files: batch_files }).await {
                log::error!("batch {id}: the verifier does not take it; its retries wait for the next start");
            }
            HttpResponse::Accepted()
        }
        Retry::Nothing => HttpResponse::Ok(),
        Retry::NotFailed(state) => return Err(ApiError::NotFailed { state }),
        Retry::Cancelling => return Err(ApiError::NotCompleted),
        Retry::TooOften => return Err(ApiError::RetriedTooOften { max: RETRIES_MAX }),
        Retry::Unknown => return Err(ApiError::NotFound),
    };
    until_completed(&api, &batch, wait.unwrap_or_default()).await?;
    let view = batch.off_thread(|batch| view(batch, &Page::FIRST)).await??;
    Ok(response.json(view))
}
