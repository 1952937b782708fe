//! Who listens to what happens, and what they can read.
//!
//! Durable events are told of and read only up to the head, which the writer moves when it has flushed: an id that was
//! shown once is never given out again. Whoever listens is told which events are there now and reads them from the log,
//! so that nothing waits in memory for a slow reader. What is not durable is told and not kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::TryRecvError};

use super::event::{EventsRecord, NumberedEvent};
use super::motion::Moving;
use super::{Change, JobLog, JobLogError, key, record};
use crate::batch::{BatchId, FileId};

/// News that may wait for the slowest listener; one that has missed some reads from the log instead.
pub const NEWS_QUEUE_MAX: usize = 1024;

/// Ids that a millisecond has of its own. So an id is greater than those of logs before this one, and up to the year 2248
/// it fits the whole numbers of a JavaScript `Number` (2^53).
pub const EVENT_IDS_PER_MS_BITS: u32 = 10;

/// What those who listen are told.
#[derive(Debug, Clone)]
pub enum News {
    /// Further events of a batch are durable; `last` is the id of the last of them.
    Durable { batch: BatchId, owner: Arc<str>, last: u64 },
    /// A file has moved on, which is not durable.
    Moved { file: FileId, moving: Moving },
    /// A batch's removal has begun; its events go with it.
    Removed { batch: BatchId, owner: Arc<str> },
}

/// The ids given out, and those who listen.
#[derive(Debug)]
pub struct Events {
    /// The last id that was given out. The one writer moves it.
    given: AtomicU64,
    /// The last id that is durable.
    head: Mutex<u64>,
    news: broadcast::Sender<News>,
}

impl Events {
    /// Goes on behind the last id that the log knows of. A log that knows of none may have replaced another.
    pub fn of(db: &sled::Db) -> Result<Self, JobLogError> {
        let last = match last_id(db)? {
            0 => now(),
            last => last,
        };
        Ok(Self { given: AtomicU64::new(last), head: Mutex::new(last), news: broadcast::channel(NEWS_QUEUE_MAX).0 })
    }

    /// The first of `count` ids that follow on one another and are greater than all before.
    pub fn give(&self, count: usize) -> u64 {
        let first = now().max(self.given.load(Ordering::Relaxed).saturating_add(1));
        self.given.store(first.saturating_add(count as u64 - 1), Ordering::Relaxed);
        first
    }

    /// Tells what has become durable, in order.
    pub fn publish(&self, news: Vec<News>) {
        let mut head = self.head();
        for news in news {
            if let News::Durable { last, .. } = &news {
                *head = *last;
            }
            // Nobody need listen.
            let _ = self.news.send(news);
        }
    }

    /// Tells that a file has moved on, if anybody listens.
    pub fn moved(&self, file: FileId, moving: impl FnOnce() -> Option<Moving>) {
        if self.has_listeners()
            && let Some(moving) = moving()
        {
            let _ = self.news.send(News::Moved { file, moving });
        }
    }

    fn has_listeners(&self) -> bool {
        self.news.receiver_count() > 0
    }

    fn raise(&self, last: u64) {
        let mut head = self.head();
        *head = last.max(*head);
        self.given.fetch_max(last, Ordering::Relaxed);
    }

    fn head(&self) -> MutexGuard<'_, u64> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id of this moment.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0) << EVENT_IDS_PER_MS_BITS
}

/// The last id that the log knows of; 0 when it knows of none. Removals take events away and leave the number.
fn last_id(db: &sled::Db) -> Result<u64, JobLogError> {
    let noted = db.get(key::last_event()).map_err(|error| JobLogError::from_sled(&error))?;
    let noted = noted.map_or(Ok(0), |bytes| bytes.as_ref().try_into().map(u64::from_be_bytes));
    let noted = noted.map_err(|_| JobLogError::Damaged)?;
    let newest = db.scan_prefix(key::all_events()).next_back().transpose();
    let Some((first, value)) = newest.map_err(|error| JobLogError::from_sled(&error))? else { return Ok(noted) };
    let first = key::event_of(&first).ok_or(JobLogError::Damaged)?;
    // What is damaged is the start's to say, which checks everything.
    let count = record::decode::<EventsRecord>(&value).map_or(1, |record| record.events.len() as u64);
    Ok(noted.max(first.saturating_add(count.max(1) - 1)))
}

