//! What DocsGPT's front end calls, in the shapes that it knows, over the same batches: `attachment_id` and `task_id` are a
//! file's id, and the files of one request are one batch.
//!
//! Answers here are made by the handlers themselves, failures too, so that no problem details take the place of what a
//! client of DocsGPT expects.

pub mod events;
mod form;
mod names;
mod record;
mod refusal;
mod sender;
pub mod store;
mod streams;
pub mod task;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

pub use self::refusal::Refusal;
pub use self::store::Strangers;
pub use self::streams::Streams as AttachmentStreams;
use super::ErrorCode;

/// The routes' paths.
pub const PATHS: [&str; 3] = ["/api/store_attachment", "/api/task_status", "/api/events"];

/// The body of an answer to a method that a path does not take.
#[derive(Serialize)]
struct OtherMethod {
    message: &'static str,
}

/// The answer to any method that one of the paths does not take. OPTIONS is no failure, as in DocsGPT; which pages may do
/// what, the CORS middleware says before.
pub fn other_method(request: &HttpRequest, allow: &str) -> HttpResponse {
    if request.method() == Method::OPTIONS {
        return HttpResponse::Ok().insert_header((ALLOW, allow)).finish();
    }
    let message = "The method is not allowed for the requested URL.";
    HttpResponse::build(ErrorCode::MethodNotAllowed.status())
        .insert_header((ALLOW, allow))
        .json(OtherMethod { message })
}
