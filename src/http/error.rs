//! Why requests fail, and what clients are told then: a stable code and a sentence. Paths and inner errors stay in the
//! log, under the same request id.

use actix_cors::CorsError;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CONNECTION, CONTENT_RANGE, ContentRange, ContentRangeSpec, HeaderName, HeaderValue, RETRY_AFTER,
    TryIntoHeaderValue, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use derive_more::{Display, Error};
use serde_json::value::RawValue;

use super::auth::QuotaExceeded;
use super::code::{ErrorCode, RETRY_AFTER_SECONDS};
use super::problem::Problem;
use crate::batch::FileState;

mod causes;
mod detail;

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
    #[display("{what}")]
    BadBody { what: &'static str },
    #[display("the body is larger than {max} bytes")]
    BodyTooLarge { max: u64 },
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
        files: Vec<Box<RawValue>>,
    },
    #[display("Content-Digest is not what RFC 9530 says")]
    BadContentDigest,
    #[display("the body is not the one that Content-Digest names")]
    DigestMismatch,
    #[display("the idempotency key is not 1 to {max} visible characters")]
    BadIdempotencyKey { max: usize },
    #[display("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    #[display("a request with the same idempotency key is under way")]
    IdempotencyConflict,
    #[display("nothing came for too long, or too little")]
    RequestTimeout,
    #[display("too many uploads are arriving")]
    TooManyUploads,
    #[display("too many batches are waiting")]
    QueueFull,
    #[display("too many streams of events are open")]
    TooManyStreams,
    #[display("a quota is used up: {_0}")]
    QuotaExceeded(QuotaExceeded),
    #[display("the disk is too full")]
    DiskFull,
    #[display("storing failed: {_0}")]
    StorageFailed(#[error(not(source))] String),
    #[display("nothing can be stored at this moment")]
    StorageUnavailable,
    #[display("the server is shutting down")]
    Draining,
    #[display("it shows no key, or none that is known")]
    Unauthorized,
    #[display("there is no such thing")]
    NotFound,
    #[display("the method is not allowed; allowed are {allow}")]
    MethodNotAllowed { allow: String },
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
    #[display("a page's preflight is refused: {_0}")]
    CorsRefused(CorsError),
    #[display("something failed inside the server: {_0}")]
    Internal(#[error(not(source))] String),
}

impl ApiError {
    /// The stable word that programs match on.
    pub(super) const fn code(&self) -> ErrorCode {
        match self {
            Self::MalformedMultipart(_) => ErrorCode::MalformedMultipart,
            Self::UnsupportedMediaType => ErrorCode::UnsupportedMediaType,
            Self::NoFiles => ErrorCode::NoFiles,
            Self::BadField { .. } => ErrorCode::BadField,
            Self::BadBody { .. } => ErrorCode::BadBody,
            Self::BodyTooLarge { .. } => ErrorCode::BodyTooLarge,
            Self::TooManyFiles { .. } => ErrorCode::TooManyFiles,
            Self::TooManyFields { .. } => ErrorCode::TooManyFields,
            Self::FieldTooLarge { .. } => ErrorCode::FieldTooLarge,
            Self::BatchTooLarge { .. } => ErrorCode::BatchTooLarge,
            Self::AllFilesRejected { .. } => ErrorCode::AllFilesRejected,
            Self::BadContentDigest => ErrorCode::BadContentDigest,
            Self::DigestMismatch => ErrorCode::DigestMismatch,
            Self::BadIdempotencyKey { .. } => ErrorCode::BadIdempotencyKey,
            Self::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
            Self::IdempotencyConflict => ErrorCode::IdempotencyConflict,
            Self::RequestTimeout => ErrorCode::RequestTimeout,
            Self::TooManyUploads => ErrorCode::TooManyUploads,
            Self::QueueFull => ErrorCode::QueueFull,
            Self::QuotaExceeded(_) => ErrorCode::QuotaExceeded,
            Self::TooManyStreams => ErrorCode::TooManyStreams,
            Self::DiskFull => ErrorCode::DiskFull,
            Self::StorageFailed(_) => ErrorCode::StorageFailed,
            Self::StorageUnavailable => ErrorCode::StorageUnavailable,
            Self::Draining => ErrorCode::Draining,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::NotFound => ErrorCode::NotFound,
            Self::MethodNotAllowed { .. } => ErrorCode::MethodNotAllowed,
            Self::InvalidParameter { .. } => ErrorCode::InvalidParameter,
            Self::NoResult { .. } => ErrorCode::NoResult,
            Self::NotCompleted => ErrorCode::NotCompleted,
            Self::NotFailed { .. } => ErrorCode::NotFailed,
            Self::RetriedTooOften { .. } => ErrorCode::RetriedTooOften,
            Self::ContentGone => ErrorCode::ContentGone,
            Self::PreconditionFailed => ErrorCode::PreconditionFailed,
            Self::RangeNotSatisfiable { .. } => ErrorCode::RangeNotSatisfiable,
            Self::CorsRefused(_) => ErrorCode::CorsRefused,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// The whole answer, under a request's id.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let detail = self.detail();
        let mut problem = Problem::new(self.code(), &detail, request_id);
        if let Self::AllFilesRejected { files } = self {
            problem = problem.with_files(files);
        }
        let mut response = problem.response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// What the answer says in a header of its own, for programs that do not read its body.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Self::MethodNotAllowed { allow } => (ALLOW, HeaderValue::from_str(allow).ok()?),
            Self::RangeNotSatisfiable { length } => {
                let whole = ContentRangeSpec::Bytes { range: None, instance_length: Some(*length) };
                (CONTENT_RANGE, ContentRange(whole).try_into_value().ok()?)
            }
            Self::QuotaExceeded(QuotaExceeded::Requests { wait_seconds }) => (RETRY_AFTER, (*wait_seconds).into()),
            Self::QuotaExceeded(QuotaExceeded::OpenBatches { .. }) => (RETRY_AFTER, RETRY_AFTER_SECONDS.into()),
            Self::QuotaExceeded(QuotaExceeded::StoredBytes { .. }) => return None,
            Self::Unauthorized => (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            // What is left of the body is not worth reading.
            Self::RequestTimeout => (CONNECTION, HeaderValue::from_static("close")),
            _ => (RETRY_AFTER, self.code().retry_after_seconds()?.into()),
        };
        Some((name, value))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code().status()
    }

    /// The tracing middleware, which knows the request's id, makes the body.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status_code())
    }
}
