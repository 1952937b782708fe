//! Round every request: its id, its count, and the body of its failure.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, VARY};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use derive_more::Display;
use uuid::Uuid;

use super::access::Entry;
use super::cors::refusal;
use super::headers::secure;
use super::{Api, ApiError, front};
use crate::metrics::HttpLabels;

/// The header that carries a request's id, both ways.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a client.
const ID_CHARS_MAX: usize = 128;

/// A request's id: the client's where it is well formed, ours otherwise.
#[derive(Debug, Display, Clone)]
pub struct RequestId(String);

tokio::task_local! {
    /// The request that a handler is at, so that whatever it logs can be told to be of it.
    static CURRENT: RequestId;
}

/// The id of the request that is being handled here, if one is.
#[must_use]
pub fn current_request() -> Option<RequestId> {
    CURRENT.try_with(Clone::clone).ok()
}

impl RequestId {
    fn of(request: &ServiceRequest) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let sent = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let taken = sent.filter(|id| (1..=ID_CHARS_MAX).contains(&id.len()) && id.chars().all(is_plain));
        Self(taken.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned))
    }
}

/// The middleware.
///
/// # Errors
/// Only those of the services inside; a failed handler has become an answer already.
///
/// # Panics
/// Never: an id is plain ASCII.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let begun = Instant::now();
    let id = RequestId::of(&request);
    let method = request.method().clone();
    let entry = Entry::new(&request, &id);
    let api = request.app_data::<web::Data<Api>>().cloned();
    request.extensions_mut().insert(id.clone());
    let answered = CURRENT.scope(id.clone(), next.call(request)).await?;
    let mut response = with_problem(answered.map_into_boxed_body(), &id);
    let named = HeaderValue::from_str(&id.0).expect("an id is plain ASCII");
    response.headers_mut().insert(X_REQUEST_ID, named);
    if front::is_negotiated(response.request()) {
        // Said of failures, too: a cache may keep one, and the other form has none.
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    }
    secure(response.headers_mut(), api.as_ref().is_some_and(|api| api.is_encrypted));
    let status = response.status().as_u16();
    let took = begun.elapsed();
    if let Some(api) = api {
        // A path that nobody routed would make a label of its own for every guess.
        let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
        let labels = HttpLabels { method: known(method.as_str()).into(), route, status };
        api.door.metrics().http_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        api.door.metrics().http_requests.get_or_create(&labels).inc();
    }
    Ok(entry.follow(response))
}

/// Gives a failure its body, and keeps the headers by which a page of another origin may read it.
fn with_problem(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else { return response };
    let status = response.status();
    let problem = match error.as_error::<ApiError>() {
        Some(error) => {
            if status.is_server_error() {
                log::error!("request {id}: {error}");
            } else {
                log::info!("request {id}: {error}");
            }
            error.response(&id.0)
        }
        None if status.is_server_error() => {
            log::error!("request {id}: {error}");
            ApiError::Internal(error.to_string()).response(&id.0)
        }
        None => refusal(error).unwrap_or(ApiError::NotFound).response(&id.0),
    };
    let mut failed = response.headers().clone();
    failed.remove(CONTENT_TYPE);
    let mut response = response.into_response(problem);
    for (name, value) in failed {
        response.headers_mut().append(name, value);
    }
    response
}

fn known(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
