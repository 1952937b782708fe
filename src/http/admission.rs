//! Which uploads are let in: asked before the body is read, so that who is turned away has sent nothing for nothing.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, ApiError};
use crate::config::Limits;
use crate::joblog::JobLogError;
use crate::metrics::Metrics;

/// Bytes that a part of a form may have beside its content: a boundary, and a head with a name. Nobody writes more.
const PART_BYTES_MAX: u64 = 8 << 10;

/// Lets an upload in.
///
/// # Errors
/// When it is turned away: it is too large, or the server is draining, out of room or of places, or cannot store anything.
pub fn admit<'a>(request: &HttpRequest, api: &'a Api) -> Result<OpenUpload<'a>, ApiError> {
    if api.health.is_draining() {
        return Err(ApiError::Draining);
    }
    let announced = announced_bytes(request);
    if announced > Some(request_bytes_max(&api.limits)) {
        return Err(ApiError::BatchTooLarge { max: api.limits.batch_bytes_max });
    }
    let free = api.door.free_bytes().map_err(|error| ApiError::StorageFailed(error.to_string()))?;
    if free.saturating_sub(announced.unwrap_or(0)) < api.limits.disk_free_bytes_min {
        return Err(ApiError::DiskFull);
    }
    admit_work(api)?;
    let permit = Arc::clone(&api.uploads).try_acquire_owned().map_err(|_| ApiError::TooManyUploads)?;
    Ok(OpenUpload { _permit: permit, _counted: Counted::new(api.door.metrics()) })
}

/// How long a request's body is, where its head says so.
pub fn announced_bytes(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Bytes that no request has whose files, fields and parts are as many and as large as they may be.
fn request_bytes_max(limits: &Limits) -> u64 {
    let &Limits { batch_files_max, batch_bytes_max, field_bytes_max, fields_max, .. } = limits;
    let (files, fields) = (batch_files_max as u64, fields_max as u64);
    let beside = field_bytes_max.saturating_mul(fields).saturating_add((files + fields) * PART_BYTES_MAX);
    batch_bytes_max.saturating_add(beside)
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
