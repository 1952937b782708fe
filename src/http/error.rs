//! What clients are told when a request fails: problem details (RFC 9457) with a stable code; the only place that knows
//! status codes. Paths and inner errors stay in the log, under the same request id.

use actix_multipart::MultipartError;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use derive_more::{Display, Error};
use serde::Serialize;

use super::view::RefusedFileView;
use crate::batch::FileState;
use crate::custody::CustodyError;
use crate::joblog::JobLogError;
use crate::spool::SpoolError;

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a request fails.
#[derive(Debug, Display, Error)]
pub enum ApiError {
    #[display("the body is not well-formed multipart/form-data, or broke off: {_0}")]
    MalformedMultipart(#[error(not(source))] String),
    #[display("the request's media type is not multipart/form-data")]
    UnsupportedMediaType,
    #[display("the request has no part with a file name")]
    NoFiles,
    #[display("{what}")]
    BadField { what: &'static str },
    #[display("the batch has more than {max} files")]
    TooManyFiles { max: usize },
    #[display("the request has more than {max} form fields")]
    TooManyFields { max: usize },
    #[display("a form field is larger than {max} bytes")]
    FieldTooLarge { max: u64 },
    #[display("the batch is larger than {max} bytes")]
    BatchTooLarge { max: u64 },
    #[display("every file was refused")]
    AllFilesRejected {
        #[error(not(source))]
        files: Vec<RefusedFileView>,
    },
    #[display("nothing came for too long")]
    RequestTimeout,
    #[display("too many uploads are arriving")]
    TooManyUploads,
    #[display("too many batches are waiting")]
    QueueFull,
    #[display("the disk is too full")]
    DiskFull,
    #[display("storing failed: {_0}")]
    StorageFailed(#[error(not(source))] String),
    #[display("the server is shutting down")]
    Draining,
    #[display("there is no such thing")]
    NotFound,
    #[display("the method is not allowed; allowed are {allow}")]
    MethodNotAllowed { allow: &'static str },
    #[display("the parameter {name} is not {expected}")]
    InvalidParameter { name: &'static str, expected: String },
    #[display("the file has no text, its state is {state}")]
    NoResult { state: FileState },
    #[display("the batch is not completed")]
    NotCompleted,
    #[display("something failed inside the server: {_0}")]
    Internal(#[error(not(source))] String),
}

/// What `ApiError` is to a client: status, code and a sentence to act on.
struct Answer {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl ApiError {
    fn answer(&self) -> Answer {
        let (status, code, detail) = match self {
            Self::MalformedMultipart(_) => (
                StatusCode::BAD_REQUEST,
                "malformed_multipart",
                "The body is not well-formed multipart/form-data, or it broke off; nothing was kept.".into(),
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the files as multipart/form-data.".into(),
            ),
            Self::NoFiles => (
                StatusCode::BAD_REQUEST,
                "no_files",
                "The request has no file: send at least one part with a file name.".into(),
            ),
            Self::BadField { what } => (StatusCode::BAD_REQUEST, "bad_field", (*what).into()),
            Self::TooManyFiles { max } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_many_files",
                format!("A batch holds at most {max} files; send the rest as another batch."),
            ),
            Self::TooManyFields { max } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_many_fields",
                format!("A request has at most {max} form fields that are not files."),
            ),
            Self::FieldTooLarge { max } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "field_too_large",
                format!("A form field that is not a file has at most {max} bytes."),
            ),
            Self::BatchTooLarge { max } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "batch_too_large",
                format!("A batch has at most {max} bytes; send fewer files at once."),
            ),
            Self::AllFilesRejected { .. } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "all_files_rejected",
                "Every file was refused, so there is no batch; the member files says why.".into(),
            ),
            Self::NoResult { state } => {
                (StatusCode::CONFLICT, "no_result", format!("The file has no text: its state is {state}."))
            }
            Self::NotCompleted => (
                StatusCode::CONFLICT,
                "not_completed",
                "Files of the batch are still being processed; wait until it is completed.".into(),
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing under this address.".into()),
            Self::MethodNotAllowed { allow } => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("This address takes only {allow}."))
            }
            Self::InvalidParameter { name, expected } => {
                (StatusCode::BAD_REQUEST, "invalid_parameter", format!("The parameter {name} must be {expected}."))
            }
            Self::RequestTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "Nothing of the body came for too long; nothing was kept. Send the batch again.".into(),
            ),
            Self::TooManyUploads
            | Self::QueueFull
            | Self::DiskFull
            | Self::StorageFailed(_)
            | Self::Draining
            | Self::Internal(_) => return self.answer_of_server(),
        };
        Answer { status, code, detail }
    }

