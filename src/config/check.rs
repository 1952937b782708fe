//! What a setting can be. One function for each section names every one of its settings, so that a new setting does
//! not build before somebody has thought about its bounds.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use super::{
    AttemptsSettings, Config, EventsSettings, ExtractSettings, KeySettings, Limits, RetentionSettings, ScanSettings,
    ShutdownSettings, SpoolSettings, TlsSettings, VerifySettings, WebhookSettings, WorkerSettings, bytes::text,
    keys::digest_of,
};
use crate::batch::BATCH_FILES_LIMIT;
use crate::webhooks::WebhookUrl;

/// One less than a batch has ids for: the file that is one too many still has one, under which it is refused.
const FILES_MAX: usize = BATCH_FILES_LIMIT - 1;
/// The names of the largest batch that the settings allow still fit into one seal.
const NAME_BYTES_MAX: u64 = 1 << 10;
/// A week. Longer waits are mistakes of units, and sums of times must not overflow.
const MS_MAX: u64 = 7 * 24 * 3_600 * 1_000;
/// Thirty years. Who wants to keep batches for longer wants to keep them for ever.
const RETENTION_MS_MAX: u64 = 30 * 365 * 24 * 3_600 * 1_000;
/// With more, the last wait of a doubling backoff would be longer than anybody waits.
const TRIES_MAX: u32 = 20;
/// More children than any machine has cores for.
const PROCESSES_MAX: usize = 1_024;
/// After a crash each file of an open window costs a flush of its own; more would hold up the start for long.
const CLAIM_WINDOW_MAX: usize = 4_096;
/// Each is preallocated on the disk.
const STOCK_SEGMENTS_MAX: usize = 64;
/// Each level takes room on a child's stack.
const NESTING_MAX: usize = 16;
/// More scans at one time than a scanner has threads; each takes a descriptor.
const SCANS_MAX: usize = 64;
/// A child's vocabulary alone takes half of this.
const CHILD_BYTES_MIN: u64 = 128 << 20;

/// Each holds a thread.
const DELIVERIES_MAX: usize = 256;

/// A value that no server can work with.
#[derive(Debug)]
pub struct Impossible {
    pub key: String,
    /// What the value must be, to follow on "must be".
    pub possible: String,
}

/// Whether a server can work with these settings.
pub fn check(config: &Config) -> Result<(), Impossible> {
    let Config {
        listen: _,
        insecure_no_keys: _,
        data_dir,
        limits,
        spool,
        attempts,
        verify,
        scan,
        dedup: _,
        extract,
        worker,
        events,
        retention,
        webhook,
        shutdown,
        log: _,
        tls,
        cors,
        keys,
    } = config;
    require(!data_dir.as_os_str().is_empty(), "data_dir", "the path of a directory")?;
    let origins = "a list of origins such as https://chat.example.org, in lower case and without a path, or * alone";
    require(cors.are_origins(), "cors.origins", origins)?;
    let TlsSettings { cert: _, key } = tls;
    let has_key = !key.as_os_str().is_empty();
    require(has_key || !tls.is_on(), "tls.key", "the file with the private key of tls.cert")?;
    require(tls.is_on() || !has_key, "tls.cert", "the file with the certificate of tls.key")?;
    check_keys(keys)?;
    check_limits(limits)?;
    check_spool(spool)?;
    check_attempts(attempts)?;
    check_verify(verify)?;
    check_scan(scan)?;
    check_worker(worker, limits)?;
    check_extract(extract, worker)?;
    check_events(events)?;
    check_retention(retention)?;
    check_webhook(webhook)?;
    check_shutdown(shutdown)
}

fn check_keys(keys: &BTreeMap<String, KeySettings>) -> Result<(), Impossible> {
    let mut names: HashMap<String, &str> = HashMap::new();
    for (name, key) in keys {
        let &KeySettings { sha256, batches_open_max: _, bytes_stored_max: _, requests_minute_max } = key;
        require(requests_minute_max != Some(0), &format!("keys.{name}.requests_minute_max"), "at least 1")?;
        if let Some(other) = names.insert(sha256.in_full(), name) {
            let another = format!("that of another key than {}", digest_of(other));
            require(false, &digest_of(name), &another)?;
        }
    }
    Ok(())
}

