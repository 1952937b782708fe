//! Which completed batches go by themselves, and that they do.
//!
//! A batch goes as it goes when a client removes it, so a crash in between leaves what a removal leaves, and the next
//! sweep looks anew. What is not completed is never due.

use std::sync::Arc;
use std::time::Duration;

use derive_more::Display;
use jiff::Timestamp;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::{Custody, CustodyError, Removal};
use crate::batch::{BatchId, BatchOutcome};
use crate::config::RetentionSettings;
use crate::joblog::{BatchRecord, JobLogError};
use crate::metrics::ReasonLabels;

/// Batches that are found in one look, and removed before the next.
const FOUND_MAX: usize = 256;

/// Why a batch goes.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum Reason {
    /// It has been kept for long enough.
    Age,
    /// All files together have more bytes than are to be kept, and no completed batch is older.
    Bytes,
}

/// A completed batch whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub batch: BatchId,
    pub reason: Reason,
    pub files: u32,
    /// The bytes of all its files.
    pub bytes: u64,
}

impl Custody {
    /// The batches whose time is over at `now_ms`, in the order in which they were handed in; of those that `wanted` says,
    /// `max` or fewer. Reads the records of all batches when there is a bound on their bytes, and else of those that are
    /// old enough. Blocking.
    ///
    /// # Errors
    /// When the job log cannot be read.
    pub fn due(
        &self,
        settings: &RetentionSettings,
        now_ms: i64,
        max: usize,
        wanted: impl Fn(&BatchRecord) -> bool,
    ) -> Result<Vec<Due>, JobLogError> {
        let mut excess = self.bytes_too_many(settings)?;
        let ages = [settings.succeeded_ms_max, settings.other_ms_max];
        let shortest_ms = ages.into_iter().filter(|ms| *ms > 0).min();
        let mut due = Vec::new();
        let mut after = None;
        while due.len() < max
            && let Some((batch, record)) = self.joblog.batch_after(after)?
        {
            after = Some(batch);
            let is_old = |ms: Option<u64>| ms.is_some_and(|ms| is_over(record.created_ms, ms, now_ms));
            if excess == 0 && !is_old(shortest_ms) {
                // All that come are newer still.
                break;
            }
            let Some(reason) = reason(settings, &record, now_ms, excess).filter(|_| !record.is_doomed) else {
                continue;
            };
            excess = excess.saturating_sub(record.bytes_total);
            if wanted(&record) {
                due.push(Due { batch, reason, files: record.seal.entries, bytes: record.bytes_total });
            }
        }
        Ok(due)
    }

    /// By how many bytes all files together are more than are to be kept.
    fn bytes_too_many(&self, settings: &RetentionSettings) -> Result<u64, JobLogError> {
        if settings.bytes_max == 0 {
            return Ok(0);
        }
        let (mut bytes, mut after) = (0_u64, None);
        while let Some((batch, record)) = self.joblog.batch_after(after)? {
            after = Some(batch);
            if !record.is_doomed {
                bytes = bytes.saturating_add(record.bytes_total);
            }
        }
        Ok(bytes.saturating_sub(settings.bytes_max))
    }

    /// Removes a batch whose time is over; false when that is no longer so, or somebody else has removed it.
    ///
    /// # Errors
    /// As [`Custody::remove`].
    pub async fn remove_due(&self, due: &Due) -> Result<bool, CustodyError> {
        let is_removed = self.remove(due.batch).await? == Removal::Removed;
        if is_removed {
            log::info!("batch {}: removed by retention for its {}", due.batch, due.reason);
            let labels = ReasonLabels { reason: due.reason.to_string() };
            self.metrics.retention_removed.get_or_create(&labels).inc();
            self.metrics.retention_removed_bytes.inc_by(due.bytes);
        }
        Ok(is_removed)
    }

    /// Removes every batch whose time is over, of those that `wanted` says; what was removed. Blocking.
    ///
    /// # Errors
    /// When one could not be removed; those behind it stay for another time.
    pub fn sweep(
        &self,
        settings: &RetentionSettings,
        runtime: &Handle,
        wanted: impl Fn(&BatchRecord) -> bool,
    ) -> Result<Vec<Due>, CustodyError> {
        let mut removed = Vec::new();
        loop {
            let found = self.due(settings, Timestamp::now().as_millisecond(), FOUND_MAX, &wanted)?;
            let (is_last, before) = (found.len() < FOUND_MAX, removed.len());
            for due in found {
                if runtime.block_on(self.remove_due(&due))? {
                    removed.push(due);
                }
            }
            if is_last || removed.len() == before {
                return Ok(removed);
            }
        }
    }
}

/// Why a batch is due, if it is, while there are `excess` bytes too many.
fn reason(settings: &RetentionSettings, record: &BatchRecord, now_ms: i64, excess: u64) -> Option<Reason> {
    let finished_ms = record.finished_ms?;
    let is_succeeded = record.tally.outcome() == Some(BatchOutcome::Succeeded);
    let kept_ms = if is_succeeded { settings.succeeded_ms_max } else { settings.other_ms_max };
    if kept_ms > 0 && is_over(finished_ms, kept_ms, now_ms) {
        Some(Reason::Age)
    } else {
        (excess > 0).then_some(Reason::Bytes)
    }
}

/// Whether `ms` have passed since a time. A clock that was set back keeps things for longer.
fn is_over(since_ms: i64, ms: u64, now_ms: i64) -> bool {
    u64::try_from(now_ms.saturating_sub(since_ms)).is_ok_and(|age_ms| age_ms >= ms)
}

/// Removes what is due for as long as the server runs.
pub async fn keep_to(settings: RetentionSettings, custody: Arc<Custody>) {
    for reason in [Reason::Age, Reason::Bytes] {
        // From zero on, so that a rate can be taken from the first one that goes.
        drop(custody.metrics.retention_removed.get_or_create(&ReasonLabels { reason: reason.to_string() }));
    }
    loop {
        let (runtime, settings, custody) = (Handle::current(), settings.clone(), Arc::clone(&custody));
        let every = Duration::from_millis(settings.sweep_every_ms);
        let sweep = move || custody.sweep(&settings, &runtime, |_| true).map(|removed| removed.len());
        match tokio::task::spawn_blocking(sweep).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => log::info!("retention: {removed} batches removed"),
            Ok(Err(error)) => log::error!("retention: batches whose time is over are kept for now: {error}"),
            Err(error) => log::error!("retention: a sweep came to nothing: {error}"),
        }
        sleep(every).await;
    }
}
