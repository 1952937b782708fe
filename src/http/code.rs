//! The stable codes of requests that fail: the word that programs match on, its status code, and what it means. The only
//! place that knows which status a failure has.

use actix_web::http::StatusCode;
use derive_more::Display;
use serde::Serialize;
use utoipa::ToSchema;

/// Makes the codes and all that is said of them from one list, so that none can lack a part of it.
macro_rules! error_codes {
    ($($code:ident $status:ident $meaning:literal;)*) => {
        /// Why a request failed. The text form of a code is stable; programs match on it.
        #[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[display(rename_all = "snake_case")]
        pub enum ErrorCode {
            $(#[doc = $meaning] $code,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The status of every answer with this code.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)* }
            }

            /// One sentence for whoever writes a client.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$code => $meaning,)* }
            }
        }
    };
}

error_codes! {
    MalformedMultipart BAD_REQUEST "The body is not well-formed multipart/form-data, or it broke off; nothing was kept.";
    NoFiles BAD_REQUEST "The request has no part with a file name.";
    BadField BAD_REQUEST "A form field is not what it has to be; the detail says which and what.";
    BadBody BAD_REQUEST "The body is not the JSON that it has to be; the detail says what that is.";
    InvalidParameter BAD_REQUEST "A query parameter is not what it has to be; the detail says which and what.";
    BadIdempotencyKey BAD_REQUEST "The header `Idempotency-Key` is not what it has to be.";
    BadContentDigest BAD_REQUEST "A header `Content-Digest` is not what it has to be.";
    DigestMismatch BAD_REQUEST "The body is not the one that its `Content-Digest` names; nothing was kept.";
    Unauthorized UNAUTHORIZED "The request shows no key of this server's, or two different ones.";
    CorsRefused FORBIDDEN "The setting `cors.origins` lets no page of this origin do this.";
    NotFound NOT_FOUND "There is nothing under this address.";
    MethodNotAllowed METHOD_NOT_ALLOWED "The address does not take this method; `Allow` says which it takes.";
    RequestTimeout REQUEST_TIMEOUT "The body came too slowly, or not at all; nothing was kept.";
    NoResult CONFLICT "The file has no text: it has not succeeded, or not yet.";
    IdempotencyConflict CONFLICT "A request with the same `Idempotency-Key` is under way; try again after `Retry-After`.";
    NotCompleted CONFLICT "The batch is being cancelled and is not through with it; ask again in a moment.";
    NotFailed CONFLICT "Only a failed file can be retried, and this one is in another state.";
    RetriedTooOften CONFLICT "A file has been retried as often as it can be; send it again in another batch.";
    ContentGone GONE "The file was refused or damaged; its bytes are not kept.";
    PreconditionFailed PRECONDITION_FAILED "`If-Match` names another version than the one that is here.";
    TooManyFiles PAYLOAD_TOO_LARGE "The batch has more files than the server takes at once.";
    TooManyFields PAYLOAD_TOO_LARGE "The request has more fields that are not files than the server takes.";
    FieldTooLarge PAYLOAD_TOO_LARGE "A field that is not a file is larger than the server takes.";
    BodyTooLarge PAYLOAD_TOO_LARGE "The body is larger than the server takes.";
    BatchTooLarge PAYLOAD_TOO_LARGE "The batch has more bytes than the server takes at once.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "The body is not multipart/form-data.";
    RangeNotSatisfiable RANGE_NOT_SATISFIABLE "The range holds none of the bytes that there are; `Content-Range` says how many.";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "The `Idempotency-Key` was used for another request; nothing was kept.";
    AllFilesRejected UNPROCESSABLE_ENTITY "Every file was refused, so there is no batch; the member `files` says why.";
    TooManyUploads TOO_MANY_REQUESTS "Too many uploads are arriving; try again after `Retry-After`.";
    QueueFull TOO_MANY_REQUESTS "Too many batches wait to be processed; try again after `Retry-After`.";
    QuotaExceeded TOO_MANY_REQUESTS "The key has used up what it may have; the detail says of what.";
    TooManyStreams TOO_MANY_REQUESTS "Too many streams of events are open; try again after `Retry-After`.";
    StorageFailed INTERNAL_SERVER_ERROR "The server could not store or read what it needed; the operator's log says why.";
    Internal INTERNAL_SERVER_ERROR "Something failed inside the server; the operator's log says what, under the request id.";
    StorageUnavailable SERVICE_UNAVAILABLE "The server cannot store anything at this moment; it goes on by itself.";
    Draining SERVICE_UNAVAILABLE "The server is shutting down; try again when it is back.";
    DiskFull INSUFFICIENT_STORAGE "The server's disk is too full for the request; nothing was kept or changed.";
}

/// Seconds after which a client that was turned away may try again.
pub const RETRY_AFTER_SECONDS: u32 = 5;

impl ErrorCode {
    /// What `Retry-After` says, where it is worth trying again soon.
    #[must_use]
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::TooManyUploads
            | Self::QueueFull
            | Self::TooManyStreams
            | Self::IdempotencyConflict
            | Self::StorageUnavailable
            | Self::Draining => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}
