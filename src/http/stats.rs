//! What a person wants to see of a server at a glance, as JSON: five figures since the start, what it has to do at this
//! moment, and the last hour. Over all owners, as `/metrics` is.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::{examples, problems};
use super::{Api, ApiError};
use crate::metrics::Metrics;

problems!(StatsProblems: Internal);

/// Figures of the server, for a person's eye.
///
/// They are counted from the start of the server, over everybody's files. A rate is null while there is nothing to take it
/// of. Whoever wants them over time takes them from `/metrics`.
#[utoipa::path(
    get,
    path = "/stats",
    operation_id = "get_stats",
    tag = "server",
    responses(
        (status = 200, description = "The figures.", body = Stats, example = json!(examples::stats())),
        StatsProblems,
    )
)]
pub async fn stats(api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let disk_free_bytes = api.door.free_bytes().ok();
    let stats = api.door.measured(move |metrics| Stats::of(metrics, disk_free_bytes)).await?;
    Ok(HttpResponse::Ok().json(stats))
}

/// Figures of the server.
#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    /// When the server was started; all is counted from then.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Seconds since then.
    uptime_seconds: u64,
    /// Files that were accepted, of all whose upload ended: accepted, refused, or broken off.
    #[schema(required, minimum = 0, maximum = 1)]
    attachment_upload_success_rate: Option<f64>,
    /// Attempts to read a file that failed and were followed by another.
    attachment_processing_retry_count: u64,
    /// Files that verification ended, of all stored files that it looked at to an end.
    #[schema(required, minimum = 0, maximum = 1)]
    attachment_verification_failure_rate: Option<f64>,
    /// Attempts over which a worker died or was killed, for whatever cause but a cancelling, of all that a worker answered
    /// or died over.
    #[schema(required, minimum = 0, maximum = 1)]
    worker_crash_rate: Option<f64>,
    /// Seconds from giving a file to a worker to its text, the mean over all texts that were read.
    #[schema(required, minimum = 0)]
    average_processing_time_per_file: Option<f64>,
    /// Files that wait for their outcome.
    queue_depth: u64,
    /// Those of them that are between verification and outcome.
    files_in_motion: u64,
    /// Batches with such files.
    batches_open: u64,
    /// Requests whose answer has not been handed over whole, this one counted.
    requests_in_flight: u64,
    /// Workers that read files or are ready to.
    workers_alive: u64,
    /// Bytes free on the disk; null when it does not say.
    #[schema(required)]
    disk_free_bytes: Option<u64>,
    last_hour: LastHour,
}

/// How files ended in the last hour, for as long as the server has run.
#[derive(Debug, Serialize, ToSchema)]
struct LastHour {
    /// Files that came to their end, in whatever way.
    files_ended: u64,
    /// Those of them that failed.
    files_failed: u64,
    /// Files that ended in each minute, oldest first; the last one has not passed yet.
    #[schema(min_items = 60, max_items = 60)]
    ended_per_minute: Vec<u64>,
    /// Those of them that failed.
    #[schema(min_items = 60, max_items = 60)]
    failed_per_minute: Vec<u64>,
}

impl Stats {
    fn of(metrics: &Metrics, disk_free_bytes: Option<u64>) -> Self {
        let operation = &metrics.operation;
        let uptime = Timestamp::now().duration_since(metrics.since);
        Self {
            since: metrics.since,
            // A clock that was set back makes no negative time.
            uptime_seconds: u64::try_from(uptime.as_secs()).unwrap_or(0),
            attachment_upload_success_rate: metrics.upload_success_rate(),
            attachment_processing_retry_count: metrics.processing_retries.get(),
            attachment_verification_failure_rate: metrics.verification_failure_rate(),
            worker_crash_rate: metrics.worker_crash_rate(),
            average_processing_time_per_file: metrics.seconds_per_text(),
            queue_depth: whole(metrics.queue_depth.get()),
            files_in_motion: whole(metrics.files_in_motion.get()),
            batches_open: whole(operation.batches_open.get()),
            requests_in_flight: whole(operation.requests_in_flight.get()),
            workers_alive: whole(operation.workers_alive.get()),
            disk_free_bytes,
            last_hour: LastHour::of(metrics),
        }
    }
}

impl LastHour {
    fn of(metrics: &Metrics) -> Self {
        let minutes = metrics.recent.minutes();
        let ended_per_minute: Vec<u64> = minutes.iter().map(|minute| minute.ended).collect();
        let failed_per_minute: Vec<u64> = minutes.iter().map(|minute| minute.failed).collect();
        Self {
            files_ended: ended_per_minute.iter().sum(),
            files_failed: failed_per_minute.iter().sum(),
            ended_per_minute,
            failed_per_minute,
        }
    }
}

/// A gauge may be below nothing for a moment, while two threads count.
fn whole(gauge: i64) -> u64 {
    u64::try_from(gauge).unwrap_or(0)
}
