//! Which uploads are let in: asked before the body is read, so that who is turned away has sent nothing for nothing.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, ApiError};
use crate::joblog::JobLogError;
use crate::metrics::Metrics;

/// Lets an upload in.
///
/// # Errors
/// When it is turned away: the server is draining, out of room or of places, or cannot store anything.
pub fn admit<'a>(request: &HttpRequest, api: &'a Api) -> Result<OpenUpload<'a>, ApiError> {
    if api.health.is_draining() {
        return Err(ApiError::Draining);
    }
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let free = api.door.free_bytes().map_err(|error| ApiError::StorageFailed(error.to_string()))?;
    if free.saturating_sub(announced.unwrap_or(0)) < api.limits.disk_free_bytes_min {
        return Err(ApiError::DiskFull);
    }
    admit_work(api)?;
    let permit = Arc::clone(&api.uploads).try_acquire_owned().map_err(|_| ApiError::TooManyUploads)?;
    Ok(OpenUpload { _permit: permit, _counted: Counted::new(api.door.metrics()) })
}

/// Lets work in that the server has to make durable and to do.
///
/// # Errors
/// When it is turned away: the server is draining, cannot store anything, or has enough to do.
pub fn admit_work(api: &Api) -> Result<(), ApiError> {
    if api.health.is_draining() {
        return Err(ApiError::Draining);
    }
    if !api.door.is_working() {
        let is_full = api.door.log_trouble() == Some(JobLogError::Full);
        return Err(if is_full { ApiError::DiskFull } else { ApiError::StorageUnavailable });
    }
    if api.door.open_count() >= api.limits.batches_open_max {
        return Err(ApiError::QueueFull);
    }
    Ok(())
}

/// What an upload holds while it is arriving.
pub struct OpenUpload<'a> {
    _permit: OwnedSemaphorePermit,
    _counted: Counted<'a>,
}

/// Counts an upload while it is arriving, however it ends.
struct Counted<'a>(&'a Metrics);

impl<'a> Counted<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.uploads_open.inc();
        Self(metrics)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.uploads_open.dec();
    }
}
