//! What a group of changes has for webhooks: deliveries that begin with a batch's end, and tries that are over.

use super::Step;
use crate::batch::BatchId;
use crate::joblog::record::BatchRecord;
use crate::joblog::{JobLogError, Tried, key};

impl Step<'_> {
    /// Has those told who are to know that a batch is completed.
    pub(super) fn begin_deliveries(&mut self, id: BatchId) -> Result<(), JobLogError> {
        let of_server = self.index.webhook.get().map(String::as_str);
        if let Some(BatchRecord { webhooks, tally, finished_ms: Some(finished_ms), .. }) = self.record(id)? {
            webhooks.complete(*tally, *finished_ms, of_server);
        }
        Ok(())
    }

    /// Counts a try of a delivery, unless the batch is gone.
    pub(super) fn count_try(&mut self, id: BatchId, tried: &Tried) -> Result<(), JobLogError> {
        if let Some(record) = self.record(id)? {
            record.webhooks.count(tried);
        }
        Ok(())
    }

    /// Moves the marks of the group's batches to where their records have the next delivery due. A batch that is forgotten
    /// has none: its doom took them.
    pub(super) fn mark_dues(&mut self) {
        for (id, record) in &self.records {
            let before = self.dues.get(id).copied();
            let after = record.as_ref().and_then(|record| record.webhooks.due_ms());
            if before == after {
                continue;
            }
            if let Some(before) = before {
                self.batch.remove(key::due_at(before, *id));
            }
            if let Some(after) = after {
                self.batch.insert(key::due_at(after, *id), &[]);
            }
        }
    }
}
