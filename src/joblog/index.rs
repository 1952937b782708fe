//! The index: what the log says of batches and files, read straight from sled by whoever asks.

use std::ops::Bound;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::cancellations::Cancellations;
use super::change::Committed;
use super::completions::Completions;
use super::digests;
use super::event::EventsRecord;
use super::events::Events;
use super::motion::Motion;
use super::pack::{PACK_FILES, Pack};
use super::record::{self, BatchRecord, Claim, FileRecord};
use super::usage::Ledger;
use super::{JobLogError, StoreName, key};
use crate::batch::{BatchId, FileId};
use crate::fault::{self, DurableStep};
use crate::spool::SealedBatch;

/// The database and what is kept beside it in memory.
pub struct Index {
    pub(super) db: sled::Db,
    /// Which files have which digest.
    pub(super) digests: sled::Tree,
    pub(super) motion: Motion,
    pub(super) completions: Completions,
    pub(super) cancellations: Cancellations,
    pub(super) events: Events,
    pub(super) ledger: Ledger,
    /// Where every batch is told, besides its own place.
    pub(super) webhook: OnceLock<String>,
    /// Rung when batches have completed.
    pub(super) news: Notify,
    /// Why the log takes no more changes.
    broken: OnceLock<JobLogError>,
    open_count: AtomicUsize,
}

impl Index {
    pub(super) fn new(db: sled::Db) -> Result<Self, JobLogError> {
        let mut open = 0;
        for key in db.scan_prefix(key::opens()).keys() {
            // After an error sled gives the same one again, for ever.
            key.map_err(|error| JobLogError::from_sled(&error))?;
            open += 1;
        }
        let (motion, completions, cancellations, ledger) = Default::default();
        let (webhook, news) = Default::default();
        let digests = db.open_tree(digests::TREE).map_err(|error| JobLogError::from_sled(&error))?;
        let (events, broken, open_count) = (Events::of(&db)?, OnceLock::new(), AtomicUsize::new(open));
        Ok(Self { db, digests, motion, completions, cancellations, events, ledger, webhook, news, broken, open_count })
    }

