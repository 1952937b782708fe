//! What a start asks of the log before it works with it, and what it tells it.

#[cfg(test)]
use super::key;
use super::{Checked, JobLog, JobLogError, StoreName, check};
#[cfg(test)]
use crate::batch::BatchId;
#[cfg(test)]
use crate::spool::SealedBatch;

impl JobLog {
    /// Walks over everything that the log says, and compares what can be compared. Blocking; it reads the whole log.
    #[must_use]
    pub fn check(&self) -> Checked {
        check::check(&self.index)
    }

    /// Whether the log says nothing at all, as a new one does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.db.is_empty()
    }

    /// How many removals have begun, ever. Only the log knows of a removal, so that a log with fewer than there were has
    /// lost changes.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn removals(&self) -> Result<u64, JobLogError> {
        self.index.removals()
    }

    /// Makes a new log go on from the number of removals of the one before it.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub fn take_over_removals(&self, removals: u64) -> Result<(), JobLogError> {
        self.index.take_over_removals(removals)
    }

    /// The segments of a store that hold something unreadable that may have been acknowledged, and are kept for it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn kept(&self, store: StoreName) -> Result<Vec<u64>, JobLogError> {
        self.index.kept(store)
    }

    /// Keeps a segment from being swept.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub fn keep(&self, store: StoreName, segment: u64) -> Result<(), JobLogError> {
        self.index.keep(store, segment)
    }

    /// The segment from which on frames may be missing in the log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn checkpoint(&self, store: StoreName) -> Result<u64, JobLogError> {
        self.index.checkpoint(store)
    }

    /// Where the last region of a segment of the spool ends that the log knows of, in bytes; 0 when it knows of none.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn end_of_spool(&self, segment: u64) -> Result<u64, JobLogError> {
        let mut end = 0;
        for id in self.index.batches_in(StoreName::Spool, segment)? {
            let Some(batch) = self.index.batch(id)? else { continue };
            let is_its_own = batch.seal.segment == segment;
            end = end.max(if is_its_own { batch.seal.end() } else { self.index.end_of_loans(segment)? });
        }
        Ok(end)
    }

    /// Whether any batch has a region in the segment.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn is_alive(&self, store: StoreName, segment: u64) -> Result<bool, JobLogError> {
        self.index.is_alive(store, segment)
    }

    /// Enters a batch's idempotency key as a crash leaves it that comes right after.
    #[cfg(test)]
    pub(crate) fn enter_key_alone(&self, sealed: &SealedBatch) -> Result<(), JobLogError> {
        self.index.enter_key(&sealed.header).map(|_| ())
    }

    /// Enters a batch as a crash leaves it that comes before its record.
    #[cfg(test)]
    pub(crate) fn enter_in_part(&self, sealed: &SealedBatch) -> Result<(), JobLogError> {
        let id = sealed.header.batch;
        self.index.put(key::segment(StoreName::Spool, sealed.seal.segment, id), &[])?;
        self.index.enter_loans(sealed)?;
        self.index.put(key::owned(&sealed.header.owner, id), &[])?;
        self.index.put(key::open(id), &[])
    }

    /// Loses a batch's record and none of its files', as damage does.
    #[cfg(test)]
    pub(crate) fn lose_record_of(&self, batch: BatchId) {
        self.index.take(&key::batch(batch)).expect("it can be taken");
    }

    /// Loses where the loans of a batch lie, as damage does.
    #[cfg(test)]
    pub(crate) fn lose_loans_of(&self, sealed: &SealedBatch) {
        for loan in self.borrowers_of(sealed.header.batch).expect("they can be read") {
            let key = key::loan(loan.extent.segment, loan.extent.start, loan.file);
            self.index.take(&key).expect("it can be taken");
        }
    }
}