/// One who listens. What became durable up to `head` is in the log, what came later is among the news.
#[derive(Debug)]
pub struct Subscription {
    pub head: u64,
    news: broadcast::Receiver<News>,
}

/// A listener was too slow, and news is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed;

impl Subscription {
    /// The next news.
    ///
    /// # Errors
    /// [`Missed`] when it is gone. What was durable is in the log, and another subscription goes on from there.
    pub async fn next(&mut self) -> Result<News, Missed> {
        // The log outlives whoever listens to it, and another subscription would say no more.
        self.news.recv().await.map_err(|_| Missed)
    }

    /// The next news, if it is there already.
    pub fn at_hand(&mut self) -> Option<Result<News, Missed>> {
        match self.news.try_recv() {
            Ok(news) => Some(Ok(news)),
            Err(TryRecvError::Lagged(_)) => Some(Err(Missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

impl JobLog {
    /// Begins to listen.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let events = &self.index.events;
        let head = events.head();
        Subscription { head: *head, news: events.news.subscribe() }
    }

    /// Tells those who listen that a batch was accepted. Where nobody does, that takes no flush of its own: it is told with
    /// the claim of the batch's first file, or by the next start.
    ///
    /// # Errors
    /// When the log cannot be read or takes no more changes.
    pub async fn tell_if_heard(&self, batch: BatchId) -> Result<(), JobLogError> {
        if self.index.events.has_listeners() && self.batch(batch)?.is_some_and(|record| !record.is_told) {
            self.commit(vec![Change::Tell { batch }]).await?;
        }
        Ok(())
    }

    /// The last id that may be shown.
    #[must_use]
    pub fn last_event(&self) -> u64 {
        *self.index.events.head()
    }

    /// Gives a new log's events ids behind those of the log before it.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub fn go_on_behind_event(&self, last: u64) -> Result<(), JobLogError> {
        self.index.events.raise(last);
        self.index.take_over_last_event(last)
    }

    /// Events with ids behind `after` and up to `upto`, of one batch or of all, in their order: `max` of them, or fewer
    /// where there are no more. `upto` must not lie behind the head.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn events(
        &self,
        of: Option<BatchId>,
        (after, upto): (u64, u64),
        max: usize,
    ) -> Result<Vec<NumberedEvent>, JobLogError> {
        let mut found = Vec::new();
        if after >= upto {
            return Ok(found);
        }
        for first in self.event_keys(of, after, upto)? {
            let first = first?;
            // A removal may take it away meanwhile.
            let Some(record) = self.index.events_record(first)? else { continue };
            let wanted = record.numbered(first).filter(|event| after < event.id && event.id <= upto);
            found.extend(wanted.take(max - found.len()));
            if found.len() == max {
                break;
            }
        }
        Ok(found)
    }

    /// The id of a batch's last event; none before its first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn last_event_of(&self, batch: BatchId) -> Result<Option<u64>, JobLogError> {
        let last = self.event_keys(Some(batch), u64::MAX - 1, u64::MAX)?.last().transpose()?;
        let Some(first) = last else { return Ok(None) };
        Ok(self.index.events_record(first)?.map(|record| first + record.events.len() as u64 - 1))
    }

    /// The ids under which records lie that may hold events behind `after` and up to `upto`: the last that begins no
    /// later, and all behind it.
    fn event_keys(
        &self,
        of: Option<BatchId>,
        after: u64,
        upto: u64,
    ) -> Result<impl Iterator<Item = Result<u64, JobLogError>>, JobLogError> {
        let prefix = of.map_or_else(|| key::all_events().to_vec(), key::events_of);
        let at = |id: u64| [prefix.as_slice(), &id.to_be_bytes()].concat();
        let db = &self.index.db;
        let begun = db.range(prefix.clone()..=at(after)).next_back().transpose();
        let begun = begun.map_err(|error| JobLogError::from_sled(&error))?;
        let from = begun.map_or_else(|| at(after), |(key, _)| key.to_vec());
        let id = |key: sled::Result<sled::IVec>| {
            key::event_of(&key.map_err(|error| JobLogError::from_sled(&error))?).ok_or(JobLogError::Damaged)
        };
        Ok(db.range(from..=at(upto)).keys().map(id))
    }
}