fn check_limits(limits: &Limits) -> Result<(), Impossible> {
    let &Limits {
        batch_files_max,
        batch_bytes_max,
        file_bytes_max,
        extract_bytes_max,
        text_bytes_max,
        name_bytes_max,
        field_bytes_max,
        fields_max,
        connections_max,
        uploads_open_max,
        batches_open_max,
        disk_free_bytes_min: _,
        upload_idle_ms_max,
        upload_second_bytes_min: _,
        wait_ms_max,
        idempotency_ms_max,
    } = limits;
    within("limits.batch_files_max", batch_files_max, 1, FILES_MAX)?;
    at_least("limits.batch_bytes_max", batch_bytes_max, 1)?;
    at_least("limits.file_bytes_max", file_bytes_max, 1)?;
    at_least("limits.extract_bytes_max", extract_bytes_max, 1)?;
    at_least("limits.text_bytes_max", text_bytes_max, 1)?;
    within("limits.name_bytes_max", name_bytes_max, 1, NAME_BYTES_MAX)?;
    at_least("limits.field_bytes_max", field_bytes_max, 1)?;
    at_least("limits.fields_max", fields_max, 1)?;
    at_least("limits.connections_max", connections_max, 1)?;
    at_least("limits.uploads_open_max", uploads_open_max, 1)?;
    at_least("limits.batches_open_max", batches_open_max, 1)?;
    within("limits.upload_idle_ms_max", upload_idle_ms_max, 1, MS_MAX)?;
    within("limits.wait_ms_max", wait_ms_max, 0, MS_MAX)?;
    within("limits.idempotency_ms_max", idempotency_ms_max, 1, MS_MAX)
}

fn check_spool(spool: &SpoolSettings) -> Result<(), Impossible> {
    let &SpoolSettings { small_batch_bytes_max, memory_bytes_max, segment_bytes, stock_segments } = spool;
    at_least("spool.small_batch_bytes_max", small_batch_bytes_max, 1)?;
    let holds_one = format!("at least spool.small_batch_bytes_max, which is {}", text(small_batch_bytes_max));
    require(memory_bytes_max >= small_batch_bytes_max, "spool.memory_bytes_max", &holds_one)?;
    require(segment_bytes >= small_batch_bytes_max, "spool.segment_bytes", &holds_one)?;
    within("spool.stock_segments", stock_segments, 1, STOCK_SEGMENTS_MAX)
}

fn check_attempts(attempts: &AttemptsSettings) -> Result<(), Impossible> {
    let &AttemptsSettings { max, retry_ms_base, claim_window } = attempts;
    within("attempts.max", max, 1, TRIES_MAX)?;
    within("attempts.retry_ms_base", retry_ms_base, 0, MS_MAX)?;
    within("attempts.claim_window", claim_window, 1, CLAIM_WINDOW_MAX)
}

fn check_verify(verify: &VerifySettings) -> Result<(), Impossible> {
    let &VerifySettings { tries_max, backoff_ms_base } = verify;
    within("verify.tries_max", tries_max, 1, TRIES_MAX)?;
    within("verify.backoff_ms_base", backoff_ms_base, 0, MS_MAX)
}

fn check_scan(scan: &ScanSettings) -> Result<(), Impossible> {
    let &ScanSettings { clamd: _, tries_max, backoff_ms_base, timeout_ms_max, scans_max } = scan;
    within("scan.tries_max", tries_max, 1, TRIES_MAX)?;
    within("scan.backoff_ms_base", backoff_ms_base, 0, MS_MAX)?;
    within("scan.timeout_ms_max", timeout_ms_max, 1, MS_MAX)?;
    within("scan.scans_max", scans_max, 1, SCANS_MAX)
}

fn check_extract(extract: &ExtractSettings, worker: &WorkerSettings) -> Result<(), Impossible> {
    let &ExtractSettings {
        unpacked_bytes_max,
        unpacked_ratio_max,
        entries_max,
        nesting_max,
        cells_max,
        pages_max,
        image_pixels_max,
        recognised_max: _,
    } = extract;
    at_least("extract.unpacked_bytes_max", unpacked_bytes_max, 1)?;
    let fits = format!("at most worker.memory_bytes_max, which is {}", text(worker.memory_bytes_max));
    require(unpacked_bytes_max <= worker.memory_bytes_max, "extract.unpacked_bytes_max", &fits)?;
    at_least("extract.unpacked_ratio_max", unpacked_ratio_max, 1)?;
    at_least("extract.entries_max", entries_max, 1)?;
    within("extract.nesting_max", nesting_max, 1, NESTING_MAX)?;
    at_least("extract.cells_max", cells_max, 1)?;
    at_least("extract.pages_max", pages_max, 1)?;
    at_least("extract.image_pixels_max", image_pixels_max, 1)
}

