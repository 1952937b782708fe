//! A step: the changes of a group on their way into one atomic batch.
//!
//! Each change sees what those before it in the group have left; what the log itself holds is from before the group.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;

use self::telling::Told;
use super::change::{Change, Committed, LetGo};
use super::event::{BatchChange, Event};
use super::events::News;
use super::pack::Packs;
use super::record::{self, BatchRecord, FileRecord};
use super::usage::Usage;
use super::{Index, JobLogError, StoreName, key};
use crate::batch::{BatchId, FileId, FileState};
use crate::fault::{self, DurableStep};

mod removal;
mod retry;
mod telling;
mod webhooks;

/// A group's changes, as far as they have been taken.
pub struct Step<'a> {
    index: &'a Index,
    batch: sled::Batch,
    records: HashMap<BatchId, Option<BatchRecord>>,
    packs: Packs<'a>,
    /// What the group is, by the weightiest of its changes.
    passes: DurableStep,
    /// Removals that begin with this group.
    removals: u64,
    told: Told,
    /// When the first delivery of each batch was due before the group, where one was.
    dues: HashMap<BatchId, i64>,
}

impl<'a> Step<'a> {
    pub(super) fn new(index: &'a Index) -> Self {
        Self {
            index,
            batch: sled::Batch::default(),
            records: HashMap::new(),
            packs: Packs::new(index),
            passes: DurableStep::ClaimAppend,
            removals: 0,
            told: Told::default(),
            dues: HashMap::new(),
        }
    }

    pub(super) fn take(&mut self, changes: Vec<Change>) -> Result<Committed, JobLogError> {
        let mut committed = Committed::default();
        for change in changes {
            match change {
                Change::End { file, record } => {
                    // One record that cannot be read must not hold back the outcomes of others.
                    if let Err(error) = self.end(file, *record, &mut committed) {
                        log::error!("file {file}: its outcome waits for the next start: {error}");
                    }
                }
                Change::Attempts { file, retries, attempts, is_suspect } => {
                    let record = FileRecord { retries, attempts, is_suspect, end: None };
                    if let Err(error) = self.put(file, record) {
                        log::error!("file {file}: its attempts are not counted: {error}");
                    }
                }
                Change::Claim { window, claim } => {
                    self.tell_claimed(&claim);
                    self.batch.insert(key::claim(window), record::encode(&claim));
                }
                Change::Release { window } => self.batch.remove(key::claim(window)),
                Change::Tell { batch } => self.tell(batch)?,
                Change::Cancel { batch } => self.cancel(batch, &mut committed)?,
                Change::Retry { batch, files, order } => self.retry(batch, files, order, &mut committed)?,
                Change::Doom { batch } => self.doom(batch, &mut committed)?,
                Change::Forget { batch, spool, results, owned } => {
                    self.forget(batch, [&spool, &results], owned, &mut committed)?;
                }
                Change::ForgetKey { key, batch } => self.forget_key(&key, batch)?,
                Change::Tried { batch, tried } => self.count_try(batch, &tried)?,
            }
        }
        Ok(committed)
    }

