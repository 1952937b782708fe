//! What is answered to an upload: at once, when its batch is completed, or again.

use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::value::RawValue;

use super::auth::Caller;
use super::batches::until_completed;
use super::door::OwnBatch;
use super::page::{FILES_PAGE_MAX, FirstPage, Page, first_page, fitting, view};
use super::view::{BatchState, BatchView, ErrorView, RefusedFileView};
use super::{Api, ApiError};
use crate::batch::BatchId;
use crate::custody::{BatchStatus, FileStatus};
use crate::spool::{SealedBatch, SealedFile};

/// Says that an answer is that of a batch that was there already.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The first page of the files of a batch that is being sealed.
pub fn page_of_sealed(id: BatchId, files: Vec<SealedFile>) -> FirstPage {
    let status = |(index, file)| FileStatus::sealed(id.file(index), file);
    first_page(id, files.len(), files.into_iter().enumerate().map(status))
}

/// 202 with the status of a batch that has just been sealed, and the page of its files.
pub fn acknowledge(api: &Api, caller: &Caller, sealed: SealedBatch, page: FirstPage) -> Result<HttpResponse, ApiError> {
    let id = sealed.header.batch;
    let record = api.door.batch(caller, id)?.into_record();
    Ok(accepted(BatchStatus { id, record, metadata: sealed.header.metadata }, page))
}

/// 200 when the batch is completed in time, otherwise 202 with the status as it is when the wait is over.
pub async fn answer_after(api: &Api, batch: &OwnBatch, wait: Duration) -> Result<HttpResponse, ApiError> {
    until_completed(api, batch, wait).await?;
    let view = batch.off_thread(|batch| view(batch, &Page::FIRST)).await??;
    let is_completed = view.state() == BatchState::Completed;
    Ok(located(if is_completed { HttpResponse::Ok() } else { HttpResponse::Accepted() }, batch.id()).json(view))
}

/// What the request that made the batch was answered, or with `wait` what it would be answered now.
pub async fn replay(api: &Api, caller: &Caller, id: BatchId, wait: Option<Duration>) -> Result<HttpResponse, ApiError> {
    let answered = match (api.door.batch(caller, id), wait) {
        (Err(error), _) => Err(error),
        (Ok(batch), Some(wait)) => answer_after(api, &batch, wait).await,
        (Ok(batch), None) => batch.off_thread(|batch| batch.as_sealed(FILES_PAGE_MAX)).await?.map(|(status, files)| {
            let page = first_page(id, status.record.seal.entries as usize, files);
            accepted(status, page)
        }),
    };
    // It was removed a moment ago, and with it its key is free.
    let gone = |error| if matches!(error, ApiError::NotFound) { ApiError::IdempotencyConflict } else { error };
    let mut response = answered.map_err(gone)?;
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// 202 with the first page of a batch's files.
fn accepted(status: BatchStatus, (files, next): FirstPage) -> HttpResponse {
    located(HttpResponse::Accepted(), status.id).json(BatchView::new(status, Some(files), next))
}

fn located(mut response: HttpResponseBuilder, id: BatchId) -> HttpResponseBuilder {
    response.insert_header((LOCATION, format!("/batches/{id}")));
    response
}

/// The files that were refused, and why, when there is no batch to tell it.
pub fn refused(files: &[SealedFile]) -> Vec<Box<RawValue>> {
    let view = |(index, file): (usize, &SealedFile)| {
        let error = ErrorView::from(file.refused.as_ref()?);
        Some(RefusedFileView { index, name: file.name.clone(), error })
    };
    fitting(files.iter().enumerate().filter_map(view))
}
