//! How long a batch is known by its idempotency key, and what is answered to a request that is sent again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::{BatchStatus, Custody, CustodyError, FileStatus};
use crate::batch::{BatchId, FileState};
use crate::joblog::{Change, KeyedBatch};
use crate::spool::Sha256Digest;

/// Keys that are looked at in one step, and forgotten with one flush: some milliseconds of reading.
const KEYS_LOOKED_AT_MAX: usize = 1_000;

/// Between two looks for keys whose time is over, at most: what they take until then is some hundred bytes each.
const LOOK_EVERY_MAX: Duration = Duration::from_hours(1);

/// Between two looks, at least.
const LOOK_EVERY_MIN: Duration = Duration::from_secs(1);

impl Custody {
    /// The batch that was handed in under a key no longer ago than `kept`. An older one is durably forgotten, so that the
    /// key is free when this returns none.
    ///
    /// # Errors
    /// When the job log cannot be read, or does not forget.
    pub async fn batch_of_key(&self, key: &Sha256Digest, kept: Duration) -> Result<Option<KeyedBatch>, CustodyError> {
        let Some(keyed) = self.joblog.keyed(key)? else { return Ok(None) };
        if !is_over(&keyed, kept) {
            return Ok(Some(keyed));
        }
        self.joblog.commit(vec![Change::ForgetKey { key: *key, batch: keyed.batch }]).await?;
        Ok(None)
    }

    /// Forgets the keys whose time is over, among those behind `after`; where the next step goes on, if there are more.
    ///
    /// # Errors
    /// When the job log cannot be read, or does not forget.
    pub async fn forget_old_keys(
        &self,
        after: Option<Sha256Digest>,
        kept: Duration,
    ) -> Result<Option<Sha256Digest>, CustodyError> {
        let page = self.joblog.keys_after(after, KEYS_LOOKED_AT_MAX)?;
        let old = page.keys.into_iter().filter(|(_, keyed)| is_over(keyed, kept));
        let changes: Vec<_> = old.map(|(key, keyed)| Change::ForgetKey { key, batch: keyed.batch }).collect();
        if !changes.is_empty() {
            self.joblog.commit(changes).await?;
        }
        Ok(page.last)
    }

    /// A batch and its first files as they were when it had just been sealed; none when there is no such batch.
    ///
    /// # Errors
    /// When the job log or the seal cannot be read.
    pub fn as_sealed(
        &self,
        id: BatchId,
        files_max: usize,
    ) -> Result<Option<(BatchStatus, Vec<FileStatus>)>, CustodyError> {
        let Some(BatchStatus { record, metadata, .. }) = self.batch(id)? else { return Ok(None) };
        let record = record.at_beginning();
        let entries = self.sealed_files(&record, 0, files_max.min(record.seal.entries as usize))?;
        let file = |(index, entry): (usize, Option<_>)| {
            let is_readable = entry.is_some();
            let mut file = FileStatus { is_readable, ..FileStatus::sealed(id.file(index), entry.unwrap_or_default()) };
            if record.is_refused(index) {
                file.state = FileState::Rejected;
            }
            file
        };
        let files = entries.into_iter().enumerate().map(file).collect();
        Ok(Some((BatchStatus { id, record, metadata }, files)))
    }
}

/// Whether the time of a key is over. A clock that was set back lets it wait for longer.
fn is_over(keyed: &KeyedBatch, kept: Duration) -> bool {
    let age_ms = Timestamp::now().as_millisecond().saturating_sub(keyed.created_ms);
    u64::try_from(age_ms).is_ok_and(|age_ms| u128::from(age_ms) >= kept.as_millis())
}

/// Forgets keys for as long as the server runs, at its start and now and then.
pub async fn keep_forgetting_keys(custody: Arc<Custody>, kept: Duration) {
    let mut after = None;
    loop {
        match custody.forget_old_keys(after, kept).await {
            Ok(next) => after = next,
            Err(error) => {
                log::warn!("idempotency keys whose time is over are kept for now: {error}");
                after = None;
            }
        }
        match after {
            // Others have their turn in between.
            Some(_) => tokio::task::yield_now().await,
            None => sleep(kept.clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX)).await,
        }
    }
}
