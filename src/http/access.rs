//! The access log: one line for each request, once its answer was handed over whole or given up.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::{HttpMessage, web};
use bytes::Bytes;

use super::auth::Caller;
use super::{Api, RequestId};
use crate::metrics::Present;

/// The target of its lines, by which a filter finds them.
pub const ACCESS_TARGET: &str = "consign::access";

/// A request that is not over. When it is dropped, it is.
pub struct Entry {
    id: RequestId,
    method: Method,
    path: String,
    /// The template of the route; none where nothing is routed.
    route: Option<String>,
    /// None while there is no answer, and for ever when the client did not wait for one.
    status: Option<u16>,
    caller: Option<String>,
    /// Bytes of the body that the connection has taken.
    bytes: u64,
    begun: Instant,
    _in_flight: Option<Present>,
}

impl Entry {
    /// A request has come.
    pub fn new(request: &ServiceRequest, id: &RequestId) -> Self {
        let api = request.app_data::<web::Data<Api>>();
        let in_flight = api.map(|api| Present::new(&api.door.metrics().operation.requests_in_flight));
        Self {
            id: id.clone(),
            method: request.method().clone(),
            path: request.path().to_owned(),
            route: None,
            status: None,
            caller: None,
            bytes: 0,
            begun: Instant::now(),
            _in_flight: in_flight,
        }
    }

    /// It is answered: follows the body until that is over.
    pub fn follow(mut self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        self.status = Some(response.status().as_u16());
        self.route = response.request().match_pattern();
        self.caller = response.request().extensions().get().map(|caller: &Caller| caller.owner().to_owned());
        response.map_body(|_, body| BoxBody::new(FollowedBody { body, entry: self }))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { id, method, path, route, status, caller, bytes, begun, _in_flight: _ } = self;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let known = caller.as_deref().unwrap_or("nobody known");
        let end = status.map_or_else(|| "was left".to_owned(), |status| format!("answered {status}"));
        log::info!(
            target: ACCESS_TARGET,
            method = method.as_str(),
            path = path.as_str(),
            route = route.as_deref(),
            status = *status,
            caller = caller.as_deref(),
            bytes = *bytes,
            ms = ms;
            "request {id}: {method} {path:?} by {known} {end} with {bytes} bytes after {ms} ms"
        );
    }
}

/// A body of which it is counted what has gone.
struct FollowedBody {
    body: BoxBody,
    entry: Entry,
}

impl MessageBody for FollowedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Self { body, entry } = self.get_mut();
        let polled = Pin::new(body).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled
            // What HEAD is answered has a body that nobody sends.
            && entry.method != Method::HEAD
        {
            entry.bytes += bytes.len() as u64;
        }
        polled
    }
}
