//! How DocsGPT says that a request failed: statuses and bodies of its own, which its clients match on. What it has no word
//! for, such as a full disk, has the status that it has everywhere here.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Limits;
use crate::http::ApiError;

/// Why a request failed.
#[derive(Debug)]
pub enum Refusal {
    /// The header shows a key that is none of ours.
    InvalidToken,
    /// The form or the query does.
    InvalidKey,
    NobodyKnown,
    NoFiles(Option<ApiError>),
    /// Every file was refused: all for their type, all for their size, or for several reasons.
    Unsupported(Vec<RefusedView>),
    TooLarge(Vec<RefusedView>),
    NoValidFiles,
    RequestTooLarge {
        bytes_max: u64,
    },
    NotStored(ApiError),
    NoTask,
    TaskUnreadable(ApiError),
    NoWorker,
    /// Too many streams have gone on behind a record.
    TooManyReplays {
        wait: Duration,
    },
    Other(ApiError),
}

/// A file that was refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefusedAttachment)]
pub struct RefusedView {
    /// Its place among the parts `file` of the request, from 0.
    pub upload_index: usize,
    /// Its name as it was sent.
    pub filename: String,
    pub error: String,
}

/// The body of an answer to a request that failed. Which members it has depends on the failure, as in DocsGPT.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AttachmentRefusal)]
pub struct RefusalView {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<Vec<RefusedView>>,
}

/// What is said of one file that is too large.
pub fn too_large(limits: &Limits) -> String {
    format!("File exceeds the {}-byte upload limit", limits.file_bytes_max)
}

impl Refusal {
    /// What the failure of an upload is to DocsGPT's clients.
    #[must_use]
    pub fn of_upload(error: ApiError, limits: &Limits) -> Self {
        match error {
            ApiError::MalformedMultipart(_) | ApiError::UnsupportedMediaType | ApiError::NoFiles => {
                Self::NoFiles(Some(error))
            }
            ApiError::BatchTooLarge { max } => Self::RequestTooLarge { bytes_max: max },
            ApiError::TooManyFiles { .. } | ApiError::TooManyFields { .. } | ApiError::FieldTooLarge { .. } => {
                Self::RequestTooLarge { bytes_max: limits.batch_bytes_max }
            }
            ApiError::StorageFailed(_) | ApiError::Internal(_) => Self::NotStored(error),
            error => Self::Other(error),
        }
    }

    /// The answer; the log gets the reason.
    #[must_use]
    pub fn response(self, request_id: &str) -> HttpResponse {
        self.log(request_id);
        let status = self.status();
        let header = self.header();
        let mut response = HttpResponse::build(status).json(self.body());
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::InvalidToken | Self::InvalidKey | Self::NobodyKnown => ApiError::Unauthorized.header(),
            Self::NoWorker => ApiError::StorageUnavailable.header(),
            Self::TooManyReplays { wait } => Some((RETRY_AFTER, (wait.as_secs() + 1).into())),
            Self::Other(error) => error.header(),
            _ => None,
        }
    }

    fn log(&self, request_id: &str) {
        match self {
            Self::NotStored(error) | Self::TaskUnreadable(error) => log::error!("request {request_id}: {error}"),
            Self::NoFiles(Some(error)) | Self::Other(error) => log::info!("request {request_id}: {error}"),
            _ => {}
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidToken | Self::InvalidKey | Self::NobodyKnown => StatusCode::UNAUTHORIZED,
            Self::NoFiles(_)
            | Self::Unsupported(_)
            | Self::NoValidFiles
            | Self::NotStored(_)
            | Self::NoTask
            | Self::TaskUnreadable(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) | Self::RequestTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoWorker => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyReplays { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Other(error) => error.code().status(),
        }
    }

    fn body(self) -> RefusalView {
        match self {
            Self::InvalidToken => RefusalView {
                message: Some("Authentication error: invalid token".into()),
                error: Some("invalid_token"),
                ..RefusalView::default()
            },
            Self::InvalidKey => failed("Invalid API key"),
            Self::NobodyKnown => failed("Authentication required"),
            Self::NoFiles(_) => error("Missing file(s)"),
            Self::NoValidFiles => error("No valid files to upload"),
            Self::Unsupported(errors) | Self::TooLarge(errors) => {
                let first = errors.first().map_or_else(String::new, |first| first.error.clone());
                RefusalView { errors: Some(errors), ..failed(first) }
            }
            Self::RequestTooLarge { bytes_max } => failed(format!("Request exceeds the {bytes_max}-byte upload limit")),
            Self::NotStored(_) => RefusalView {
                success: Some(false),
                error: Some("Failed to store attachment"),
                ..RefusalView::default()
            },
            Self::NoTask => failed("Task ID is required"),
            Self::TaskUnreadable(_) => RefusalView { success: Some(false), ..RefusalView::default() },
            Self::NoWorker => failed("Service unavailable"),
            Self::TooManyReplays { .. } => failed("Too many streams were resumed within a minute; try again later."),
            Self::Other(error) => failed(error.detail()),
        }
    }
}

fn failed(message: impl Into<String>) -> RefusalView {
    RefusalView { success: Some(false), message: Some(message.into()), ..RefusalView::default() }
}

fn error(message: &str) -> RefusalView {
    RefusalView { status: Some("error"), message: Some(message.into()), ..RefusalView::default() }
}
