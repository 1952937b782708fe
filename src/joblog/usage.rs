//! What each owner holds: open batches and stored bytes. Kept in memory and exact; a start counts it as it checks the log.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::record::BatchRecord;
use super::{JobLog, LetGo};

/// What an owner holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Batches that are not completed.
    pub batches_open: usize,
    /// The bytes of the files of all batches whose removal is not through.
    pub bytes_stored: u64,
}

/// What all owners hold. One entry for each name that has ever had a key.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Holdings(HashMap<String, Usage>);

impl Holdings {
    /// Adds what a batch is.
    pub fn add(&mut self, record: &BatchRecord) {
        let batches_open = usize::from(record.finished_ms.is_none());
        self.hold(&record.owner, Usage { batches_open, bytes_stored: record.bytes_total });
    }

    /// Adds all that others hold.
    pub fn add_all(&mut self, others: Self) {
        for (owner, held) in others.0 {
            self.hold(&owner, held);
        }
    }

    fn hold(&mut self, owner: &str, more: Usage) {
        if !self.0.contains_key(owner) {
            self.0.insert(owner.to_owned(), Usage::default());
        }
        let Some(held) = self.0.get_mut(owner) else { return };
        held.batches_open += more.batches_open;
        held.bytes_stored = held.bytes_stored.saturating_add(more.bytes_stored);
    }

    fn let_go(&mut self, LetGo { owner, held: less }: &LetGo) {
        // A log that was opened without its check has counted less than there is.
        if let Some(held) = self.0.get_mut(owner) {
            held.batches_open = held.batches_open.saturating_sub(less.batches_open);
            held.bytes_stored = held.bytes_stored.saturating_sub(less.bytes_stored);
        }
    }
}

/// The holdings of a log that is at work.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Holdings>);

impl Ledger {
    pub fn enter(&self, record: &BatchRecord) {
        self.lock().add(record);
    }

    /// A batch of an owner that had been completed is open again.
    pub fn reopen(&self, owner: &str) {
        self.lock().hold(owner, Usage { batches_open: 1, bytes_stored: 0 });
    }

    pub fn let_go(&self, less: &LetGo) {
        self.lock().let_go(less);
    }

    fn lock(&self) -> MutexGuard<'_, Holdings> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobLog {
    /// What an owner holds at this moment, what is being removed counted in.
    #[must_use]
    pub fn usage(&self, owner: &str) -> Usage {
        self.index.ledger.lock().0.get(owner).copied().unwrap_or_default()
    }

    /// Takes over what a check has counted; from then on every change is.
    pub fn take_over_holdings(&self, holdings: Holdings) {
        *self.index.ledger.lock() = holdings;
    }
}
