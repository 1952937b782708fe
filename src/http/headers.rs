//! The headers that every answer has, so that what is served cannot be turned against whoever looks at it in a browser.
//!
//! The values follow the OWASP cheat sheet for HTTP headers. A handler that has said something else itself is left alone.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

/// Of an answer that is no page: nothing is loaded or run for it, and nobody frames it.
const NOTHING_IS_LOADED: &str = "default-src 'none'; frame-ancestors 'none'";

/// Of a stranger's bytes: the same, in an origin of their own.
pub const SANDBOXED: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// A year, as browsers' preload lists ask for at least. Only for this host: others below it are not ours to decide.
const ENCRYPTED_FROM_NOW_ON: &str = "max-age=31536000";

/// What an answer says unless its handler has said otherwise. The policy on embedding does not concern scripts that are
/// let in by CORS: it is about images and the like (Fetch, section 3.7).
const UNLESS_SAID: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, NOTHING_IS_LOADED),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Gives an answer the headers that it lacks.
pub fn secure(headers: &mut HeaderMap, is_encrypted: bool) {
    let encrypted = is_encrypted.then_some((STRICT_TRANSPORT_SECURITY, ENCRYPTED_FROM_NOW_ON));
    for (name, value) in UNLESS_SAID.into_iter().chain(encrypted) {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
