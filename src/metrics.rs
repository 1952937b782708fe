//! What is counted, in the names and units of Prometheus' conventions; one registry, handed to whoever counts.

mod figures;
mod labels;
mod operation;
mod recent;
mod text;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub use self::labels::{
    CauseLabels, CodeLabels, HttpLabels, ReasonLabels, ResultLabels, ScanResult, StateLabels, SyncLabels, UploadLabels,
    UploadOutcome,
};
pub use self::operation::{Operation, Present};
use self::recent::Recent;
use crate::batch::{FileErrorCode, FileState};
use crate::webhooks;

/// The verdicts after which a worker is replaced.
const WORKER_ENDS: [FileErrorCode; 5] = [
    FileErrorCode::Timeout,
    FileErrorCode::Stalled,
    FileErrorCode::OutOfMemory,
    FileErrorCode::Crashed,
    FileErrorCode::Panicked,
];

/// Every metric. Cheap to count on; the text is made when it is asked for.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Since when things are counted.
    pub since: Timestamp,
    pub operation: Operation,
    pub recent: Recent,
    pub uploads: Family<UploadLabels, Counter>,
    files_ended: Family<StateLabels, Counter>,
    pub processing_retries: Counter,
    pub verification_failures: Family<CodeLabels, Counter>,
    pub files_deduplicated: Counter,
    pub bytes_deduplicated: Counter,
    pub scans: Family<ResultLabels, Counter>,
    pub scan_seconds: Histogram,
    pub webhook_deliveries: Family<ResultLabels, Counter>,
    pub worker_crashes: Family<CauseLabels, Counter>,
    pub actor_panics: Counter,
    processing_seconds: Histogram,
    pub queue_depth: Gauge,
    pub files_in_motion: Gauge,
    pub spool_files: Gauge,
    pub spool_bytes: Gauge,
    pub disk_free_bytes: Gauge,
    pub sync_seconds: Family<SyncLabels, Histogram, fn() -> Histogram>,
    pub http_requests: Family<HttpLabels, Counter>,
    pub http_seconds: Family<HttpLabels, Histogram, fn() -> Histogram>,
    pub uploads_open: Gauge<i64>,
    pub event_streams_open: Gauge<i64>,
    pub event_streams_cut_off: Counter,
    pub retention_removed: Family<ReasonLabels, Counter>,
    pub retention_removed_bytes: Counter,
    pub uptime_seconds: Gauge<f64, AtomicU64>,
}

/// From a small text to the wall-clock limit; a scan takes as long.
fn processing_buckets() -> Histogram {
    Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0])
}

/// From a write cache to a disk in trouble.
fn sync_buckets() -> Histogram {
    Histogram::new([0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0])
}