fn check_worker(worker: &WorkerSettings, limits: &Limits) -> Result<(), Impossible> {
    let WorkerSettings {
        processes,
        wall_ms_max,
        silence_ms_max,
        memory_bytes_max,
        files_max,
        tokenizer: _,
        ocr_languages,
    } = worker;
    let (&processes, &wall_ms_max, &silence_ms_max) = (processes, wall_ms_max, silence_ms_max);
    let (&memory_bytes_max, &files_max) = (memory_bytes_max, files_max);
    require(are_languages(ocr_languages), "worker.ocr_languages", "names of languages such as eng+deu")?;
    within("worker.processes", processes, 0, PROCESSES_MAX)?;
    within("worker.wall_ms_max", wall_ms_max, 1, MS_MAX)?;
    within("worker.silence_ms_max", silence_ms_max, 1, MS_MAX)?;
    let starts = format!("at least {}", text(CHILD_BYTES_MIN));
    require(memory_bytes_max >= CHILD_BYTES_MIN, "worker.memory_bytes_max", &starts)?;
    let holds_one = format!("at least limits.extract_bytes_max, which is {}", text(limits.extract_bytes_max));
    require(memory_bytes_max >= limits.extract_bytes_max, "worker.memory_bytes_max", &holds_one)?;
    at_least("worker.files_max", files_max, 1)
}

/// Whether these are names as tesseract has them, `chi_sim` or `script/Latin` among them; none may be a flag to it.
fn are_languages(names: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '/')
    };
    names.split('+').all(is_name)
}

fn check_events(events: &EventsSettings) -> Result<(), Impossible> {
    let &EventsSettings { streams_open_max, heartbeat_ms, stall_ms_max } = events;
    at_least("events.streams_open_max", streams_open_max, 1)?;
    within("events.heartbeat_ms", heartbeat_ms, 1, MS_MAX)?;
    within("events.stall_ms_max", stall_ms_max, 1, MS_MAX)
}

fn check_retention(retention: &RetentionSettings) -> Result<(), Impossible> {
    let &RetentionSettings { succeeded_ms_max, other_ms_max, bytes_max: _, keeps_originals: _, sweep_every_ms } =
        retention;
    within("retention.succeeded_ms_max", succeeded_ms_max, 0, RETENTION_MS_MAX)?;
    within("retention.other_ms_max", other_ms_max, 0, RETENTION_MS_MAX)?;
    within("retention.sweep_every_ms", sweep_every_ms, 1, MS_MAX)
}

fn check_webhook(webhook: &WebhookSettings) -> Result<(), Impossible> {
    let WebhookSettings { url, secret, allow_private: _, deliveries_max, timeout_ms_max, retry_ms_base, retry_ms_max } =
        webhook;
    if !url.is_empty() {
        let url = WebhookUrl::parse(url);
        let is_url = "an http or https URL without a user name, a password or a fragment";
        require(url.is_some(), "webhook.url", is_url)?;
        let may_be_called = url.is_some_and(|url| url.may_be_called(&webhook.reach()));
        require(
            may_be_called,
            "webhook.url",
            "an address that everybody has, or one that webhook.allow_private names",
        )?;
        require(secret.is_some(), "webhook.secret", "what `consign webhook secret` prints, since webhook.url is set")?;
    }
    within("webhook.deliveries_max", *deliveries_max, 1, DELIVERIES_MAX)?;
    within("webhook.timeout_ms_max", *timeout_ms_max, 1, MS_MAX)?;
    within("webhook.retry_ms_base", *retry_ms_base, 1, MS_MAX)?;
    within("webhook.retry_ms_max", *retry_ms_max, 0, MS_MAX)
}

fn check_shutdown(shutdown: &ShutdownSettings) -> Result<(), Impossible> {
    let &ShutdownSettings { drain_ms_max } = shutdown;
    within("shutdown.drain_ms_max", drain_ms_max, 0, MS_MAX)
}

fn within<T: PartialOrd + Display + Copy>(key: &'static str, value: T, min: T, max: T) -> Result<(), Impossible> {
    require(min <= value && value <= max, key, &format!("from {min} to {max}"))
}

fn at_least<T: PartialOrd + Display + Copy>(key: &'static str, value: T, min: T) -> Result<(), Impossible> {
    require(value >= min, key, &format!("at least {min}"))
}

fn require(holds: bool, key: &str, possible: &str) -> Result<(), Impossible> {
    if holds { Ok(()) } else { Err(Impossible { key: key.to_owned(), possible: possible.to_owned() }) }
}
