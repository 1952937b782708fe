//! Round every request: its id, its line in the access log, its count, and the body of its failure.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use derive_more::Display;
use uuid::Uuid;

use super::auth::Caller;
use super::cors::refusal;
use super::headers::secure;
use super::{Api, ApiError};
use crate::metrics::HttpLabels;

/// The header that carries a request's id, both ways.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a client.
const ID_CHARS_MAX: usize = 128;

/// A request's id: the client's where it is well formed, ours otherwise.
#[derive(Debug, Display, Clone)]
pub struct RequestId(String);

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
    let path = request.path().to_owned();
    let api = request.app_data::<web::Data<Api>>().cloned();
    request.extensions_mut().insert(id.clone());
    let mut response = with_problem(next.call(request).await?.map_into_boxed_body(), &id);
    let named = HeaderValue::from_str(&id.0).expect("an id is plain ASCII");
    response.headers_mut().insert(X_REQUEST_ID, named);
    secure(&mut response);
    let status = response.status().as_u16();
    let took = begun.elapsed();
    let caller = response.request().extensions().get().map(|caller: &Caller| caller.owner().to_owned());
    let caller = caller.as_deref().unwrap_or("nobody known");
    log::info!("request {id}: {method} {path:?} by {caller} answered {status} after {} ms", took.as_millis());
    if let Some(api) = api {
        // A path that nobody routed would make a label of its own for every guess.
        let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
        let labels = HttpLabels { method: known(method.as_str()).into(), route, status };
        api.door.metrics().http_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        api.door.metrics().http_requests.get_or_create(&labels).inc();
    }
    Ok(response)
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
