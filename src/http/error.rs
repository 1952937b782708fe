//! What clients are told when a request fails: problem details (RFC 9457) with a stable code; the only place that knows
//! status codes. Paths and inner errors stay in the log, under the same request id.

use std::borrow::Cow;
use std::io::ErrorKind;

use actix_multipart::MultipartError;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, ContentRange, ContentRangeSpec, RETRY_AFTER};
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
    #[display("nothing came for too long, or too little")]
    RequestTimeout,
    #[display("too many uploads are arriving")]
    TooManyUploads,
    #[display("too many batches are waiting")]
    QueueFull,
    #[display("the disk is too full")]
    DiskFull,
    #[display("storing failed: {_0}")]
    StorageFailed(#[error(not(source))] String),
    #[display("nothing can be stored at this moment")]
    StorageUnavailable,
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
    #[display("the file's bytes are not kept")]
    ContentGone,
    #[display("the batch is not completed")]
    NotCompleted,
    #[display("the file has not failed, its state is {state}")]
    NotFailed { state: FileState },
    #[display("a file has been retried {max} times")]
    RetriedTooOften { max: u32 },
    #[display("If-Match names another version")]
    PreconditionFailed,
    #[display("the range begins behind the {length} bytes")]
    RangeNotSatisfiable { length: u64 },
    #[display("something failed inside the server: {_0}")]
    Internal(#[error(not(source))] String),
}

impl ApiError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::MalformedMultipart(_) | Self::NoFiles | Self::BadField { .. } | Self::InvalidParameter { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NoResult { .. } | Self::NotCompleted | Self::NotFailed { .. } | Self::RetriedTooOften { .. } => {
                StatusCode::CONFLICT
            }
            Self::ContentGone => StatusCode::GONE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooManyFiles { .. }
            | Self::TooManyFields { .. }
            | Self::FieldTooLarge { .. }
            | Self::BatchTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::AllFilesRejected { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyUploads | Self::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            Self::StorageFailed(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::StorageUnavailable | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// The stable word that programs match on.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::MalformedMultipart(_) => "malformed_multipart",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::NoFiles => "no_files",
            Self::BadField { .. } => "bad_field",
            Self::TooManyFiles { .. } => "too_many_files",
            Self::TooManyFields { .. } => "too_many_fields",
            Self::FieldTooLarge { .. } => "field_too_large",
            Self::BatchTooLarge { .. } => "batch_too_large",
            Self::AllFilesRejected { .. } => "all_files_rejected",
            Self::RequestTimeout => "request_timeout",
            Self::TooManyUploads => "too_many_uploads",
            Self::QueueFull => "queue_full",
            Self::DiskFull => "disk_full",
            Self::StorageFailed(_) => "storage_failed",
            Self::StorageUnavailable => "storage_unavailable",
            Self::Draining => "draining",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::InvalidParameter { .. } => "invalid_parameter",
            Self::NoResult { .. } => "no_result",
            Self::NotCompleted => "not_completed",
            Self::NotFailed { .. } => "not_failed",
            Self::RetriedTooOften { .. } => "retried_too_often",
            Self::ContentGone => "content_gone",
            Self::PreconditionFailed => "precondition_failed",
            Self::RangeNotSatisfiable { .. } => "range_not_satisfiable",
            Self::Internal(_) => "internal",
        }
    }

    /// A sentence that a person can act on.
    pub(super) fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::MalformedMultipart(_) => {
                "The body is not well-formed multipart/form-data, or it broke off; nothing was kept.".into()
            }
            Self::UnsupportedMediaType => "Send the files as multipart/form-data.".into(),
            Self::NoFiles => "The request has no file: send at least one part with a file name.".into(),
            Self::BadField { what } => (*what).into(),
            Self::TooManyFiles { max } => {
                format!("A batch holds at most {max} files; send the rest as another batch.").into()
            }
            Self::TooManyFields { max } => format!("A request has at most {max} fields that are not files.").into(),
            Self::FieldTooLarge { max } => format!("A field that is not a file has at most {max} bytes.").into(),
            Self::BatchTooLarge { max } => format!("A batch has at most {max} bytes; send fewer files at once.").into(),
            Self::AllFilesRejected { .. } => {
                "Every file was refused, so there is no batch; the member files says why.".into()
            }
            Self::RequestTimeout => {
                "The body came too slowly, or not at all; nothing was kept. Send the batch again.".into()
            }
            Self::TooManyUploads => "Too many uploads are arriving; try again shortly.".into(),
            Self::QueueFull => "Too many batches wait to be processed; try again later.".into(),
            Self::DiskFull => "The server's disk is too full to take the batch; nothing was kept.".into(),
            Self::StorageFailed(_) => {
                "The server could not store or read what it needed; the operator's log says why.".into()
            }
            Self::StorageUnavailable => {
                "The server cannot store anything at this moment; it goes on by itself when its disk is well.".into()
            }
            Self::Draining => "The server is shutting down; try again when it is back.".into(),
            Self::NotFound => "There is nothing under this address.".into(),
            Self::MethodNotAllowed { allow } => format!("This address takes only {allow}.").into(),
            Self::InvalidParameter { name, expected } => format!("The parameter {name} must be {expected}.").into(),
            Self::NoResult { state } => format!("The file has no text: its state is {state}.").into(),
            Self::ContentGone => "The file was refused or damaged; its bytes are not kept.".into(),
            Self::NotCompleted => {
                "The batch is being cancelled and is not through with it; ask again in a moment.".into()
            }
            Self::NotFailed { state } => format!("Only a failed file can be retried; this one is {state}.").into(),
            Self::RetriedTooOften { max } => {
                format!("A file can be retried {max} times; send it again in another batch.").into()
            }
            Self::PreconditionFailed => "This is not the version that If-Match names; get it anew.".into(),
            Self::RangeNotSatisfiable { length } => {
                format!("The range holds none of the {length} bytes that there are.").into()
            }
            Self::Internal(_) => {
                "Something failed inside the server; the operator's log says what, under the request id.".into()
            }
        }
    }

    /// The whole answer, under a request's id.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let status = self.status();
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        match self {
            Self::MethodNotAllowed { allow } => {
                response.insert_header((ALLOW, *allow));
            }
            Self::RangeNotSatisfiable { length } => {
                let whole = ContentRangeSpec::Bytes { range: None, instance_length: Some(*length) };
                response.insert_header(ContentRange(whole));
            }
            Self::TooManyUploads | Self::QueueFull | Self::StorageUnavailable | Self::Draining => {
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
            code: self.code(),
            detail: self.detail(),
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
    detail: Cow<'static, str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [RefusedFileView]>,
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status()
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
            SpoolError::Io(ErrorKind::ReadOnlyFilesystem) => Self::StorageUnavailable,
            SpoolError::Missing
            | SpoolError::Damaged
            | SpoolError::Closed
            | SpoolError::NotEntered
            | SpoolError::InDoubt
            | SpoolError::Io(_) => Self::StorageFailed(error.to_string()),
        }
    }
}

impl From<JobLogError> for ApiError {
    fn from(error: JobLogError) -> Self {
        match error {
            JobLogError::Full => Self::DiskFull,
            JobLogError::Damaged | JobLogError::Outdated | JobLogError::Closed | JobLogError::Io(_) => {
                Self::StorageFailed(error.to_string())
            }
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