/// From a status look-up to a long upload.
fn http_buckets() -> Histogram {
    Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0])
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("consign"),
            since: Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default(),
            operation: Operation::default(),
            recent: Recent::new(),
            uploads: Family::default(),
            files_ended: Family::default(),
            processing_retries: Counter::default(),
            verification_failures: Family::default(),
            files_deduplicated: Counter::default(),
            bytes_deduplicated: Counter::default(),
            scans: Family::default(),
            scan_seconds: processing_buckets(),
            webhook_deliveries: Family::default(),
            worker_crashes: Family::default(),
            actor_panics: Counter::default(),
            processing_seconds: processing_buckets(),
            queue_depth: Gauge::default(),
            files_in_motion: Gauge::default(),
            spool_files: Gauge::default(),
            spool_bytes: Gauge::default(),
            disk_free_bytes: Gauge::default(),
            sync_seconds: Family::new_with_constructor(sync_buckets as fn() -> Histogram),
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(http_buckets as fn() -> Histogram),
            uploads_open: Gauge::default(),
            event_streams_open: Gauge::default(),
            event_streams_cut_off: Counter::default(),
            retention_removed: Family::default(),
            retention_removed_bytes: Counter::default(),
            uptime_seconds: Gauge::default(),
        };
        metrics.register_files();
        metrics.register_machine();
        metrics.operation.register(&mut metrics.registry);
        metrics.start_at_zero();
        metrics
    }

    /// Makes every series that is known beforehand, so that a rate can be taken from its first event on.
    fn start_at_zero(&self) {
        use FileErrorCode as Code;
        for result in webhooks::Result::ALL {
            drop(self.webhook_deliveries.get_or_create(&ResultLabels { result: result.to_string() }));
        }
        self.operation.start_at_zero();
        for outcome in [UploadOutcome::Accepted, UploadOutcome::Rejected, UploadOutcome::Aborted] {
            drop(self.uploads.get_or_create(&UploadLabels { outcome: outcome.to_string() }));
        }
        for state in [FileState::Succeeded, FileState::Failed, FileState::Rejected, FileState::Cancelled] {
            drop(self.files_ended.get_or_create(&StateLabels { state: state.to_string() }));
        }
        for result in [
            ScanResult::Clean,
            ScanResult::Found,
            ScanResult::TooLarge,
            ScanResult::Unavailable,
            ScanResult::Unreadable,
        ] {
            drop(self.scans.get_or_create(&ResultLabels { result: result.to_string() }));
        }
        let of_scans = [Code::MalwareFound, Code::ScanUnavailable, Code::TooLargeToScan];
        let of_checks = [Code::Missing, Code::Damaged, Code::Unreadable, Code::TypeMismatch, Code::UnsupportedType];
        for code in of_checks.into_iter().chain(of_scans) {
            drop(self.verification_failures.get_or_create(&CodeLabels { code: code.to_string() }));
        }
        for code in WORKER_ENDS {
            drop(self.worker_crashes.get_or_create(&CauseLabels { cause: code.to_string() }));
        }
    }

    fn register_files(&mut self) {
        let r = &mut self.registry;
        r.register("uploads", "Files whose upload ended, by outcome", self.uploads.clone());
        r.register("files_ended", "Files that came to their end, by state", self.files_ended.clone());
        r.register("processing_retries", "Attempts that will be made again", self.processing_retries.clone());
        r.register(
            "verification_failures",
            "Stored files that verification ended, by code",
            self.verification_failures.clone(),
        );
        r.register(
            "files_deduplicated",
            "Files that took over the text of a file with the same bytes",
            self.files_deduplicated.clone(),
        );
        r.register_with_unit(
            "deduplicated",
            "Bytes that came and were let go again because they were stored already",
            Unit::Bytes,
            self.bytes_deduplicated.clone(),
        );
        r.register("scans", "Tries to have a file scanned for malware, by result", self.scans.clone());
        r.register_with_unit(
            "scan",
            "Time of a try to have a file scanned for malware",
            Unit::Seconds,
            self.scan_seconds.clone(),
        );
        r.register("worker_crashes", "Workers that died or were killed, by cause", self.worker_crashes.clone());
        r.register("actor_panics", "Panics caught inside the server", self.actor_panics.clone());
        r.register_with_unit(
            "processing",
            "Time from giving a file to a worker to its text",
            Unit::Seconds,
            self.processing_seconds.clone(),
        );
        r.register("queue_depth", "Files that wait for their outcome", self.queue_depth.clone());
        r.register("files_in_motion", "Files between verification and outcome", self.files_in_motion.clone());
        r.register("spool_files", "Files in the spool", self.spool_files.clone());
    }

    fn register_machine(&mut self) {
        let r = &mut self.registry;
        r.register_with_unit("spool", "Bytes that segments take on the disk", Unit::Bytes, self.spool_bytes.clone());
        r.register_with_unit(
            "disk_free",
            "Bytes free on the data directory's filesystem",
            Unit::Bytes,
            self.disk_free_bytes.clone(),
        );
        r.register_with_unit("fsync", "Time of a sync, by target", Unit::Seconds, self.sync_seconds.clone());
        r.register("http_requests", "Requests answered, by route and status", self.http_requests.clone());
        r.register_with_unit("http_request", "Time to the answer", Unit::Seconds, self.http_seconds.clone());
        r.register("webhook_deliveries", "Calls of webhooks, by result", self.webhook_deliveries.clone());
        r.register("uploads_open", "Uploads that are arriving", self.uploads_open.clone());
        r.register("event_streams_open", "Streams of events that are open", self.event_streams_open.clone());
        r.register(
            "event_streams_cut_off",
            "Streams of events that ended because their reader took nothing",
            self.event_streams_cut_off.clone(),
        );
        r.register(
            "retention_removed_batches",
            "Batches that went by themselves, by reason",
            self.retention_removed.clone(),
        );
        r.register_with_unit(
            "retention_removed",
            "Bytes of the files of batches that went by themselves",
            Unit::Bytes,
            self.retention_removed_bytes.clone(),
        );
        r.register_with_unit("uptime", "Time since the start", Unit::Seconds, self.uptime_seconds.clone());
    }

    /// Counts a file that came to its end.
    pub fn count_ended(&self, state: FileState) {
        self.files_ended.get_or_create(&StateLabels { state: state.to_string() }).inc();
        self.recent.count(state == FileState::Failed);
    }

    /// Counts the verdict on a worker that died or was killed over a file; other errors leave the worker alive.
    pub fn count_worker_end(&self, code: FileErrorCode) {
        if WORKER_ENDS.contains(&code) {
            self.worker_crashes.get_or_create(&CauseLabels { cause: code.to_string() }).inc();
        }
    }

    /// Something to tell the length of each sync of `target`.
    #[must_use]
    pub fn sync_observer(&self, target: &'static str) -> crate::spool::SyncObserver {
        let histogram = self.sync_seconds.get_or_create(&SyncLabels { target }).clone();
        std::sync::Arc::new(move |took: Duration| histogram.observe(took.as_secs_f64()))
    }

    /// The metrics in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn encode_for_prometheus(&self) -> String {
        text::to_prometheus(&self.encode())
    }

    /// The metrics in the `OpenMetrics` text format.
    ///
    /// # Panics
    /// Never: writing to a string cannot fail.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
