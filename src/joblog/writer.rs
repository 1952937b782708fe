//! The one writer: takes whatever changes are waiting, applies them in one atomic step and flushes once for all.
//!
//! What a crash leaves: before the flush, nothing of the group or all of it; after it, all. A flush that failed is never
//! believed again: sled's pages may be anything then, so every later change is refused until the log is opened anew.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::blobs::Blobs;
use super::record::{self, BatchRecord, Claim, FileRecord};
use super::{Index, JobLogError, StoreName, key};
use crate::batch::{BatchId, FileId, FileState};
use crate::fault::{self, DurableStep};
use crate::spool::SyncObserver;

/// Orders that may wait for the writer: those of the supervisor and the aggregator, with room for recovery.
pub const ORDER_QUEUE_MAX: usize = 64;

/// One thing to write down.
#[derive(Debug)]
pub enum Change {
    /// A file has come to its end.
    End { file: FileId, record: Box<FileRecord> },
    /// Attempts are over without an end of the file, or a crash has cut them short.
    Attempts { file: FileId, attempts: u32, is_suspect: bool },
    /// From now on the claim's files may be tried.
    Claim { window: u64, claim: Claim },
    /// Every file of the window has ended, or has been claimed again.
    Release { window: u64 },
    /// The files of a batch that have no outcome are to be cancelled.
    Cancel { batch: BatchId },
    /// A completed batch's removal begins.
    Doom { batch: BatchId },
    /// Nothing of a doomed batch is left on the disk; `spool` and `results` are the segments that it had regions in.
    Forget { batch: BatchId, spool: Vec<u64>, results: Vec<u64> },
}

/// What a commit brought about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Files that had no outcome before.
    pub ended: Vec<FileId>,
    /// Batches whose last file has ended.
    pub completed: Vec<BatchId>,
    /// Batches whose cancelling has begun.
    pub cancelled: Vec<BatchId>,
    /// How many removals have begun, ever, if one of them began with these changes.
    pub removals: Option<u64>,
}

/// Changes that become durable together, and who waits for them.
pub struct Order {
    pub changes: Vec<Change>,
    pub answer: oneshot::Sender<Result<Committed, JobLogError>>,
}

/// The writer's state, on its own thread.
pub struct Writer {
    queue: mpsc::Receiver<Order>,
    index: Arc<Index>,
    /// sled's log file.
    file: File,
    /// What sled keeps outside of it.
    blobs: Blobs,
    observe_sync: SyncObserver,
}

impl Writer {
    pub fn new(
        queue: mpsc::Receiver<Order>,
        index: Arc<Index>,
        opened: (File, Blobs),
        observe_sync: SyncObserver,
    ) -> Self {
        let (file, blobs) = opened;
        Self { queue, index, file, blobs, observe_sync }
    }

    /// Commits groups until every sender is gone, and flushes once more for what was entered without a commit.
    pub fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            while let Ok(next) = self.queue.try_recv() {
                group.push(next);
            }
            self.commit(group);
        }
        if let Err(error) = self.flush() {
            log::error!("the job log could not be flushed at its end: {error}");
        }
    }

    fn commit(&mut self, group: Vec<Order>) {
        let index = Arc::clone(&self.index);
        let mut step = Step::new(&index);
        let (answers, outcomes): (Vec<_>, Vec<_>) =
            group.into_iter().map(|order| (order.answer, step.take(order.changes))).unzip();
        let written = if self.index.trouble().is_some() { Err(JobLogError::Closed) } else { self.write(step) };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let committed = written.and(outcome);
            if let Ok(committed) = &committed {
                self.index.announce(committed);
            }
            // Whoever asked may be gone; the changes are durable all the same.
            let _ = answer.send(committed);
        }
    }

    fn write(&mut self, step: Step<'_>) -> Result<(), JobLogError> {
        let written = step.apply().and_then(|()| self.flush());
        if let Err(error) = &written {
            log::error!("the job log takes no more changes: {error}");
            self.index.mark_broken(*error);
        }
        written
    }

    fn flush(&mut self) -> Result<(), JobLogError> {
        let begun = Instant::now();
        fault::step(DurableStep::LogFlush, || {
            self.index.db.flush().map(|_bytes| ()).map_err(|error| JobLogError::from_sled(&error))
        })?;
        let synced = self.sync();
        (self.observe_sync)(begun.elapsed());
        synced
    }

    /// Makes durable what sled has written.
    pub fn sync(&mut self) -> Result<(), JobLogError> {
        let synced: io::Result<()> =
            fault::step(DurableStep::LogSync, || self.blobs.sync().and_then(|()| self.file.sync_data()));
        synced.map_err(|error| JobLogError::from_io(&error))
    }
}

/// A group's changes on their way into one atomic batch.
struct Step<'a> {
    index: &'a Index,
    batch: sled::Batch,
    records: HashMap<BatchId, Option<BatchRecord>>,
    ended: HashSet<FileId>,
    /// What the group is, by the weightiest of its changes.
    passes: DurableStep,
    /// Removals that begin with this group.
    removals: u64,
}

