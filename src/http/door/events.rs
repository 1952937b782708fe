//! The events of a caller's batches.

use super::{Door, OwnBatch};
use crate::batch::BatchId;
use crate::http::ApiError;
use crate::http::auth::Caller;
use crate::joblog::{JobLogError, NumberedEvent, Subscription};

/// What happens to a caller's batches. News comes of all; what it is about is read as the caller's or not at all.
#[derive(Clone)]
pub struct OwnEvents {
    door: Door,
    caller: Caller,
}

impl Door {
    /// The events of a caller's batches.
    pub(in crate::http) fn events(&self, caller: Caller) -> OwnEvents {
        OwnEvents { door: self.clone(), caller }
    }

    /// The last id of an event that may be shown.
    pub(in crate::http) fn last_event(&self) -> u64 {
        self.custody.joblog.last_event()
    }
}

impl OwnEvents {
    /// Begins to listen.
    pub fn subscribe(&self) -> Subscription {
        self.door.custody.joblog.subscribe()
    }

    /// Has a batch's acceptance told, now that somebody listens, if it has not been.
    pub async fn tell(&self, batch: BatchId) {
        self.door.tell(batch).await;
    }

    /// Whether a batch of this owner is the caller's.
    pub fn is_own(&self, owner: &str) -> bool {
        self.caller.owner() == owner
    }

    /// Events with ids behind `after` and up to `upto`, of one batch or of all, whosever they are: `max` of them, or fewer
    /// where there are no more.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn page(
        &self,
        of: Option<BatchId>,
        (after, upto): (u64, u64),
        max: usize,
    ) -> Result<Vec<NumberedEvent>, JobLogError> {
        self.door.custody.joblog.events(of, (after, upto), max)
    }

    /// A batch, if it is the caller's and is not being removed.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn batch(&self, id: BatchId) -> Result<Option<OwnBatch>, ApiError> {
        super::there(self.door.batch(&self.caller, id))
    }

    /// Runs what reads from the disk on a blocking thread.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let events = self.clone();
        self.door.off_thread(move |_| read(&events)).await
    }
}
