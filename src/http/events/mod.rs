//! Server-sent events (HTML standard, section 9.2): what happens to the files of one batch, or of all that the caller has.
//!
//! Events that are durable have ids that grow, and `Last-Event-ID` goes on behind one of them, also after a restart. What
//! is not durable (a file that is being read now) is told in between without an id, and is not told again.

mod follower;
mod frame;
mod stream;
mod wording;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream as streams;
use tokio::sync::{Semaphore, mpsc};

pub use self::follower::{Follower, Scope};
use self::stream::Stream;
use self::wording::Ours;
pub use self::wording::Wording;
use super::auth::Caller;
use super::door::OwnBatch;
use super::openapi::parameters::{BatchPath, Resumption, ResumptionInQuery};
use super::openapi::problems;
use super::openapi::schemas::EventStream;
use super::query::Query;
use super::{Api, ApiError};
use crate::config::EventsSettings;

/// For nginx: what comes is to be passed on at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The id behind which a client wants to go on. A header wins over a parameter, which a browser keeps in the address when
/// it connects anew.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What all streams share.
pub struct EventStreams {
    settings: EventsSettings,
    places: Arc<Semaphore>,
}

impl EventStreams {
    /// No streams yet.
    #[must_use]
    pub fn new(settings: EventsSettings) -> Self {
        let places = Arc::new(Semaphore::new(settings.streams_open_max));
        Self { settings, places }
    }
}

problems!(
    FollowBatchProblems: InvalidParameter, NotFound, TooManyStreams, StorageFailed, Internal, Draining
);

/// What happens to a batch, from its first event on or behind the one that the client had last.
///
/// The stream ends when the batch is completed; who comes again with its last id is answered 204, which ends a browser's
/// trying.
#[utoipa::path(
    get,
    path = "/batches/{batch}/events",
    operation_id = "follow_batch",
    tag = "events",
    params(BatchPath, Resumption, ResumptionInQuery),
    responses(
        (status = 200, description = "Events as they happen.", body = inline(EventStream),
            content_type = "text/event-stream", headers(("X-Accel-Buffering"))),
        (status = 204, description = "Everything was told, and the batch is completed."),
        FollowBatchProblems,
    )
)]
pub async fn of_batch(
    batch: OwnBatch,
    caller: Caller,
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let (id, after) = (batch.id(), last_event_id(&request, &api)?);
    if batch.off_thread(move |batch| is_over(batch, after)).await?? {
        return Ok(HttpResponse::NoContent().finish());
    }
    let follower = Follower::new(api.door.events(caller), Scope::Batch(id), Some(after.unwrap_or(0)), Box::new(Ours));
    open(&request, api, follower)
}

problems!(FollowProblems: InvalidParameter, TooManyStreams, Internal, Draining);

/// What happens to all batches of the caller's, from now on or behind the event that the client had last.
///
/// Behind 0 lie all that there are.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "follow_batches",
    tag = "events",
    params(Resumption, ResumptionInQuery),
    responses(
        (status = 200, description = "Events as they happen.", body = inline(EventStream),
            content_type = "text/event-stream", headers(("X-Accel-Buffering"))),
        FollowProblems,
    )
)]
pub async fn of_owner(caller: Caller, request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let after = last_event_id(&request, &api)?;
    let follower = Follower::new(api.door.events(caller), Scope::All, after, Box::new(Ours));
    open(&request, api, follower)
}

/// Whether a client has had everything that there is to tell of a batch, and nothing more is to come.
fn is_over(batch: &OwnBatch, after: Option<u64>) -> Result<bool, ApiError> {
    let (Some(after), Some(_)) = (after, batch.record().finished_ms) else { return Ok(false) };
    Ok(batch.last_event()?.is_some_and(|last| last <= after))
}

/// The id behind which the client wants to go on, if it names one. What is no id is refused wherever it stands.
fn last_event_id(request: &HttpRequest, api: &Api) -> Result<Option<u64>, ApiError> {
    let parameter = Query::of(request)?.text("last_event_id")?;
    let (header, parameter) = (told_id(sent_id(request), api)?, told_id(parameter, api)?);
    Ok(header.or(parameter))
}

/// What the header says, whatever it is.
pub fn sent_id(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(LAST_EVENT_ID)?;
    Some(String::from_utf8_lossy(header.as_bytes()).into_owned())
}

/// The id of an event that this server has told; none of an empty text, which a browser sends before its first.
fn told_id(sent: Option<String>, api: &Api) -> Result<Option<u64>, ApiError> {
    let Some(sent) = sent.filter(|id| !id.is_empty()) else { return Ok(None) };
    let id = sent.bytes().all(|byte| byte.is_ascii_digit()).then(|| sent.parse().ok()).flatten();
    // What has not happened yet nobody can have had; going on behind it would pass over what is to come.
    let id = id.filter(|id| *id <= api.door.last_event());
    id.map(Some).ok_or(ApiError::InvalidParameter {
        name: "last_event_id",
        expected: "the id of an event that this server has sent".into(),
    })
}

/// A stream on its way to this reader.
///
/// # Errors
/// When there is no place for it, or the server is on its way out.
pub fn open(request: &HttpRequest, api: web::Data<Api>, follower: Follower) -> Result<HttpResponse, ApiError> {
    if api.health.is_draining() {
        return Err(ApiError::Draining);
    }
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"));
    if request.method() == Method::HEAD {
        return Ok(response.streaming(streams::empty::<Result<Bytes, ApiError>>()));
    }
    let place = Arc::clone(&api.events.places).try_acquire_owned().map_err(|_| ApiError::TooManyStreams)?;
    // One piece is on its way while the next is made.
    let (pieces, body) = mpsc::channel(1);
    let stream = Stream::new(api, follower, place);
    actix_web::rt::spawn(stream.run(pieces));
    let body = streams::unfold(body, |mut body| async {
        let piece: Bytes = body.recv().await?;
        Some((Ok::<_, ApiError>(piece), body))
    });
    Ok(response.streaming(body))
}
