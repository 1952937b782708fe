//! How all trace of a completed batch is removed.
//!
//! First the job log says durably that the batch is doomed; then the number of removals beside it rises, by which a log
//! that has lost this is known; then its frames are overwritten, so that no start finds them
//! again, and its blocks given back; then its records go. A crash in between leaves a doomed batch, which the next start
//! goes on removing.

use super::{Custody, CustodyError};
use crate::batch::BatchId;
use crate::joblog::{BatchRecord, Change, JobLogError, StoreName};
use crate::spool::{FrameRef, SealedFile, SegmentStore};

/// What became of the wish to remove a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Removed,
    /// There is no such batch.
    Unknown,
    /// Some of its files have no outcome yet.
    NotCompleted,
}

impl Custody {
    /// Removes a completed batch: its bytes, results and records.
    ///
    /// # Errors
    /// When something could not be written; the removal goes on at the next start.
    pub async fn remove(&self, id: BatchId) -> Result<Removal, CustodyError> {
        match self.joblog.batch(id)? {
            None => return Ok(Removal::Unknown),
            Some(record) if record.is_doomed => return Ok(Removal::Unknown),
            Some(record) if record.finished_ms.is_none() => return Ok(Removal::NotCompleted),
            Some(record) => {
                let doomed = self.joblog.commit(vec![Change::Doom { batch: id }]).await?;
                // None when it was retried meanwhile, or somebody else removes it.
                let Some(removals) = doomed.removals else { return Ok(self.not_removed(id)?) };
                self.count_removals(removals)?;
                self.finish_removal(id).await?;
                self.metrics.spool_files.dec_by(i64::from(record.seal.entries));
            }
        }
        Ok(Removal::Removed)
    }

    fn not_removed(&self, id: BatchId) -> Result<Removal, JobLogError> {
        let is_there = self.joblog.batch(id)?.is_some_and(|record| !record.is_doomed);
        Ok(if is_there { Removal::NotCompleted } else { Removal::Unknown })
    }

    /// Removes what is left of a doomed batch.
    pub(super) async fn finish_removal(&self, id: BatchId) -> Result<(), CustodyError> {
        let Some(record) = self.joblog.batch(id)? else { return Ok(()) };
        let files = self.joblog.files(id, 0, record.seal.entries as usize)?;
        let mut results: Vec<FrameRef> =
            files.into_iter().filter_map(|(_, record)| record.end).map(|end| end.results).collect();
        results.extend(&record.superseded);
        results.sort_unstable_by_key(|place| (place.segment, place.frame));
        results.dedup();
        let spool_segments = self.erase_files(id, &record).await?;
        self.results.erase(&results)?;
        let mut result_segments: Vec<u64> = results.iter().map(|place| place.segment).collect();
        result_segments.dedup();
        let (spool, results) = (spool_segments.clone(), result_segments.clone());
        let forget = Change::Forget { batch: id, spool, results, owned: None };
        self.joblog.commit(vec![forget]).await?;
        self.unlink_dead(self.spool.store(), StoreName::Spool, &spool_segments)?;
        self.unlink_dead(&self.results, StoreName::Results, &result_segments)
    }

    /// Erases a doomed batch's seal, and its files' bytes as far as no file of another batch needs them; the segments that
    /// these lay in.
    async fn erase_files(&self, id: BatchId, record: &BatchRecord) -> Result<Vec<u64>, CustodyError> {
        for (index, sealed) in self.sealed_files(record, 0, record.seal.entries as usize)?.into_iter().enumerate() {
            if let Some(SealedFile { sha256, .. }) = sealed {
                self.joblog.forget_digest(&record.owner, &sha256, id.file(index))?;
            }
        }
        let borrowers = self.joblog.borrowers_of(id)?;
        let mut segments: Vec<u64> = borrowers.iter().map(|borrower| borrower.extent.segment).collect();
        segments.push(record.seal.segment);
        segments.sort_unstable();
        segments.dedup();
        let from_others = borrowers.into_iter().filter(|borrower| borrower.lender.batch() != id);
        let _nobody_borrows = self.sharing.write().await;
        self.spool.store().erase_but(&[record.seal], &self.joblog.lent(&record.seal.extent())?)?;
        self.free(from_others.map(|borrower| (borrower.extent, borrower.lender)).collect())?;
        Ok(segments)
    }

    /// Unlinks segments in which nothing is alive. Those from the checkpoint on stay: they may hold regions that are
    /// durable and not entered yet. The next start takes them.
    fn unlink_dead(&self, store: &SegmentStore, name: StoreName, segments: &[u64]) -> Result<(), CustodyError> {
        let checkpoint = self.joblog.checkpoint(name)?;
        for segment in segments {
            let is_own = store.is_own(*segment).unwrap_or(false);
            if (is_own || *segment < checkpoint) && !self.joblog.is_alive(name, *segment)? {
                store.unlink(*segment)?;
            }
        }
        Ok(())
    }
}
