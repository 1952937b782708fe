//! The batches whose cancelling has begun and that are not completed, in memory: what is on its way asks here.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::JobLog;
use crate::batch::BatchId;

/// Which batches are being cancelled.
#[derive(Debug, Default)]
pub struct Cancellations {
    batches: Mutex<HashSet<BatchId>>,
    begun: Notify,
}

impl Cancellations {
    /// Begins to cancel a batch, and wakes everyone who works on it.
    pub fn begin(&self, batch: BatchId) {
        self.lock().insert(batch);
        self.begun.notify_waiters();
    }

    /// Forgets a batch that is completed.
    pub fn end(&self, batch: BatchId) {
        self.lock().remove(&batch);
    }

    pub fn contains(&self, batch: BatchId) -> bool {
        self.lock().contains(&batch)
    }

    /// Resolves when the batch is being cancelled; never, if that does not come to pass.
    pub async fn reached(&self, batch: BatchId) {
        loop {
            let mut begun = pin!(self.begun.notified());
            // Before the look, or what begins in between would be missed.
            begun.as_mut().enable();
            if self.contains(batch) {
                return;
            }
            begun.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<BatchId>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobLog {
    /// Whether the files of a batch are being cancelled.
    #[must_use]
    pub fn is_cancelled(&self, batch: BatchId) -> bool {
        self.index.cancellations.contains(batch)
    }

    /// Resolves when the files of a batch are being cancelled, and never if that does not come to pass.
    pub async fn cancelled(&self, batch: BatchId) {
        self.index.cancellations.reached(batch).await;
    }

    /// Goes on cancelling a batch whose record says that this had begun.
    pub fn go_on_cancelling(&self, batch: BatchId) {
        self.index.cancellations.begin(batch);
    }
}
