//! The events that a group of changes brings about: gathered in the order of the changes, a batch at a time, numbered when
//! the group is applied, and told when it is durable.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use super::Step;
use crate::batch::{BatchId, FileId, Tally};
use crate::joblog::event::{BatchChange, EVENTS_RECORD_MAX, Event, EventsRecord};
use crate::joblog::events::{Events, News};
use crate::joblog::record::{self, BatchRecord, Claim, FileEnd};
use crate::joblog::{JobLogError, key};

/// What has happened in a group.
#[derive(Default)]
pub struct Told {
    batches: Vec<Happened>,
    removed: Vec<(BatchId, Arc<str>)>,
}

struct Happened {
    batch: BatchId,
    owner: Arc<str>,
    events: Vec<Event>,
}

impl Told {
    pub fn add(&mut self, batch: BatchId, owner: Arc<str>, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        match self.batches.iter_mut().find(|happened| happened.batch == batch) {
            Some(happened) => happened.events.extend(events),
            None => self.batches.push(Happened { batch, owner, events }),
        }
    }

    pub fn remove(&mut self, batch: BatchId, owner: Arc<str>) {
        self.removed.push((batch, owner));
    }

    /// Leaves out a batch of which nothing stays.
    pub fn forget(&mut self, batch: BatchId) {
        self.batches.retain(|happened| happened.batch != batch);
    }

    /// Numbers the events, adds them to what is about to be applied, and says what is to be told of them.
    pub fn write(self, ids: &Events, into: &mut sled::Batch) -> Vec<News> {
        let mut news = Vec::new();
        for Happened { batch, owner, events } in self.batches {
            let mut last = 0;
            for events in events.chunks(EVENTS_RECORD_MAX) {
                let first = ids.give(events.len());
                last = first + events.len() as u64 - 1;
                let record = EventsRecord { batch, events: events.to_vec() };
                into.insert(key::event(first), record::encode(&record));
                into.insert(key::event_mark(batch, first), &[]);
            }
            into.insert(key::last_event(), &last.to_be_bytes());
            news.push(News::Durable { batch, owner, last });
        }
        news.extend(self.removed.into_iter().map(|(batch, owner)| News::Removed { batch, owner }));
        news
    }
}

/// That a batch was accepted, and which of its files were refused, if no event tells of it yet.
pub fn accepted(record: &mut BatchRecord) -> Vec<Event> {
    if mem::replace(&mut record.is_told, true) {
        return Vec::new();
    }
    let rejected = u32::try_from(record.refused.len()).expect("a file's index has 16 bits");
    let tally = Tally { total: record.tally.total, rejected, ..Tally::default() };
    let batch = Event::Batch { change: BatchChange::Accepted, tally, finished_ms: None };
    let refused = record.refused.iter().map(|index| Event::Refused { index: *index });
    [batch].into_iter().chain(refused).collect()
}

/// That a file has ended, and with its last file the batch; `record` counts the end already.
pub fn ended(record: &mut BatchRecord, file: FileId, end: &FileEnd, is_last: bool) -> Vec<Event> {
    let mut events = accepted(record);
    let index = u16::try_from(file.index()).expect("a file's index has 16 bits");
    events.push(Event::Ended { index, ended_ms: end.ended_ms });
    if is_last {
        let (tally, finished_ms) = (record.tally, record.finished_ms);
        events.push(Event::Batch { change: BatchChange::Completed, tally, finished_ms });
    }
    events
}

/// That files which had failed are open again; `record` counts them as pending already.
pub fn retried(record: &mut BatchRecord, files: &[FileId]) -> Vec<Event> {
    let mut events = accepted(record);
    events.push(Event::Batch { change: BatchChange::Retrying, tally: record.tally, finished_ms: None });
    let index = |file: &FileId| u16::try_from(file.index()).expect("a file's index has 16 bits");
    events.extend(files.iter().map(|file| Event::Retried { index: index(file) }));
    events
}

impl Step<'_> {
    /// Tells of a batch that was accepted, if that has not been done.
    pub(super) fn tell(&mut self, id: BatchId) -> Result<(), JobLogError> {
        // Every record that the group has looked at is written again; this one mostly needs it not.
        if !self.records.contains_key(&id) && self.index.batch(id)?.is_none_or(|record| record.is_told) {
            return Ok(());
        }
        if let Some(record) = self.record(id)?.filter(|record| !record.is_doomed) {
            let (owner, events) = (record.owner.as_str().into(), accepted(record));
            self.told.add(id, owner, events);
        }
        Ok(())
    }

    /// Tells of the batches whose files are about to be tried: the claim is flushed in any case.
    pub(super) fn tell_claimed(&mut self, claim: &Claim) {
        let batches: BTreeSet<BatchId> = claim.files.iter().map(|claimed| claimed.file.batch()).collect();
        for batch in batches {
            // It can be told later, and a file is not to wait for that.
            if let Err(error) = self.tell(batch) {
                log::error!("batch {batch}: its acceptance is not told yet: {error}");
            }
        }
    }
}
