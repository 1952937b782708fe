//! `POST /batches/{batch}/retry`: failed files are tried anew, with as many attempts as a new file has.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};

use super::admission::admit_work;
use super::batches::{FILES_PAGE_MAX, Page, until_completed, view};
use super::door::OwnBatch;
use super::query::Query;
use super::{Api, ApiError};
use crate::actors::panics::deliver;
use crate::actors::verifier::StoredBatch;
use crate::custody::{RETRIES_MAX, Retry};

/// The handler. `?file=` names the one that is wanted; without it all that have failed are. The answer is the status, as it
/// is at once or when the wait is over: 202 when anything is tried anew, 200 when there was nothing to do.
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
    let page = Page { after: None, limit: FILES_PAGE_MAX, states: None };
    let view = batch.off_thread(move |batch| view(batch, &page)).await??;
    Ok(response.json(view))
}
