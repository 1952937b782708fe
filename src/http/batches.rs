//! Batches: one with its files, all of them page by page, and the removal of one.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;

use super::auth::Caller;
use super::door::OwnBatch;
use super::openapi::parameters::{BatchPath, BatchesPage, FilesPage, Wait};
use super::openapi::{examples, problems};
use super::page::{FILES_PAGE_MAX, Page, view};
use super::query::{Query, Word, encoded};
use super::view::{BatchList, BatchState, BatchView, ListLinks};
use super::{Api, ApiError, KeptPages, front};
use crate::actors::panics::deliver;
use crate::actors::verifier::CancelledBatch;
use crate::batch::BatchOutcome;
use crate::custody::{Among, BatchWalk, Cancel, NameSearch, Removal};
use crate::joblog::BatchRecord;

/// Batches on a page of the list.
const BATCHES_PAGE_MAX: usize = 100;

/// Batches that one request for the list looks at: a fraction of a second of reading, of a list of a million perhaps.
const BATCHES_LOOKED_AT_MAX: usize = 10_000;

/// Names of files that one request for the list reads: some megabytes of seals.
const NAMES_READ_MAX: usize = 50_000;

problems!(StatusProblems: InvalidParameter, NotFound, StorageFailed, Internal);

/// The status of a batch with a page of its files.
///
/// With `wait`, the answer is given when the batch is completed or the wait is over. Who would rather have `text/html` than
/// JSON, as a browser that follows a link would, is given the page that shows the batch, whether there is one or not, and
/// without a key: its script asks for the status.
#[utoipa::path(
    get,
    path = "/batches/{batch}",
    operation_id = "get_batch",
    tag = "batches",
    params(BatchPath, Wait, FilesPage),
    responses(
        (status = 200, description = "The batch as it is now.", content(
            (BatchView = "application/json", example = json!(examples::completed())),
            (String = "text/html"),
        )),
        StatusProblems,
    )
)]
pub async fn status(
    batch: Result<OwnBatch, ApiError>,
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    if front::is_asked_for(&request) {
        return Ok(front::of_batch(&request));
    }
    let batch = batch?;
    let query = Query::of(&request)?;
    let page = Page {
        after: query.number("after", 0, crate::batch::BATCH_FILES_LIMIT)?,
        limit: query.number("limit", 1, FILES_PAGE_MAX)?.unwrap_or(FILES_PAGE_MAX),
        states: query.states()?,
    };
    if let Some(wait) = query.wait(Duration::from_millis(api.limits.wait_ms_max))? {
        until_completed(&api, &batch, wait).await?;
    }
    let json = match api.pages.get(batch.id(), batch.record(), &page) {
        Some(json) => json,
        None => batch.off_thread(move |batch| page_of(&api, batch, &page)).await??,
    };
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(json))
}

/// A page of a batch as JSON, which is kept.
fn page_of(api: &Api, batch: &OwnBatch, page: &Page) -> Result<Bytes, ApiError> {
    let json = serde_json::to_vec(&view(batch, page)?).map_err(|error| ApiError::Internal(error.to_string()))?;
    let json = Bytes::from(json);
    // Asked only where it is to be kept: the record is read once more for it.
    if KeptPages::takes(batch.record(), page, &json) && batch.status()?.record == *batch.record() {
        api.pages.keep(batch.id(), batch.record().clone(), page, &json);
    }
    Ok(json)
}

problems!(ListProblems: InvalidParameter, StorageFailed, Internal);

/// Batches, newest first.
///
/// However few match, a request looks at no more than 10,000 of them, or at the names of about 50,000 files: a page may be short or even empty, and its `next`
/// link goes on from where it ended. Only a page without that link is the last.
#[utoipa::path(
    get,
    path = "/batches",
    operation_id = "list_batches",
    tag = "batches",
    params(BatchesPage),
    responses(
        (status = 200, description = "A page of batches, without their files.", body = BatchList,
            example = json!(examples::list())),
        ListProblems,
    )
)]
pub async fn list(caller: Caller, request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let query = Query::of(&request)?;
    let filter = Filter::of(&query)?;
    let is_open = filter.state.is_some_and(|(_, state)| state == BatchState::Processing);
    let walk = BatchWalk {
        among: if is_open { Among::Open } else { Among::Owned },
        before: query.cursor()?,
        created_after_ms: filter.created_after.map(Timestamp::as_millisecond),
        page_max: query.number("limit", 1, BATCHES_PAGE_MAX)?.unwrap_or(BATCHES_PAGE_MAX),
        looks_max: BATCHES_LOOKED_AT_MAX,
    };
    let link = format!("&limit={}{filter}", walk.page_max);
    let search = filter.name.as_ref().map(|name| NameSearch { part: name.to_lowercase(), names_max: NAMES_READ_MAX });
    let page = api.door.batches(caller, walk, search, move |record| filter.takes(record)).await?;
    let next = page.last.map(|last| format!("/batches?cursor={last}{link}"));
    let batches = page.batches.into_iter().map(|status| BatchView::new(status, None, None)).collect();
    Ok(HttpResponse::Ok().json(BatchList { batches, links: ListLinks { next } }))
}

