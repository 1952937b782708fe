//! Who calls: decided once, before a handler runs or a body is read. Without keys everybody is `local`.
//!
//! A request to anything but the open addresses, whether there is such a thing or not, takes a key. So a route that is new
//! is closed until it is named here.

mod credentials;
mod keyring;

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

pub use self::keyring::Keyring;
use super::ApiError;

/// What anybody may ask: whether the server lives, and how to talk to it.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/openapi.json", "/docs"];

/// What the page at `/docs` loads.
const OPEN_BELOW: &str = "/docs/";

/// Who sends a request. A handler that takes one is not reached by strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    name: Arc<str>,
}

impl Caller {
    fn new(name: &str) -> Self {
        Self { name: name.into() }
    }

    /// Under which name the batches of this caller are kept.
    pub fn owner(&self) -> &str {
        &self.name
    }
}

/// The middleware.
///
/// # Errors
/// Only those of the services inside; a request without a key has become an answer already.
pub async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let keyring = request.app_data::<web::Data<Keyring>>().map(|keyring| keyring.caller(request.headers()));
    match keyring.unwrap_or(Err(ApiError::Unauthorized)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
        }
        Err(_) if is_open(request.path()) => {}
        Err(error) => return Ok(request.error_response(error)),
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Paths are routed letter for letter, so what is not written like this is another address.
fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || path.starts_with(OPEN_BELOW)
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get().cloned().ok_or(ApiError::Unauthorized))
    }
}