    /// Writes an outcome down, unless the file has one or its batch is gone.
    fn end(&mut self, file: FileId, record: FileRecord, committed: &mut Committed) -> Result<(), JobLogError> {
        let Some(end) = &record.end else { return Ok(()) };
        let batch_id = file.batch();
        let known = self.packs.get(file)?;
        let is_superseded = record.retries < known.retries;
        let has_ended = known.end.is_some() && record.retries == known.retries;
        if is_superseded || has_ended {
            self.drop_outcome(file, "it has one");
            return Ok(());
        }
        let state = self.index.motion.get(file).map_or(FileState::Stored, |moving| moving.state);
        let state = match state.next(end.outcome.event()) {
            Ok(state) => state,
            Err(error) => {
                log::error!("file {file}: {error}");
                return Ok(());
            }
        };
        match self.record(batch_id)? {
            None => {
                self.drop_outcome(file, "its batch is gone");
                return Ok(());
            }
            Some(batch) if batch.is_refused(file.index()) => {
                self.drop_outcome(file, "it was refused while it arrived");
                return Ok(());
            }
            Some(_) => {}
        }
        if let Some(before) = &known.end {
            // Where its retry is lost, the outcome after it is enough to know of it.
            self.take_back(file, before, committed)?;
        }
        let Some(batch) = self.record(batch_id)? else { return Ok(()) };
        batch.tally.count(state);
        let is_last = batch.tally.pending() == 0 && batch.finished_ms.is_none();
        if is_last {
            batch.finished_ms = Some(end.ended_ms);
        }
        let batch_owner = batch.owner.clone();
        let (owner, events) = (batch.owner.as_str().into(), telling::ended(batch, file, end, is_last));
        self.told.add(batch_id, owner, events);
        if is_last {
            committed.completed.push(batch_id);
            let held = Usage { batches_open: 1, bytes_stored: 0 };
            committed.let_go.push(LetGo { owner: batch_owner, held });
            self.batch.remove(key::open(batch_id));
            self.begin_deliveries(batch_id)?;
            self.passes = DurableStep::BatchClose;
        } else if self.passes == DurableStep::ClaimAppend {
            self.passes = DurableStep::OutcomeAppend;
        }
        committed.ended.push(file);
        self.batch.insert(key::segment(StoreName::Results, end.results.segment, batch_id), &[]);
        self.batch.insert(key::checkpoint(StoreName::Results), &end.results.segment.to_be_bytes());
        self.packs.put(file, record)
    }

    /// Writes a file's record down, unless its batch is gone.
    fn put(&mut self, file: FileId, record: FileRecord) -> Result<(), JobLogError> {
        match self.record(file.batch())? {
            Some(_) => self.packs.put(file, record),
            None => Ok(()),
        }
    }

    /// Leaves a file as it is. Whoever brought the outcome is through with it.
    fn drop_outcome(&self, file: FileId, why: &str) {
        log::warn!("file {file}: an outcome is dropped: {why}");
        self.index.motion.end(file);
    }

    fn cancel(&mut self, id: BatchId, committed: &mut Committed) -> Result<(), JobLogError> {
        if let Some(record) = self.record(id)?.filter(|record| record.finished_ms.is_none()) {
            let mut events = telling::accepted(record);
            if !mem::replace(&mut record.is_cancelled, true) {
                events.push(Event::Batch { change: BatchChange::Cancelling, tally: record.tally, finished_ms: None });
            }
            let owner = record.owner.as_str().into();
            self.told.add(id, owner, events);
            committed.cancelled.push(id);
        }
        Ok(())
    }

    /// The batch's record as this group leaves it so far.
    fn record(&mut self, id: BatchId) -> Result<Option<&mut BatchRecord>, JobLogError> {
        let record = match self.records.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let known = self.index.batch(id)?;
                self.dues.extend(known.as_ref().and_then(|record| Some((id, record.webhooks.due_ms()?))));
                entry.insert(known)
            }
        };
        Ok(record.as_mut())
    }

    /// Applies the group, and says what is to be told of it once it is durable.
    pub(super) fn apply(mut self) -> Result<Vec<News>, JobLogError> {
        self.mark_dues();
        for (id, record) in &self.records {
            if let Some(record) = record {
                self.batch.insert(key::batch(*id), record::encode(record));
            }
        }
        self.packs.write(&mut self.batch);
        if self.removals > 0 {
            let removals = self.index.removals()? + self.removals;
            self.batch.insert(key::removals(), &removals.to_be_bytes());
        }
        let news = self.told.write(&self.index.events, &mut self.batch);
        let apply = || self.index.db.apply_batch(self.batch).map_err(|error| JobLogError::from_sled(&error));
        fault::step(self.passes, apply).map(|()| news)
    }
}
