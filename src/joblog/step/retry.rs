//! The change by which failed files are open again: their failure no longer counts, and a completed batch goes on.

use super::{Step, telling};
use crate::batch::{BatchId, FileId, Outcome};
use crate::fault::DurableStep;
use crate::joblog::change::Committed;
use crate::joblog::record::FileRecord;
use crate::joblog::{FileEnd, JobLogError, StoreName, key};
use crate::spool::{FrameRef, RetriedFile};

impl Step<'_> {
    /// Opens files again that have failed. Those that have been retried as often already stay as they are, so that doing
    /// it again changes nothing.
    pub(super) fn retry(
        &mut self,
        id: BatchId,
        files: Vec<RetriedFile>,
        order: FrameRef,
        committed: &mut Committed,
    ) -> Result<(), JobLogError> {
        let is_ending = |is_cancelled: bool, finished_ms: Option<i64>| is_cancelled && finished_ms.is_none();
        match self.record(id)? {
            Some(batch) if !batch.is_doomed && !is_ending(batch.is_cancelled, batch.finished_ms) => {}
            _ => return Ok(()),
        }
        let mut retried = Vec::new();
        for RetriedFile { file, retries } in files {
            let known = self.packs.get(file)?;
            if known.retries >= retries {
                continue;
            }
            match &known.end {
                Some(end) if matches!(end.outcome, Outcome::Failed(_)) => self.take_back(file, end, committed)?,
                Some(_) => continue,
                // Its failure cannot be read any more.
                None => {}
            }
            self.packs.put(file, FileRecord { retries, ..FileRecord::default() })?;
            retried.push(file);
        }
        if retried.is_empty() {
            return Ok(());
        }
        self.passes = DurableStep::RetryAppend;
        self.supersede(id, order)?;
        self.batch.insert(key::segment(StoreName::Results, order.segment, id), &[]);
        self.batch.insert(key::checkpoint(StoreName::Results), &order.segment.to_be_bytes());
        if let Some(record) = self.record(id)? {
            let (owner, events) = (record.owner.as_str().into(), telling::retried(record, &retried));
            self.told.add(id, owner, events);
        }
        committed.retried.extend(retried);
        Ok(())
    }

    /// Takes back that a file has ended: it is pending again, and so is its batch.
    pub(super) fn take_back(
        &mut self,
        file: FileId,
        end: &FileEnd,
        committed: &mut Committed,
    ) -> Result<(), JobLogError> {
        let id = file.batch();
        let Some(batch) = self.record(id)? else { return Ok(()) };
        batch.tally.take_back(end.outcome.state());
        if batch.finished_ms.take().is_some() {
            batch.is_cancelled = false;
            committed.reopened.push(batch.owner.clone());
            self.batch.insert(key::open(id), &[]);
        }
        self.supersede(id, end.results)
    }

    /// Notes a group that no file's end names any more.
    fn supersede(&mut self, id: BatchId, group: FrameRef) -> Result<(), JobLogError> {
        if let Some(batch) = self.record(id)?.filter(|batch| !batch.superseded.contains(&group)) {
            batch.superseded.push(group);
        }
        Ok(())
    }
}