/// Which batches of the list are wanted.
struct Filter {
    state: Option<Word<BatchState>>,
    outcome: Option<Word<BatchOutcome>>,
    created_after: Option<Timestamp>,
    name: Option<String>,
}

impl Filter {
    const STATES: [Word<BatchState>; 2] =
        [("processing", BatchState::Processing), ("completed", BatchState::Completed)];

    const OUTCOMES: [Word<BatchOutcome>; 4] = [
        ("succeeded", BatchOutcome::Succeeded),
        ("partial", BatchOutcome::Partial),
        ("failed", BatchOutcome::Failed),
        ("cancelled", BatchOutcome::Cancelled),
    ];

    fn of(query: &Query) -> Result<Self, ApiError> {
        Ok(Self {
            state: query.word("state", &Self::STATES)?,
            outcome: query.word("outcome", &Self::OUTCOMES)?,
            created_after: query.time("created_after")?,
            name: query.text("name")?.filter(|name| !name.is_empty()),
        })
    }

    /// Whether a batch with this record is wanted; its time and its files are the walk's to look at.
    fn takes(&self, record: &BatchRecord) -> bool {
        self.state.is_none_or(|(_, state)| BatchState::of(record) == state)
            && self.outcome.is_none_or(|(_, outcome)| record.tally.outcome() == Some(outcome))
    }
}

/// The filter as the parameters of a link.
impl Display for Filter {
    fn fmt(&self, link: &mut Formatter<'_>) -> fmt::Result {
        let Self { state, outcome, created_after, name } = self;
        if let Some((word, _)) = state {
            write!(link, "&state={word}")?;
        }
        if let Some((word, _)) = outcome {
            write!(link, "&outcome={word}")?;
        }
        if let Some(time) = created_after {
            write!(link, "&created_after={time}")?;
        }
        name.as_ref().map_or(Ok(()), |name| write!(link, "&name={}", encoded(name)))
    }
}

problems!(CancelProblems: InvalidParameter, NotFound, StorageFailed, Internal, DiskFull);

/// Cancels what has no outcome yet.
///
/// Files that are being read are among them. The answer is the status, as it is at once or when the wait is over. To cancel
/// twice is no error.
#[utoipa::path(
    post,
    path = "/batches/{batch}/cancel",
    operation_id = "cancel_batch",
    tag = "batches",
    params(BatchPath, Wait),
    responses(
        (status = 202, description = "The batch is being cancelled.", body = BatchView,
            example = json!(examples::accepted())),
        (status = 200, description = "The batch had been completed.", body = BatchView,
            example = json!(examples::completed())),
        CancelProblems,
    )
)]
pub async fn cancel(batch: OwnBatch, request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let wait = Query::of(&request)?.wait(Duration::from_millis(api.limits.wait_ms_max))?;
    let mut response = match begin_cancelling(&api, &batch).await? {
        Cancel::Unknown => return Err(ApiError::NotFound),
        Cancel::Completed => HttpResponse::Ok(),
        Cancel::Begun { .. } => HttpResponse::Accepted(),
    };
    until_completed(&api, &batch, wait.unwrap_or_default()).await?;
    let view = batch.off_thread(|batch| view(batch, &Page::FIRST)).await??;
    Ok(response.json(view))
}

async fn begin_cancelling(api: &Api, batch: &OwnBatch) -> Result<Cancel, ApiError> {
    let (id, cancel) = (batch.id(), batch.cancel().await?);
    if let Cancel::Begun { files } = cancel {
        log::info!("batch {id}: cancelled");
        if !deliver(&api.verifier, CancelledBatch { batch: id, files }).await {
            log::error!("batch {id}: the verifier does not take the cancelling; its files are cancelled in their turn");
        }
    }
    Ok(cancel)
}

problems!(RemoveProblems: NotFound, NotCompleted, StorageFailed, Internal, DiskFull);

/// Cancels what is under way and removes all trace of the batch.
///
/// Its bytes, its results and its records are erased when the answer is given.
#[utoipa::path(
    delete,
    path = "/batches/{batch}",
    operation_id = "delete_batch",
    tag = "batches",
    params(BatchPath),
    responses((status = 204, description = "The batch is gone."), RemoveProblems)
)]
pub async fn remove(batch: OwnBatch, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    begin_cancelling(&api, &batch).await?;
    until_completed(&api, &batch, Duration::from_millis(api.limits.wait_ms_max)).await?;
    match batch.remove().await? {
        Removal::Removed => {
            api.pages.forget(batch.id());
            log::info!("batch {}: removed", batch.id());
            Ok(HttpResponse::NoContent().finish())
        }
        Removal::Unknown => Err(ApiError::NotFound),
        Removal::NotCompleted => Err(ApiError::NotCompleted),
    }
}

/// Waits until a batch is completed, but no longer than `wait` and not into a drain: the status as it is then is the
/// answer.
///
/// # Errors
/// When the job log cannot be read.
pub async fn until_completed(api: &Api, batch: &OwnBatch, wait: Duration) -> Result<(), ApiError> {
    if let Some(completion) = batch.completion()? {
        tokio::select! {
            () = completion.reached() => {}
            () = api.health.drained() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    Ok(())
}
