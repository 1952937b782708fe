//! The sentences that a person can act on.

use std::borrow::Cow;

use super::ApiError;
use crate::http::auth::QuotaExceeded;

impl ApiError {
    /// A sentence that a person can act on.
    pub(in crate::http) fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::BadField { what } | Self::BadBody { what } => (*what).into(),
            Self::BodyTooLarge { max } => format!("The body has at most {max} bytes.").into(),
            Self::TooManyFiles { max } => {
                format!("A batch holds at most {max} files; send the rest as another batch.").into()
            }
            Self::TooManyFields { max } => format!("A request has at most {max} fields that are not files.").into(),
            Self::FieldTooLarge { max } => format!("A field that is not a file has at most {max} bytes.").into(),
            Self::BatchTooLarge { max } => format!("A batch has at most {max} bytes; send fewer files at once.").into(),
            Self::BadIdempotencyKey { max } => {
                format!("Idempotency-Key must be given once, as 1 to {max} visible ASCII characters, quoted or not.")
                    .into()
            }
            Self::QuotaExceeded(QuotaExceeded::OpenBatches { max }) => {
                format!("This key may have {max} batches that are not completed; wait for one, or cancel it.").into()
            }
            Self::QuotaExceeded(QuotaExceeded::StoredBytes { max }) => {
                format!("This key may keep {max} bytes, and they are used up; remove batches that are done with.")
                    .into()
            }
            Self::MethodNotAllowed { allow } => format!("This address takes only {allow}.").into(),
            Self::InvalidParameter { name, expected } => format!("The parameter {name} must be {expected}.").into(),
            Self::NoResult { state } => format!("The file has no text: its state is {state}.").into(),
            Self::NotFailed { state } => format!("Only a failed file can be retried; this one is {state}.").into(),
            Self::RetriedTooOften { max } => {
                format!("A file can be retried {max} times; send it again in another batch.").into()
            }
            Self::RangeNotSatisfiable { length } => {
                format!("The range holds none of the {length} bytes that there are.").into()
            }
            other => other.fixed_detail().into(),
        }
    }

    /// What is said alike of all failures of a kind.
    const fn fixed_detail(&self) -> &'static str {
        match self {
            Self::MalformedMultipart(_) => {
                "The body is not well-formed multipart/form-data, or it broke off; nothing was kept."
            }
            Self::UnsupportedMediaType => "Send the files as multipart/form-data.",
            Self::NoFiles => "The request has no file: send at least one part with a file name.",
            Self::AllFilesRejected { .. } => "Every file was refused, so there is no batch; the member files says why.",
            Self::BadContentDigest => {
                "Content-Digest must be as in RFC 9530, such as sha-256=:…: with the digest in base64."
            }
            Self::DigestMismatch => {
                "What came is not what its Content-Digest names; nothing was kept. Send the batch again."
            }
            Self::IdempotencyKeyReused => {
                "The Idempotency-Key belongs to another request that was taken; use a new key for each request."
            }
            Self::IdempotencyConflict => {
                "A request with the same Idempotency-Key is under way; try again shortly for its answer."
            }
            Self::RequestTimeout => "The body came too slowly, or not at all; nothing was kept. Send the batch again.",
            Self::TooManyUploads => "Too many uploads are arriving; try again shortly.",
            Self::QueueFull => "Too many batches wait to be processed; try again later.",
            Self::TooManyStreams => "Too many streams of events are open; try again later.",
            Self::QuotaExceeded(QuotaExceeded::Requests { .. }) => {
                "This key has made as many requests as it may in a minute; Retry-After says when to go on."
            }
            Self::DiskFull => "The server's disk is too full for this; nothing was kept or changed.",
            Self::StorageFailed(_) => "The server could not store or read what it needed; the operator's log says why.",
            Self::StorageUnavailable => {
                "The server cannot store anything at this moment; it goes on by itself when its disk is well."
            }
            Self::Draining => "The server is shutting down; try again when it is back.",
            Self::Unauthorized => "Send a key of this server as Authorization: Bearer KEY, or as X-Api-Key: KEY.",
            Self::NotFound => "There is nothing under this address.",
            Self::ContentGone => "The file was refused or damaged; its bytes are not kept.",
            Self::NotCompleted => "The batch is being cancelled and is not through with it; ask again in a moment.",
            Self::PreconditionFailed => "This is not the version that If-Match names; get it anew.",
            Self::CorsRefused(_) => {
                "The server's operator has not let this page's origin in, or not for such a request."
            }
            Self::Internal(_) => {
                "Something failed inside the server; the operator's log says what, under the request id."
            }
            // Told with what they are about.
            _ => self.code().meaning(),
        }
    }
}
