//! The form of the answer to a request that failed: problem details (RFC 9457) with a stable code and the request's id.

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::code::ErrorCode;
use super::view::RefusedFileView;

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request failed: problem details (RFC 9457) with members of our own.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: `code` says more.
    r#type: &'static str,
    /// The status code's name.
    title: &'static str,
    /// The status code.
    status: u16,
    code: ErrorCode,
    /// A sentence that a person can act on.
    detail: &'a str,
    /// The value of `X-Request-Id`, by which the operator's log can be searched.
    request_id: &'a str,
    /// Which files were refused and why; only beside `all_files_rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<RefusedFileView>)]
    files: Option<&'a [Box<RawValue>]>,
}

impl<'a> Problem<'a> {
    /// What is said of the failure of one request.
    pub fn new(code: ErrorCode, detail: &'a str, request_id: &'a str) -> Self {
        let status = code.status();
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail,
            request_id,
            files: None,
        }
    }

    /// Adds why each file was refused.
    #[must_use]
    pub fn with_files(self, files: &'a [Box<RawValue>]) -> Self {
        Self { files: Some(files), ..self }
    }

    /// The answer, for its maker to add headers to.
    pub fn response(&self) -> HttpResponse {
        HttpResponse::build(self.code.status()).content_type(PROBLEM_JSON).json(self)
    }
}
