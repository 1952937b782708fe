//! What a key may use up: requests, open batches and stored bytes. What is promised to batches that arrive is counted with
//! what is there, so that many at one time stay within it, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use derive_more::{Display, Error};

use super::meter::Meter;
use crate::config::KeySettings;
use crate::joblog::Usage;

/// The quotas of one key, and what of them is promised.
#[derive(Debug, Default)]
pub struct Quotas {
    batches_open_max: Option<usize>,
    bytes_stored_max: Option<u64>,
    requests_minute_max: Option<u32>,
    requests: Option<Arc<Meter>>,
    arriving: Arc<Mutex<Usage>>,
}

/// A quota that is used up.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    #[display("as many requests in a minute as the key may make; the next in {wait_seconds} s")]
    Requests { wait_seconds: u64 },
    #[display("{max} open batches, which is as many as the key may have")]
    OpenBatches { max: usize },
    #[display("{max} stored bytes, which is as many as the key may have")]
    StoredBytes { max: u64 },
}

impl Quotas {
    /// The quotas that a key's settings say, with what is counted by those `before`, if the key had some.
    pub fn new(settings: &KeySettings, before: Option<&Self>) -> Self {
        let &KeySettings { sha256: _, batches_open_max, bytes_stored_max, requests_minute_max } = settings;
        let same_pace = before.filter(|before| before.requests_minute_max == requests_minute_max);
        let requests = match same_pace {
            Some(before) => before.requests.clone(),
            None => requests_minute_max.map(|max| Arc::new(Meter::new(max))),
        };
        let arriving = before.map(|before| Arc::clone(&before.arriving)).unwrap_or_default();
        Self { batches_open_max, bytes_stored_max, requests_minute_max, requests, arriving }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn count_request(&self) -> Result<(), QuotaExceeded> {
        let passed = self.requests.as_ref().map_or(Ok(()), |requests| requests.pass(Instant::now()));
        passed.map_err(|wait| QuotaExceeded::Requests { wait_seconds: wait.as_secs() + 1 })
    }

    /// Keeps a place for a batch that begins to arrive. `usage` says what the key holds, and is asked while nothing is
    /// taken back: a batch is counted there before its place is free again.
    ///
    /// # Errors
    /// When there is no place for it, or no room for a byte.
    pub fn reserve(self: &Arc<Self>, usage: impl FnOnce() -> Usage) -> Result<Reserved, QuotaExceeded> {
        let mut arriving = self.arriving();
        let held = usage();
        if let Some(max) = self.batches_open_max.filter(|max| held.batches_open + arriving.batches_open >= *max) {
            return Err(QuotaExceeded::OpenBatches { max });
        }
        if let Some(max) = self.bytes_stored_max.filter(|max| held.bytes_stored + arriving.bytes_stored >= *max) {
            return Err(QuotaExceeded::StoredBytes { max });
        }
        arriving.batches_open += 1;
        Ok(Reserved { quotas: Arc::clone(self), bytes: 0 })
    }

    fn arriving(&self) -> MutexGuard<'_, Usage> {
        // Nothing in here panics half-way.
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a batch that arrives has of its key's quotas, until it is dropped.
#[derive(Debug)]
pub struct Reserved {
    quotas: Arc<Quotas>,
    bytes: u64,
}

impl Reserved {
    /// The bytes that there is room for at this moment, without those of other batches that arrive.
    pub fn bytes_left(&self, usage: impl FnOnce() -> Usage) -> u64 {
        self.quotas.bytes_stored_max.map_or(u64::MAX, |max| {
            let promised = self.quotas.arriving().bytes_stored;
            max.saturating_sub(usage().bytes_stored + promised)
        })
    }

    /// Takes room for so many bytes.
    ///
    /// # Errors
    /// When there is less.
    pub fn take(&mut self, bytes: u64, usage: impl FnOnce() -> Usage) -> Result<(), QuotaExceeded> {
        let mut arriving = self.quotas.arriving();
        let promised = arriving.bytes_stored.saturating_add(bytes);
        if let Some(max) =
            self.quotas.bytes_stored_max.filter(|max| usage().bytes_stored.saturating_add(promised) > *max)
        {
            return Err(QuotaExceeded::StoredBytes { max });
        }
        arriving.bytes_stored = promised;
        self.bytes += bytes;
        Ok(())
    }

    /// What is told to a client whose batch has come to the end of the room while it arrived.
    pub fn used_up(&self) -> QuotaExceeded {
        QuotaExceeded::StoredBytes { max: self.quotas.bytes_stored_max.unwrap_or(u64::MAX) }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut arriving = self.quotas.arriving();
        arriving.batches_open -= 1;
        arriving.bytes_stored -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(batches_open_max: Option<usize>, bytes_stored_max: Option<u64>) -> Arc<Quotas> {
        Arc::new(Quotas { batches_open_max, bytes_stored_max, ..Quotas::default() })
    }

    const fn held(batches_open: usize, bytes_stored: u64) -> Usage {
        Usage { batches_open, bytes_stored }
    }

    #[test]
    fn places_and_room_are_promised_once_and_given_back() {
        let quotas = quotas(Some(3), Some(100));
        let mut first = quotas.reserve(|| held(1, 40)).unwrap();
        let mut second = quotas.reserve(|| held(1, 40)).unwrap();
        assert_eq!(quotas.reserve(|| held(1, 40)).unwrap_err(), QuotaExceeded::OpenBatches { max: 3 });
        assert_eq!(first.bytes_left(|| held(1, 40)), 60);
        first.take(50, || held(1, 40)).unwrap();
        assert_eq!(second.bytes_left(|| held(1, 40)), 10);
        assert_eq!(second.take(11, || held(1, 40)).unwrap_err(), QuotaExceeded::StoredBytes { max: 100 });
        second.take(10, || held(1, 40)).unwrap();
        drop(first);
        assert_eq!(quotas.reserve(|| held(1, 90)).unwrap_err(), QuotaExceeded::StoredBytes { max: 100 });
        assert!(quotas.reserve(|| held(1, 89)).is_ok());
    }

    #[test]
    fn without_quotas_everything_goes() {
        let quotas = quotas(None, None);
        let mut reserved = quotas.reserve(|| held(usize::MAX / 2, u64::MAX / 2)).unwrap();
        assert_eq!(reserved.bytes_left(Usage::default), u64::MAX);
        assert!(reserved.take(1 << 40, || held(0, u64::MAX)).is_ok());
        assert!((0..1000).all(|_| quotas.count_request().is_ok()));
    }
}