impl<'a> Step<'a> {
    fn new(index: &'a Index) -> Self {
        Self {
            index,
            batch: sled::Batch::default(),
            records: HashMap::new(),
            ended: HashSet::new(),
            passes: DurableStep::ClaimAppend,
            removals: 0,
        }
    }

    fn take(&mut self, changes: Vec<Change>) -> Result<Committed, JobLogError> {
        let mut committed = Committed::default();
        for change in changes {
            match change {
                Change::End { file, record } => {
                    // One record that cannot be read must not hold back the outcomes of others.
                    if let Err(error) = self.end(file, &record, &mut committed) {
                        log::error!("file {file}: its outcome waits for the next start: {error}");
                    }
                }
                Change::Attempts { file, attempts, is_suspect } => {
                    let record = FileRecord { attempts, is_suspect, end: None };
                    self.batch.insert(key::file(file), record::encode(&record));
                }
                Change::Claim { window, claim } => self.batch.insert(key::claim(window), record::encode(&claim)),
                Change::Release { window } => self.batch.remove(key::claim(window)),
                Change::Cancel { batch } => self.cancel(batch, &mut committed)?,
                Change::Doom { batch } => self.doom(batch, &mut committed)?,
                Change::Forget { batch, spool, results } => self.forget(batch, &spool, &results)?,
            }
        }
        Ok(committed)
    }

    /// Writes an outcome down, unless the file has one or its batch is gone.
    fn end(&mut self, file: FileId, record: &FileRecord, committed: &mut Committed) -> Result<(), JobLogError> {
        let Some(end) = &record.end else { return Ok(()) };
        let batch_id = file.batch();
        if self.ended.contains(&file) || self.index.file(file)?.end.is_some() {
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
        let Some(batch) = self.record(batch_id)? else {
            self.drop_outcome(file, "its batch is gone");
            return Ok(());
        };
        if batch.is_refused(file.index()) {
            self.drop_outcome(file, "it was refused while it arrived");
            return Ok(());
        }
        batch.tally.count(state);
        let is_last = batch.tally.pending() == 0 && batch.finished_ms.is_none();
        if is_last {
            batch.finished_ms = Some(end.ended_ms);
            committed.completed.push(batch_id);
            self.batch.remove(key::open(batch_id));
            self.passes = DurableStep::BatchClose;
        } else if self.passes == DurableStep::ClaimAppend {
            self.passes = DurableStep::OutcomeAppend;
        }
        self.ended.insert(file);
        committed.ended.push(file);
        self.batch.insert(key::file(file), record::encode(record));
        self.batch.insert(key::segment(StoreName::Results, end.results.segment, batch_id), &[]);
        self.batch.insert(key::checkpoint(StoreName::Results), &end.results.segment.to_be_bytes());
        Ok(())
    }

    /// Leaves a file as it is. Whoever brought the outcome is through with it.
    fn drop_outcome(&self, file: FileId, why: &str) {
        log::warn!("file {file}: an outcome is dropped: {why}");
        self.index.motion.end(file);
    }

    fn cancel(&mut self, id: BatchId, committed: &mut Committed) -> Result<(), JobLogError> {
        if let Some(record) = self.record(id)?.filter(|record| record.finished_ms.is_none()) {
            record.is_cancelled = true;
            committed.cancelled.push(id);
        }
        Ok(())
    }

    fn doom(&mut self, id: BatchId, committed: &mut Committed) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        if let Some(record) = self.record(id)?.filter(|record| record.finished_ms.is_some()) {
            record.is_doomed = true;
            self.batch.insert(key::doomed(id), &[]);
            self.removals += 1;
            committed.removals = Some(self.index.removals()? + self.removals);
        }
        Ok(())
    }

    fn forget(&mut self, id: BatchId, spool: &[u64], results: &[u64]) -> Result<(), JobLogError> {
        self.passes = DurableStep::RemovalAppend;
        let keys = self.index.keys_of(id)?;
        self.records.insert(id, None);
        for key in keys {
            self.batch.remove(key);
        }
        for (store, segments) in [(StoreName::Spool, spool), (StoreName::Results, results)] {
            for segment in segments {
                self.batch.remove(key::segment(store, *segment, id));
            }
        }
        self.batch.remove(key::open(id));
        self.batch.remove(key::doomed(id));
        Ok(())
    }

    /// The batch's record as this group leaves it so far.
    fn record(&mut self, id: BatchId) -> Result<Option<&mut BatchRecord>, JobLogError> {
        let record = match self.records.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.index.batch(id)?),
        };
        Ok(record.as_mut())
    }

    fn apply(mut self) -> Result<(), JobLogError> {
        for (id, record) in &self.records {
            if let Some(record) = record {
                self.batch.insert(key::batch(*id), record::encode(record));
            }
        }
        if self.removals > 0 {
            let removals = self.index.removals()? + self.removals;
            self.batch.insert(key::removals(), &removals.to_be_bytes());
        }
        let apply = || self.index.db.apply_batch(self.batch).map_err(|error| JobLogError::from_sled(&error));
        fault::step(self.passes, apply)
    }
}
