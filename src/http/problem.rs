//! The form of the answer to a request that failed: problem details (RFC 9457) with a stable code and the request's id.

use actix_web::HttpResponse;
use serde::Serialize;

use super::code::ErrorCode;
use super::view::RefusedFileView;

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Problem details with our members.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: ErrorCode,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [RefusedFileView]>,
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
    pub fn with_files(self, files: &'a [RefusedFileView]) -> Self {
        Self { files: Some(files), ..self }
    }

    /// The answer, for its maker to add headers to.
    pub fn response(&self) -> HttpResponse {
        HttpResponse::build(self.code.status()).content_type(PROBLEM_JSON).json(self)
    }
}
