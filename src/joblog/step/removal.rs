//! What is taken out of the log: a batch, in two steps, and an idempotency key, before its batch or with it.

use super::Step;
use crate::batch::BatchId;
use crate::fault::DurableStep;
use crate::joblog::change::{Committed, LetGo};
use crate::joblog::record::BatchRecord;
use crate::joblog::{JobLogError, StoreName, Usage, key};
use crate::spool::Sha256Digest;

impl Step<'_> {
    /// Begins the removal of a completed batch. From here on its idempotency key is free.
    pub(super) fn doom(&mut self, id: BatchId, committed: &mut Committed) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        let can_go = |record: &&mut BatchRecord| record.finished_ms.is_some() && !record.is_doomed;
        let Some(record) = self.record(id)?.filter(can_go) else { return Ok(()) };
        record.is_doomed = true;
        record.webhooks.stop();
        let (owner, idempotency_key) = (record.owner.as_str().into(), record.idempotency_key);
        self.told.remove(id, owner);
        if let Some(key) = idempotency_key {
            self.forget_key(&key, id)?;
        }
        self.batch.insert(key::doomed(id), &[]);
        self.removals += 1;
        committed.removals = Some(self.index.removals()? + self.removals);
        Ok(())
    }

    /// Ends a removal: everything that the log has of the batch goes in one step, its events with it.
    pub(super) fn forget(
        &mut self,
        id: BatchId,
        places: [&[u64]; 2],
        owned: Option<Vec<u8>>,
        committed: &mut Committed,
    ) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        let (keys, loans) = (self.index.keys_of(id)?, self.index.loans_of(id)?);
        let known = self.records.insert(id, None).unwrap_or(self.index.batch(id)?);
        self.told.forget(id);
        self.packs.forget(id);
        for loan in loans {
            self.batch.remove(loan.by_place(id).0);
        }
        let owned = match known {
            Some(BatchRecord { owner, bytes_total, .. }) => {
                let owned = key::owned(&owner, id);
                committed.let_go.push(LetGo { owner, held: Usage { batches_open: 0, bytes_stored: bytes_total } });
                Some(owned)
            }
            None => owned,
        };
        for key in keys.into_iter().map(|key| key.to_vec()).chain(owned) {
            if let Some(first) = key::marked_event(&key) {
                self.batch.remove(key::event(first));
            }
            self.batch.remove(key);
        }
        for (store, segments) in [StoreName::Spool, StoreName::Results].into_iter().zip(places) {
            for segment in segments {
                self.batch.remove(key::segment(store, *segment, id));
            }
        }
        self.batch.remove(key::open(id));
        self.batch.remove(key::doomed(id));
        Ok(())
    }

    /// Takes an idempotency key and its batch apart. One that stands for another batch by now is left alone.
    pub(super) fn forget_key(&mut self, digest: &Sha256Digest, id: BatchId) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        if self.index.keyed(digest)?.is_some_and(|keyed| keyed.batch == id) {
            self.batch.remove(key::idempotency(digest));
        }
        if let Some(record) = self.record(id)?.filter(|record| record.idempotency_key == Some(*digest)) {
            record.idempotency_key = None;
        }
        Ok(())
    }
}
