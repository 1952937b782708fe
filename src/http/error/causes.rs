//! What the failures of other modules are to a client.

use std::io::ErrorKind;

use actix_multipart::MultipartError;

use super::ApiError;
use crate::custody::CustodyError;
use crate::http::auth::QuotaExceeded;
use crate::joblog::JobLogError;
use crate::spool::SpoolError;

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

impl From<QuotaExceeded> for ApiError {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::QuotaExceeded(exceeded)
    }
}