    /// Enters a batch whose seal is durable. Not flushed: what a crash takes, the next start enters again from the seal.
    ///
    /// Single inserts, because sled starts a write of its own for each atomic batch, and somebody waits for this one. The
    /// batch's record is the last: where it is, the others are, and where it is not, the next start enters all again.
    pub(super) fn enter(&self, sealed: &SealedBatch, is_shared: bool) -> Result<(), JobLogError> {
        if self.trouble().is_some() {
            return Err(JobLogError::Closed);
        }
        let id = sealed.header.batch;
        let mut record = BatchRecord::of(sealed);
        let was_open = self.has(&key::open(id))?;
        let enter = || {
            self.insert(key::segment(StoreName::Spool, sealed.seal.segment, id), &[])?;
            self.enter_loans(sealed)?;
            self.insert(key::owned(&record.owner, id), &[])?;
            self.insert(key::open(id), &[])?;
            if is_shared {
                self.insert(key::checkpoint(StoreName::Spool), &sealed.seal.segment.to_be_bytes())?;
            }
            record.idempotency_key = self.enter_key(&sealed.header)?;
            self.insert(key::batch(id), &record::encode(&record))
        };
        if let Err(error) = fault::step(DurableStep::LogEnter, enter) {
            // How much of it sled holds, nobody knows.
            self.mark_broken(error);
            return Err(error);
        }
        self.ledger.enter(&record);
        if !was_open {
            self.open_count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How many batches are not completed.
    pub(super) fn open_count(&self) -> usize {
        self.open_count.load(Ordering::Relaxed)
    }

    pub(super) fn batch(&self, id: BatchId) -> Result<Option<BatchRecord>, JobLogError> {
        self.get(&key::batch(id))?.map(|bytes| record::decode(&bytes)).transpose()
    }

    pub(super) fn file(&self, id: FileId) -> Result<FileRecord, JobLogError> {
        let pack = self.pack(id.batch(), id.index())?;
        Ok(pack.and_then(|pack| pack.get(id.index()).cloned()).unwrap_or_default())
    }

    /// The pack that holds the record of the file with this index, if it or a neighbour has one.
    pub(super) fn pack(&self, id: BatchId, index: usize) -> Result<Option<Pack>, JobLogError> {
        let Some(bytes) = self.get(&key::pack(id, index))? else { return Ok(None) };
        Pack::read(&bytes, Pack::first_of(index)).map(Some)
    }

    /// The records of the files `from` to `to` that have one, by index.
    pub(super) fn files(&self, id: BatchId, from: usize, to: usize) -> Result<Vec<(usize, FileRecord)>, JobLogError> {
        let mut records = Vec::new();
        for first in (Pack::first_of(from)..to).step_by(PACK_FILES) {
            let pack = self.pack(id, first)?.into_iter().flat_map(Pack::into_records);
            records.extend(pack.filter(|(index, _)| (from..to).contains(index)));
        }
        Ok(records)
    }

    /// The newest batch that is older than `before`.
    pub(super) fn batch_before(&self, before: Option<BatchId>) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        let found = self.db.get_lt(key::before(before)).map_err(|error| JobLogError::from_sled(&error))?;
        let Some(id) = found.and_then(|(key, _)| key::batch_of(&key)) else { return Ok(None) };
        // The key found may be a file's; the batch's own record is then a look-up away.
        self.batch(id)?.map_or(Err(JobLogError::Damaged), |record| Ok(Some((id, record))))
    }

    /// The oldest batch that is newer than `after`.
    pub(super) fn batch_after(&self, after: Option<BatchId>) -> Result<Option<(BatchId, BatchRecord)>, JobLogError> {
        let found = self.db.get_gt(key::after(after)).map_err(|error| JobLogError::from_sled(&error))?;
        let Some(id) = found.and_then(|(key, _)| key::batch_of(&key)) else { return Ok(None) };
        self.batch(id)?.map_or(Err(JobLogError::Damaged), |record| Ok(Some((id, record))))
    }

    /// The batches that are not completed, oldest first.
    pub(super) fn open_batches(&self) -> Result<Vec<BatchId>, JobLogError> {
        self.keys(&key::opens(), key::marked)
    }

    /// The batches whose removal has begun.
    pub(super) fn doomed_batches(&self) -> Result<Vec<BatchId>, JobLogError> {
        self.keys(&key::dooms(), key::marked)
    }

    /// All keys in pieces, to be walked over at the same time.
    pub(super) fn pieces(&self, count: u8) -> Result<Vec<key::Piece>, JobLogError> {
        let batch = |found: sled::Result<Option<(sled::IVec, sled::IVec)>>| {
            let found = found.map_err(|error| JobLogError::from_sled(&error))?;
            Ok::<_, JobLogError>(found.and_then(|(key, _)| key::batch_of(&key)))
        };
        let (first, last) = (batch(self.db.get_gt(key::batches()))?, batch(self.db.get_lt(key::before(None)))?);
        Ok(first.zip(last).map_or_else(
            || vec![(Bound::Unbounded, Bound::Unbounded)],
            |(first, last)| key::pieces(first, last, count),
        ))
    }

    /// Every key that belongs to a batch alone, but for those that name segments.
    pub(super) fn keys_of(&self, id: BatchId) -> Result<Vec<sled::IVec>, JobLogError> {
        let keys = self.db.scan_prefix(key::records(id)).keys();
        keys.map(|key| key.map_err(|error| JobLogError::from_sled(&error))).collect()
    }

    /// The claims of windows that are not released, oldest first.
    pub(super) fn claims(&self) -> Result<Vec<(u64, Claim)>, JobLogError> {
        let claim = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = entry.map_err(|error| JobLogError::from_sled(&error))?;
            Ok((key::window_of(&key).ok_or(JobLogError::Damaged)?, record::decode(&value)?))
        };
        self.db.scan_prefix(key::claims()).map(claim).collect()
    }

    /// The shared segment that was active when the log was last written.
    pub(super) fn checkpoint(&self, store: StoreName) -> Result<u64, JobLogError> {
        self.number(&key::checkpoint(store))
    }

    /// A number that was written down; 0 when none was.
    fn number(&self, key: &[u8]) -> Result<u64, JobLogError> {
        let Some(bytes) = self.get(key)? else { return Ok(0) };
        bytes.as_ref().try_into().map(u64::from_be_bytes).map_err(|_| JobLogError::Damaged)
    }

    /// The batches that have a region in the segment.
    pub(super) fn batches_in(&self, store: StoreName, segment: u64) -> Result<Vec<BatchId>, JobLogError> {
        self.keys(&key::segment_prefix(store, segment), key::marked)
    }

