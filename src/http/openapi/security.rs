//! Who may call what: the keys and where they are shown, the routes that are open, and what all others answer to whoever
//! shows no key or has used it up. Said here for every route, so that a new one is described as it is guarded.

use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, RefOr};

use super::headers::operations;
use super::problems::add_problems;
use crate::http::ErrorCode;
use crate::http::auth::{asks_itself, is_open};

/// `Authorization: Bearer KEY`.
const BEARER: &str = "bearer";

/// `X-Api-Key: KEY`.
const API_KEY: &str = "api_key";

/// What a request is answered before its handler is asked, if its key is missing or has made too many.
const OF_KEYS: [ErrorCode; 2] = [ErrorCode::Unauthorized, ErrorCode::QuotaExceeded];

/// Puts what is said of keys into the document.
pub struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key of this server (RFC 6750, section 2.1)."))
            .build();
        let header =
            ApiKeyValue::with_description("X-Api-Key", "The same key, where `Authorization` is somebody else's.");
        let schemes =
            [(BEARER, SecurityScheme::Http(bearer)), (API_KEY, SecurityScheme::ApiKey(ApiKey::Header(header)))];
        let components = document.components.get_or_insert_default();
        components.security_schemes.extend(schemes.map(|(name, scheme)| (name.to_owned(), RefOr::T(scheme))));
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                guard(operation, is_open(path));
                if !is_open(path) && !asks_itself(path) {
                    add_problems(&mut operation.responses.responses, &OF_KEYS);
                }
            }
        }
    }
}

/// Either header will do; an open route takes neither.
fn guard(operation: &mut Operation, is_open: bool) {
    if is_open {
        operation.security = Some(Vec::new());
        return;
    }
    operation.security = Some([BEARER, API_KEY].map(|scheme| SecurityRequirement::new(scheme, [""; 0])).into());
}
