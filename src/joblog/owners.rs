//! Whose batches are: each owner's can be walked over without a look at anybody else's.

use super::{Index, JobLog, JobLogError, key};
use crate::batch::BatchId;
use crate::joblog::BatchRecord;

impl JobLog {
    /// The newest batch of an owner that is older than `before`, or the newest of all of them.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn owned_before(
        &self,
        owner: &str,
        before: Option<BatchId>,
    ) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        self.index.owned_before(owner, before)
    }
}

impl Index {
    fn owned_before(
        &self,
        owner: &str,
        before: Option<BatchId>,
    ) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        let mut end = key::owned_before(owner, before);
        loop {
            let found = self.db.get_lt(&end).map_err(|error| JobLogError::from_sled(&error))?;
            let Some((mark, _)) = found.filter(|(mark, _)| mark.starts_with(&key::owned_prefix(owner))) else {
                return Ok(None);
            };
            let id = key::marked(&mark).ok_or(JobLogError::Damaged)?;
            if let Some(record) = self.batch(id)? {
                return Ok(Some((id, record)));
            }
            // It is being entered, or was forgotten in between.
            end = mark.to_vec();
        }
    }

    /// Marks whose the batches are of a log that was written before there were such marks. The newest batch is marked
    /// last, so that a crash leaves a log that is marked anew. What cannot be read is left to the check.
    pub(super) fn mark_owners(&self) -> Result<(), JobLogError> {
        let Ok(Some((newest, record))) = self.batch_before(None) else { return Ok(()) };
        if self.has(&key::owned(&record.owner, newest))? {
            return Ok(());
        }
        let mut unmarked = vec![(newest, record.owner)];
        while let Ok(Some((id, record))) = self.batch_before(unmarked.last().map(|(id, _)| *id)) {
            unmarked.push((id, record.owner));
        }
        log::info!("the job log is told whose its {} batches are", unmarked.len());
        unmarked.iter().rev().try_for_each(|(id, owner)| self.insert(key::owned(owner, *id), &[]))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::spool::{FrameRef, SealHeader, SealedBatch, SealedFile};

    fn open(dir: &TempDir) -> JobLog {
        JobLog::open(dir.path(), Arc::new(|_| {})).unwrap()
    }

    fn entered(log: &JobLog, owner: &str) -> BatchId {
        let batch = BatchId::new();
        let header = SealHeader {
            batch,
            created_ms: 1,
            owner: owner.into(),
            metadata: None,
            bytes_total: 0,
            idempotency: None,
            webhook: None,
        };
        let seal = FrameRef { segment: 1, region: 4096, frame: 8192, length: 100, header_length: 10, entries: 1 };
        log.enter(&SealedBatch { header, seal, files: vec![SealedFile::default()] }, true).unwrap();
        batch
    }

    fn all(log: &JobLog, owner: &str) -> Vec<BatchId> {
        let older = |before: &BatchId| log.owned_before(owner, Some(*before)).unwrap().map(|(id, _)| id);
        std::iter::successors(log.owned_before(owner, None).unwrap().map(|(id, _)| id), older).collect()
    }

    #[test]
    fn each_owner_has_their_own_batches_newest_first() {
        let dir = TempDir::new().unwrap();
        let log = open(&dir);
        let first = entered(&log, "ann");
        let others = ["bob", "anne", "an", "ann-2", ""].map(|owner| (owner, entered(&log, owner)));
        let last = entered(&log, "ann");
        assert_eq!(all(&log, "ann"), [last, first]);
        for (owner, batch) in others {
            assert_eq!(all(&log, owner), [batch]);
        }
        assert_eq!(all(&log, "nobody"), []);
    }

    #[test]
    fn a_log_without_marks_gets_them_when_it_is_opened_even_after_a_crash_in_between() {
        let dir = TempDir::new().unwrap();
        let log = open(&dir);
        let [first, second, third] = ["ann", "bob", "ann"].map(|owner| entered(&log, owner));
        for (owner, id) in [("bob", second), ("ann", third)] {
            log.index.take(&key::owned(owner, id)).unwrap();
        }
        assert!(!log.check().faults.is_empty());
        drop(log);
        let log = open(&dir);
        assert_eq!((all(&log, "ann"), all(&log, "bob")), (vec![third, first], vec![second]));
        assert_eq!(log.check().faults, []);
    }
}
