//! Whose batches are: each owner's can be walked over without a look at anybody else's, and those of them that are open
//! without a look at what is completed.

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

    /// The newest batch of an owner that is open and older than `before`, or the newest of all of them. It passes over the
    /// marks of others, of which there are no more than may be open.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn open_before(
        &self,
        owner: &str,
        before: Option<BatchId>,
    ) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        self.index.open_before(owner, before)
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

    fn open_before(&self, owner: &str, before: Option<BatchId>) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        for mark in self.db.range(key::opens().to_vec()..key::open_before(before)).keys().rev() {
            let mark = mark.map_err(|error| JobLogError::from_sled(&error))?;
            let id = key::marked(&mark).ok_or(JobLogError::Damaged)?;
            if self.has(&key::owned(owner, id))?
                && let Some(record) = self.batch(id)?
            {
                return Ok(Some((id, record)));
            }
        }
        Ok(None)
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
        let header = SealHeader::plain(batch, owner);
        let seal = FrameRef { segment: 1, region: 4096, frame: 8192, length: 100, header_length: 10, entries: 1 };
        log.enter(&SealedBatch { header, seal, files: vec![SealedFile::default()] }, true).unwrap();
        batch
    }

    fn all(log: &JobLog, owner: &str) -> Vec<BatchId> {
        let older = |before: Option<&BatchId>| Some(log.owned_before(owner, before.copied()).unwrap()?.0);
        std::iter::successors(older(None), |before| older(Some(before))).collect()
    }

    fn all_open(log: &JobLog, owner: &str) -> Vec<BatchId> {
        let older = |before: Option<&BatchId>| Some(log.open_before(owner, before.copied()).unwrap()?.0);
        std::iter::successors(older(None), |before| older(Some(before))).collect()
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
        assert_eq!((all(&log, "nobody"), all_open(&log, "nobody")), (vec![], vec![]));
        assert_eq!(all_open(&log, "ann"), [last, first]);
        log.index.take(&key::open(last)).unwrap();
        assert_eq!((all(&log, "ann"), all_open(&log, "ann")), (vec![last, first], vec![first]));
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
