//! Whose batches a request may see.

use actix_web::HttpRequest;

/// The owner of batches while no keys are configured.
pub const LOCAL_OWNER: &str = "local";

/// The owner that a request speaks for.
pub fn owner_of(_request: &HttpRequest) -> String {
    LOCAL_OWNER.to_owned()
}
