//! Webhooks: whom it is told that a batch is completed, and how far that has come.
//!
//! It stands in the batch's record, so that a delivery becomes durable in the step that completes its batch, and goes with
//! the batch. A mark says when the next delivery of a batch is due; the check of a start compares the two. A log that is
//! made anew does not know what was delivered: what completed within the last day is delivered again, under the same ids.

use std::ops::Bound;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::index::Index;
use super::{JobLog, JobLogError, key};
use crate::batch::{BatchId, Tally};

/// A batch that completed longer ago is told to nobody: only a log that is made anew, or one that has long lain idle,
/// learns of its end so late.
const NEWS_MS_MAX: i64 = 24 * 3_600 * 1_000;

/// Whom a batch is told to.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhooks {
    /// Where the client wants to be told; from the seal.
    pub url: Option<String>,
    /// How often the batch has been completed: once, and once more after each retry.
    pub completions: u32,
    /// Those of the last completion, and those before it that are still pending.
    pub deliveries: Vec<Delivery>,
}

/// The news of one completion, for one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub url: String,
    /// Which completion it tells of, from 1.
    pub completion: u32,
    /// How the batch stood then: it may have been retried since.
    pub tally: Tally,
    /// When that was, in milliseconds since 1970-01-01T00:00:00Z.
    pub finished_ms: i64,
    /// Tries that are over.
    pub tries: u32,
    /// The status of the last answer; none while there was no try, or the last one got no answer.
    pub last_status: Option<u16>,
    pub state: DeliveryState,
}

/// How far a delivery has come. Times are in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// It is tried when this time has come.
    Pending {
        next_ms: i64,
    },
    Delivered {
        at_ms: i64,
    },
    /// It was given up.
    Failed,
}

/// One try of a delivery, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub url: String,
    pub completion: u32,
    /// None when there was no answer.
    pub status: Option<u16>,
    pub state: DeliveryState,
}

impl Delivery {
    /// When it is to be tried; none when it has ended.
    #[must_use]
    pub const fn due_ms(&self) -> Option<i64> {
        match self.state {
            DeliveryState::Pending { next_ms } => Some(next_ms),
            DeliveryState::Delivered { .. } | DeliveryState::Failed => None,
        }
    }
}

impl Webhooks {
    /// When the first of its deliveries is due.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        self.deliveries.iter().filter_map(Delivery::due_ms).min()
    }

    /// Notes that the batch is completed, and that this is to be told.
    pub(super) fn complete(&mut self, tally: Tally, finished_ms: i64, of_server: Option<&str>) {
        self.completions += 1;
        self.deliveries.retain(|delivery| delivery.due_ms().is_some());
        let now_ms = Timestamp::now().as_millisecond();
        if now_ms.saturating_sub(finished_ms) > NEWS_MS_MAX {
            return;
        }
        let of_batch = self.url.as_deref();
        let of_server = of_server.filter(|url| Some(*url) != of_batch);
        let delivery = |url: &str| Delivery {
            url: url.to_owned(),
            completion: self.completions,
            tally,
            finished_ms,
            tries: 0,
            last_status: None,
            state: DeliveryState::Pending { next_ms: now_ms },
        };
        let new: Vec<_> = of_batch.into_iter().chain(of_server).map(delivery).collect();
        self.deliveries.extend(new);
    }

    /// Counts a try. One of a delivery that has ended, or is gone, says nothing.
    pub(super) fn count(&mut self, tried: &Tried) {
        let is_meant = |delivery: &&mut Delivery| {
            (delivery.completion, &delivery.url) == (tried.completion, &tried.url) && delivery.due_ms().is_some()
        };
        if let Some(delivery) = self.deliveries.iter_mut().find(is_meant) {
            delivery.tries = delivery.tries.saturating_add(1);
            delivery.last_status = tried.status;
            delivery.state = tried.state;
        }
    }

    /// Leaves out what is not delivered.
    pub(super) fn stop(&mut self) {
        self.deliveries.retain(|delivery| delivery.due_ms().is_none());
    }
}

impl JobLog {
    /// Has every batch that completes from now on told to this place, too. Said once, before any completes.
    pub fn tell_to(&self, url: &str) {
        // A second place would be one that nobody has set.
        let _ = self.index.webhook.set(url.to_owned());
    }

    /// Up to `count` batches with deliveries to be made, by the time in milliseconds when the first of each is due, from the
    /// one behind `after` on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn batches_to_tell(
        &self,
        after: Option<(i64, BatchId)>,
        count: usize,
    ) -> Result<Vec<(i64, BatchId)>, JobLogError> {
        self.index.batches_to_tell(after, count)
    }

    /// Waits until there are new deliveries to be made. Such that came since the last wait are not missed.
    pub async fn has_news(&self) {
        self.index.news.notified().await;
    }
}

impl Index {
    fn batches_to_tell(&self, after: Option<(i64, BatchId)>, count: usize) -> Result<Vec<(i64, BatchId)>, JobLogError> {
        let mark = |found: sled::Result<sled::IVec>| {
            let found = found.map_err(|error| JobLogError::from_sled(&error))?;
            key::due(&found).ok_or(JobLogError::Damaged)
        };
        let start = after.map_or_else(|| key::dues().to_vec(), |(due_ms, batch)| key::due_at(due_ms, batch));
        let range = (Bound::Excluded(start), Bound::Excluded(key::dues_end().to_vec()));
        self.db.range(range).keys().take(count).map(mark).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://a.example.org/hook";
    const SERVER: &str = "https://b.example.org/";

    fn now_ms() -> i64 {
        Timestamp::now().as_millisecond()
    }

    #[test]
    fn each_place_is_told_of_each_completion_once() {
        let mut webhooks = Webhooks { url: Some(HERE.into()), ..Webhooks::default() };
        webhooks.complete(Tally::default(), now_ms(), Some(SERVER));
        let urls: Vec<_> = webhooks.deliveries.iter().map(|delivery| delivery.url.as_str()).collect();
        assert_eq!(urls, [HERE, SERVER]);
        let state = DeliveryState::Delivered { at_ms: 7 };
        webhooks.count(&Tried { url: HERE.into(), completion: 1, status: Some(204), state });
        webhooks.count(&Tried { url: HERE.into(), completion: 1, status: None, state: DeliveryState::Failed });
        assert_eq!((webhooks.deliveries[0].state, webhooks.deliveries[0].tries), (state, 1));

        webhooks.complete(Tally::default(), now_ms(), Some(HERE));
        let told: Vec<_> =
            webhooks.deliveries.iter().map(|delivery| (delivery.url.as_str(), delivery.completion)).collect();
        assert_eq!(told, [(SERVER, 1), (HERE, 2)], "one place is told once, and what is pending stays");
        webhooks.stop();
        assert_eq!((webhooks.deliveries.len(), webhooks.due_ms()), (0, None));
    }

    #[test]
    fn what_completed_long_ago_is_told_to_nobody() {
        let mut webhooks = Webhooks { url: Some(HERE.into()), ..Webhooks::default() };
        webhooks.complete(Tally::default(), now_ms() - NEWS_MS_MAX - 1, None);
        assert_eq!((webhooks.completions, webhooks.deliveries.len()), (1, 0));
    }
}
