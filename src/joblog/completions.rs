//! Who waits for a batch to complete.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::batch::BatchId;

/// One channel for each batch that somebody waits for; it closes when the batch completes.
#[derive(Debug, Default)]
pub struct Completions {
    waiting: Mutex<HashMap<BatchId, watch::Sender<()>>>,
}

/// Resolves when the batch that it was made for completes.
#[derive(Debug)]
pub struct Completion(watch::Receiver<()>);

impl Completion {
    /// Waits for the end of the batch.
    pub async fn reached(mut self) {
        // The sender never sends: its end is the message.
        let _ = self.0.changed().await;
    }
}

impl Completions {
    /// Begins to wait. Whether the batch is still open has to be asked after this, or its end may be missed.
    pub fn subscribe(&self, batch: BatchId) -> Completion {
        let mut waiting = self.lock();
        Completion(waiting.entry(batch).or_insert_with(|| watch::channel(()).0).subscribe())
    }

    /// Wakes everyone who waits for the batch.
    pub fn complete(&self, batch: BatchId) {
        self.lock().remove(&batch);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BatchId, watch::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