    /// Whether any batch has a region in the segment. A mark alone is none: a batch whose entering a crash cut short has
    /// one, and no record yet.
    pub(super) fn is_alive(&self, store: StoreName, segment: u64) -> Result<bool, JobLogError> {
        for key in self.db.scan_prefix(key::segment_prefix(store, segment)).keys() {
            let key = key.map_err(|error| JobLogError::from_sled(&error))?;
            if self.batch(key::marked(&key).ok_or(JobLogError::Damaged)?)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The segments of a store that are kept although nothing in them can be read.
    pub(super) fn kept(&self, store: StoreName) -> Result<Vec<u64>, JobLogError> {
        self.keys(&key::kept_prefix(store), key::segment_of)
    }

    /// Notes that a segment is to be kept.
    pub(super) fn keep(&self, store: StoreName, segment: u64) -> Result<(), JobLogError> {
        self.insert(key::kept(store, segment), &[])
    }

    /// How many removals have begun, ever.
    pub(super) fn removals(&self) -> Result<u64, JobLogError> {
        self.number(&key::removals())
    }

    /// Takes over the number of removals from a log before this one, which is new.
    pub(super) fn take_over_removals(&self, removals: u64) -> Result<(), JobLogError> {
        self.insert(key::removals(), &removals.to_be_bytes())
    }

    /// The events whose first has this id.
    pub(super) fn events_record(&self, first: u64) -> Result<Option<EventsRecord>, JobLogError> {
        self.get(&key::event(first))?.map(|bytes| record::decode(&bytes)).transpose()
    }

    /// Takes over the last event's id from a log before this one, which is new.
    pub(super) fn take_over_last_event(&self, last: u64) -> Result<(), JobLogError> {
        self.insert(key::last_event(), &last.to_be_bytes())
    }

    pub(super) fn has(&self, key: &[u8]) -> Result<bool, JobLogError> {
        Ok(self.get(key)?.is_some())
    }

    /// Tells those who wait what has become durable.
    pub(super) fn announce(&self, committed: &Committed) {
        // First, so that who learns of a batch's end finds its place free.
        for owner in &committed.reopened {
            self.ledger.reopen(owner);
        }
        for less in &committed.let_go {
            self.ledger.let_go(less);
        }
        for file in &committed.ended {
            self.motion.end(*file);
        }
        self.open_count.fetch_add(committed.reopened.len(), Ordering::Relaxed);
        for batch in &committed.cancelled {
            self.cancellations.begin(*batch);
        }
        for batch in &committed.completed {
            self.cancellations.end(*batch);
            self.completions.complete(*batch);
            self.open_count.fetch_sub(1, Ordering::Relaxed);
        }
        if !committed.completed.is_empty() {
            self.news.notify_one();
        }
    }

    pub(super) fn mark_broken(&self, reason: JobLogError) {
        // The first reason is the one that counts.
        let _ = self.broken.set(reason);
    }

    pub(super) fn trouble(&self) -> Option<JobLogError> {
        self.broken.get().copied()
    }

    /// Writes one entry. Not flushed: the seals or the next start bring it again if a crash takes it.
    #[expect(clippy::disallowed_methods, reason = "a start brings it again if it is lost, so it needs no flush")]
    pub(super) fn insert(&self, key: Vec<u8>, value: &[u8]) -> Result<(), JobLogError> {
        self.db.insert(key, value).map(|_| ()).map_err(|error| JobLogError::from_sled(&error))
    }

    #[cfg(test)]
    pub(super) fn put(&self, key: Vec<u8>, value: &[u8]) -> Result<(), JobLogError> {
        self.insert(key, value)
    }

    #[cfg(test)]
    pub(super) fn take(&self, key: &[u8]) -> Result<(), JobLogError> {
        self.db.remove(key).map(|_| ()).map_err(|error| JobLogError::from_sled(&error))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, JobLogError> {
        self.db.get(key).map_err(|error| JobLogError::from_sled(&error))
    }

    fn keys<T>(&self, prefix: &[u8], decode: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, JobLogError> {
        let key = |entry: sled::Result<sled::IVec>| {
            let key = entry.map_err(|error| JobLogError::from_sled(&error))?;
            decode(&key).ok_or(JobLogError::Damaged)
        };
        self.db.scan_prefix(prefix).keys().map(key).collect()
    }
}
