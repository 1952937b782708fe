//! How the log begins a removal and ends it: everything that it has of the batch goes in one step.

use super::Step;
use crate::batch::BatchId;
use crate::fault::DurableStep;
use crate::joblog::record::BatchRecord;
use crate::joblog::writer::Committed;
use crate::joblog::{JobLogError, StoreName, key};

impl Step<'_> {
    pub(super) fn doom(&mut self, id: BatchId, committed: &mut Committed) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        let can_go = |record: &&mut BatchRecord| record.finished_ms.is_some() && !record.is_doomed;
        if let Some(record) = self.record(id)?.filter(can_go) {
            record.is_doomed = true;
            let owner = record.owner.as_str().into();
            self.told.remove(id, owner);
            self.batch.insert(key::doomed(id), &[]);
            self.removals += 1;
            committed.removals = Some(self.index.removals()? + self.removals);
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, id: BatchId, spool: &[u64], results: &[u64]) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        let keys = self.index.keys_of(id)?;
        self.records.insert(id, None);
        self.told.forget(id);
        for key in keys {
            if let Some(first) = key::marked_event(&key) {
                self.batch.remove(key::event(first));
            }
            self.batch.remove(key);
        }
        for (store, segments) in [(StoreName::Spool, spool), (StoreName::Results, results)] {
            for segment in segments {
                self.batch.remove(key::segment(store, *segment, id));
            }
        }
        self.batch.remove(key::open(id));
        self.batch.remove(key::doomed(id));
        Ok(())
    }
}