    /// The answers to what is no fault of the request.
    fn answer_of_server(&self) -> Answer {
        let (status, code, detail) = match self {
            Self::TooManyUploads => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_uploads", "Too many uploads are arriving; try again shortly.")
            }
            Self::QueueFull => {
                (StatusCode::TOO_MANY_REQUESTS, "queue_full", "Too many batches wait to be processed; try again later.")
            }
            Self::DiskFull => (
                StatusCode::INSUFFICIENT_STORAGE,
                "disk_full",
                "The server's disk is too full to take the batch; nothing was kept.",
            ),
            Self::StorageFailed(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "storage_failed",
                "The server could not store or read what it needed; the operator's log says why.",
            ),
            Self::Draining => {
                (StatusCode::SERVICE_UNAVAILABLE, "draining", "The server is shutting down; try again when it is back.")
            }
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something failed inside the server; the operator's log says what, under the request id.",
            ),
        };
        Answer { status, code, detail: detail.into() }
    }

    /// The whole answer, under a request's id.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let Answer { status, code, detail } = self.answer();
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        match self {
            Self::MethodNotAllowed { allow } => {
                response.insert_header((ALLOW, *allow));
            }
            Self::TooManyUploads | Self::QueueFull | Self::Draining => {
                response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            // What is left of the body is not worth reading.
            Self::RequestTimeout => {
                response.insert_header((CONNECTION, "close"));
            }
            _ => {}
        }
        let files = if let Self::AllFilesRejected { files } = self { Some(files.as_slice()) } else { None };
        let title = status.canonical_reason().unwrap_or("Error");
        response.json(Problem {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail,
            request_id,
            files,
        })
    }
}

/// Problem details (RFC 9457) with our members.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [RefusedFileView]>,
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.answer().status
    }

    /// The tracing middleware, which knows the request's id, makes the body.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status_code())
    }
}

impl From<SpoolError> for ApiError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full => Self::DiskFull,
            SpoolError::Closed => Self::Draining,
            SpoolError::Missing | SpoolError::Damaged | SpoolError::NotEntered | SpoolError::Io(_) => {
                Self::StorageFailed(error.to_string())
            }
        }
    }
}

impl From<JobLogError> for ApiError {
    fn from(error: JobLogError) -> Self {
        match error {
            JobLogError::Full => Self::DiskFull,
            JobLogError::Damaged | JobLogError::Closed | JobLogError::Io(_) => Self::StorageFailed(error.to_string()),
        }
    }
}

impl From<CustodyError> for ApiError {
    fn from(error: CustodyError) -> Self {
        match error {
            CustodyError::Spool(error) => error.into(),
            CustodyError::JobLog(error) => error.into(),
        }
    }
}

impl From<MultipartError> for ApiError {
    fn from(error: MultipartError) -> Self {
        match error {
            MultipartError::ContentTypeMissing
            | MultipartError::ContentTypeParse
            | MultipartError::ContentTypeIncompatible => Self::UnsupportedMediaType,
            error => Self::MalformedMultipart(error.to_string()),
        }
    }
}

impl From<actix::MailboxError> for ApiError {
    fn from(error: actix::MailboxError) -> Self {
        Self::Internal(error.to_string())
    }
}
