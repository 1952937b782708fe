//! Who calls: decided once, before a handler runs or a body is read. Without keys everybody is `local`.
//!
//! A request to anything but the open addresses, whether there is such a thing or not, takes a key. So a route that is new
//! is closed until it is named here.

mod credentials;
mod keyring;
mod meter;
mod quota;

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

pub(in crate::http) use self::credentials::shown;
pub use self::keyring::Keyring;
pub use self::quota::{QuotaExceeded, Quotas, Reserved};
use super::{ApiError, docsgpt, front};

/// What anybody may ask: whether the server lives, and how to talk to it.
const OPEN: [&str; 6] = ["/", "/healthz", "/readyz", "/limits", "/openapi.json", "/docs"];

/// What is let through to handlers that ask for a key themselves, since it may stand behind the files in the body.
const ASKING: [&str; 3] = docsgpt::PATHS;

/// What the pages at `/` and `/docs` load.
const OPEN_BELOW: [&str; 2] = ["/page/", "/docs/"];

/// Who sends a request. A handler that takes one is not reached by strangers.
#[derive(Debug, Clone)]
pub struct Caller {
    name: Arc<str>,
    quotas: Arc<Quotas>,
}

impl Caller {
    fn new(name: &str, quotas: Quotas) -> Self {
        Self { name: name.into(), quotas: Arc::new(quotas) }
    }

    /// Under which name the batches of this caller are kept.
    pub fn owner(&self) -> &str {
        &self.name
    }

    /// What this caller may use up.
    pub const fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
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
    let caller = keyring.unwrap_or(Err(ApiError::Unauthorized));
    // Whoever only asks how the server does needs no key, and pays nothing with one.
    // The page of a batch has nothing of it yet; its script asks for that with the key.
    if !is_open(request.path()) && !asks_itself(request.path()) && !front::is_asked_for(request.request()) {
        match caller.and_then(|caller| caller.quotas.count_request().map(|()| caller).map_err(ApiError::from)) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            Err(error) => return Ok(request.error_response(error)),
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether anybody may ask this. Paths are routed letter for letter, so what is not written like this is another address.
pub fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || OPEN_BELOW.iter().any(|folder| path.starts_with(folder))
}

/// Whether the handlers of a path ask for the key themselves.
pub fn asks_itself(path: &str) -> bool {
    ASKING.contains(&path)
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get().cloned().ok_or(ApiError::Unauthorized))
    }
}
