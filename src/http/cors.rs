//! Which pages of other origins may read answers (the Fetch standard's CORS protocol). Their preflights are answered here,
//! before anybody is asked for a key: a browser sends none with them.

use actix_cors::{Cors, CorsError};
use actix_web::middleware::Condition;

use super::ApiError;
use crate::config::CorsSettings;

const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "DELETE"];

/// What a script may read of an answer beside its body and the few headers that are always open.
const EXPOSED: [&str; 12] = [
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Repr-Digest",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
];

/// Seconds that a browser may remember a preflight. Some remember none for longer than two hours.
const REMEMBERED_SECONDS: usize = 3600;

/// The middleware; it does nothing where no origin is let in. Keys travel in headers that a script sets itself, so
/// credentials that a browser adds on its own are not let in.
#[must_use]
pub fn cors(settings: &CorsSettings) -> Condition<Cors> {
    let cors = Cors::default()
        .allowed_methods(METHODS)
        .allow_any_header()
        .expose_headers(EXPOSED)
        .max_age(REMEMBERED_SECONDS)
        .send_wildcard();
    let is_any = settings.origins == [CorsSettings::ANY];
    let cors = if is_any {
        cors.allow_any_origin()
    } else {
        settings.origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    };
    Condition::new(!settings.origins.is_empty(), cors)
}

/// What is answered to a preflight that was turned away.
pub fn refusal(error: &actix_web::Error) -> Option<ApiError> {
    error.as_error::<CorsError>().map(|error| ApiError::CorsRefused(error.clone()))
}
