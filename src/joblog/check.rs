//! The check of every start: one walk over everything that the log says.
//!
//! sled has opened damaged logs without a word, with their newest changes gone or with pages that it misses only when
//! they are read. So every page is read and every record decoded, and what two places say of one thing is compared: a
//! batch's tally with its files' ends, its record with the marks that it is open, doomed, or in a segment, and its key. What
//! sled loses is a range of keys, and those lie far apart. A log of a million files takes a second or two, so the walk is
//! shared.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use derive_more::Display;

pub use self::marks::Stray;
pub(super) use self::marks::Sum;
use self::marks::{compare_marks, marks_of};
pub use self::named::NamedGroups;
use super::event::{EVENTS_RECORD_MAX, EventsRecord};
use super::key::{self, Key, Piece};
use super::loans::read_loans;
use super::pack::Pack;
use super::record::{self, BatchRecord, Claim};
use super::{Holdings, Index, JobLogError, KeyedBatch, StoreName};
use crate::batch::{BatchId, FileId, Tally};
use crate::spool::Sha256Digest;

mod marks;
mod named;

/// Faults that are told; a log with more is no better known by them.
const FAULTS_MAX: usize = 1000;

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    pub batches: u64,
    /// Files with an outcome of their own; those that were refused while they arrived have none.
    pub outcomes: u64,
    pub claims: u64,
    /// What each owner holds.
    pub holdings: Holdings,
    pub named: NamedGroups,
    /// Batches that are marked and have no record: a crash cut their entering short.
    pub strays: Vec<Stray>,
    /// Idempotency keys, as digests, whose batch does not name them: a crash cut that short.
    pub stray_keys: Vec<(Sha256Digest, BatchId)>,
    /// What cannot be true of a log that is whole.
    pub faults: Vec<Fault>,
}

/// A sign of damage. Each is a sentence without its full stop.
#[derive(Debug, Display, Clone, PartialEq, Eq)]
pub enum Fault {
    #[display("the job log's database cannot be read to its end")]
    Database,
    #[display("the job log has an entry that is none of ours")]
    Key,
    #[display("the record of batch {_0} cannot be read")]
    Batch(BatchId),
    #[display("the records of the files from {_0} on cannot be read")]
    Files(FileId),
    #[display("the claim of window {_0} cannot be read")]
    Claim(u64),
    #[display("the events from {_0} on cannot be read")]
    Events(u64),
    #[display("an idempotency key of the job log cannot be read")]
    IdempotencyKey,
    #[display("a number of the job log cannot be read")]
    Number,
    #[display("batch {_0} counts other outcomes than its files have")]
    Count(BatchId),
    #[display("files from {_0} on have a record, and their batch has none")]
    Ownerless(FileId),
    #[display("batch {_0} is marked otherwise than its record says")]
    Mark(BatchId),
}

/// Threads that share a walk, and the pieces that it is cut into for them.
const THREADS_MAX: usize = 4;
const PIECES: u8 = 64;

/// Walks over the whole log. A panic of the database is a fault, too.
pub fn check(index: &Index) -> Checked {
    let checked = catch_unwind(AssertUnwindSafe(|| check_all(index)));
    checked
        .unwrap_or(Err(JobLogError::Damaged))
        .unwrap_or_else(|_| Checked { faults: vec![Fault::Database], ..Checked::default() })
}

fn check_all(index: &Index) -> Result<Checked, JobLogError> {
    let queue = Mutex::new(index.pieces(PIECES)?.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    // One that cannot be read is found on the way.
    let checkpoint = index.checkpoint(StoreName::Results).unwrap_or_default();
    let share = || {
        let mut walk = Walk::from(checkpoint);
        while let Some(piece) = next() {
            walk.over(index, piece)?;
        }
        Ok::<_, JobLogError>(walk)
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
    let mut whole = Walk::from(checkpoint);
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
        shares.into_iter().try_for_each(|share| {
            whole.add(share.join().unwrap_or(Err(JobLogError::Damaged))?);
            Ok::<_, JobLogError>(())
        })
    })?;
    if whole.checked.faults.is_empty() && whole.expected != whole.found {
        compare_marks(index, &mut whole.checked)?;
    }
    Ok(whole.checked)
}

/// A walk under way.
#[derive(Default)]
struct Walk {
    checked: Checked,
    /// The batch whose records come now.
    group: Option<Group>,
    /// The marks that the records call for, and those that are there.
    expected: Sum,
    found: Sum,
}

/// A batch and what its files' records have shown so far.
struct Group {
    id: BatchId,
    record: Option<BatchRecord>,
    ends: Tally,
    /// The segments that its files' loans lie in, and their results.
    loans: BTreeSet<u64>,
    results: BTreeSet<u64>,
    has_events: bool,
}

impl Walk {
    /// A walk that notes the groups of results from the checkpoint on.
    fn from(checkpoint: u64) -> Self {
        Self { checked: Checked { named: NamedGroups::from(checkpoint), ..Checked::default() }, ..Self::default() }
    }

    fn over(&mut self, index: &Index, piece: Piece) -> Result<(), JobLogError> {
        for entry in index.db.range(piece) {
            let (key, value) = entry.map_err(|error| JobLogError::from_sled(&error))?;
            self.visit(&key, &value);
            if self.checked.faults.len() >= FAULTS_MAX {
                return Ok(());
            }
        }
        self.close_group();
        Ok(())
    }

    /// Adds what was seen on another walk, over other pieces.
    fn add(&mut self, other: Self) {
        let Checked { batches, outcomes, claims, holdings, named, strays, stray_keys, faults } = other.checked;
        self.checked.batches += batches;
        self.checked.outcomes += outcomes;
        self.checked.claims += claims;
        self.checked.holdings.add_all(holdings);
        self.checked.named.join(named);
        self.checked.strays.extend(strays);
        self.checked.stray_keys.extend(stray_keys);
        self.checked.faults.extend(faults);
        self.expected.join(&other.expected);
        self.found.join(&other.found);
    }

    fn visit(&mut self, key: &[u8], value: &[u8]) {
        match key::parse(key) {
            Some(Key::Batch(id)) => self.visit_batch(id, value),
            Some(Key::Files(first)) => self.visit_files(first, value),
            Some(Key::Claim(window)) => {
                self.checked.claims += 1;
                self.note(record::decode::<Claim>(value).is_ok(), || Fault::Claim(window));
            }
            Some(Key::Events(first)) => self.visit_events(first, value),
            Some(Key::EventMark(id)) => self.visit_event_mark(id, key),
            Some(Key::Number) => self.note(value.len() == 8, || Fault::Number),
            Some(Key::Open(_) | Key::Doomed(_) | Key::Due(_) | Key::Segment(_) | Key::Owned(_)) => {
                self.found.add(key);
            }
            Some(Key::Idempotency(digest)) => match record::decode::<KeyedBatch>(value) {
                Ok(keyed) => self.found.add_key(&digest, keyed.batch),
                Err(_) => self.note(false, || Fault::IdempotencyKey),
            },
            Some(Key::Loan(_)) => self.found.add_entry(key, value),
            Some(Key::Loans(first)) => self.visit_loans(first, value),
            Some(Key::Kept) => {}
            None => self.note(false, || Fault::Key),
        }
    }

    fn visit_batch(&mut self, id: BatchId, value: &[u8]) {
        self.close_group();
        self.checked.batches += 1;
        let record: Option<BatchRecord> = record::decode(value).ok();
        self.note(record.is_some(), || Fault::Batch(id));
        if let Some(record) = &record {
            self.checked.holdings.add(record);
        }
        let (ends, loans, results) = Default::default();
        self.group = Some(Group { id, record, ends, loans, results, has_events: false });
    }

    fn visit_files(&mut self, first: FileId, value: &[u8]) {
        let Some(group) = self.group.as_mut().filter(|group| group.id == first.batch()) else {
            return self.note(false, || Fault::Ownerless(first));
        };
        let Ok(pack) = Pack::read(value, first.index()) else {
            return self.note(false, || Fault::Files(first));
        };
        for end in pack.into_records().filter_map(|(_, record)| record.end) {
            group.ends.count(end.outcome.state());
            group.results.insert(end.results.segment);
            self.checked.named.count(end.results);
            self.checked.outcomes += 1;
        }
    }

    fn visit_events(&mut self, first: u64, value: &[u8]) {
        let record = record::decode::<EventsRecord>(value).ok();
        let is_sound = |record: &EventsRecord| {
            (1..=EVENTS_RECORD_MAX).contains(&record.events.len()) && first < u64::MAX - EVENTS_RECORD_MAX as u64
        };
        match record.filter(is_sound) {
            Some(record) => self.expected.add(&key::event_mark(record.batch, first)),
            None => self.note(false, || Fault::Events(first)),
        }
    }

    fn visit_event_mark(&mut self, id: BatchId, key: &[u8]) {
        self.found.add(key);
        match self.group.as_mut().filter(|group| group.id == id) {
            Some(group) => group.has_events = true,
            None => self.note(false, || Fault::Mark(id)),
        }
    }

    /// A batch without a record may have loans: a crash cut its entering short.
    fn visit_loans(&mut self, first: FileId, value: &[u8]) {
        let id = first.batch();
        let Ok(loans) = read_loans(value, first.index()) else {
            return self.note(false, || Fault::Mark(id));
        };
        for (key, length) in loans.iter().map(|loan| loan.by_place(id)) {
            self.expected.add_entry(&key, &length);
        }
        if let Some(group) = self.group.as_mut().filter(|group| group.id == id) {
            group.loans.extend(loans.iter().map(|loan| loan.extent.segment));
        }
    }

    /// Compares the batch whose records have all come with its files, and notes the marks that it calls for.
    fn close_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        let Group { id, record: Some(record), ends, loans, results, has_events } = group else { return };
        self.note(counts_agree(&record, &ends), || Fault::Count(id));
        self.note(record.is_told == has_events, || Fault::Mark(id));
        for mark in marks_of(id, &record, &loans, &results) {
            self.expected.add(&mark);
        }
        record.superseded.iter().for_each(|group| self.checked.named.add(*group));
        if let Some(digest) = record.idempotency_key {
            self.expected.add_key(&digest, id);
        }
    }

    fn note(&mut self, holds: bool, fault: impl FnOnce() -> Fault) {
        if !holds {
            self.checked.faults.push(fault());
        }
    }
}

/// Whether a batch's tally is that of its files' ends, and of those that were refused, which have no record of their own.
fn counts_agree(record: &BatchRecord, ends: &Tally) -> bool {
    let Tally { total, succeeded, failed, rejected, cancelled } = record.tally;
    total == record.seal.entries
        && (succeeded, failed, cancelled) == (ends.succeeded, ends.failed, ends.cancelled)
        && u64::from(rejected) == u64::from(ends.rejected) + record.refused.len() as u64
        && record.tally.done() <= total
        && record.finished_ms.is_some() == (record.tally.done() == total)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::joblog::{Change, JobLog};
    use crate::spool::{FrameRef, Idempotency, SealHeader, SealedBatch, SealedFile};

    fn open(dir: &TempDir) -> JobLog {
        JobLog::open(dir.path(), Arc::new(|_| {})).unwrap()
    }

    fn sealed(segment: u64) -> SealedBatch {
        let batch = BatchId::new();
        let idempotency = Some(Idempotency { key: [u8::try_from(segment).unwrap(); 32], fingerprint: [9; 32] });
        let header = SealHeader { idempotency, ..SealHeader::plain(batch, "local") };
        let seal = FrameRef { segment, region: 4096, frame: 8192, length: 100, header_length: 10, entries: 2 };
        SealedBatch { header, seal, files: vec![SealedFile::default(); 2] }
    }

    #[test]
    fn a_log_that_is_whole_has_no_faults_and_one_batch_that_is_half_there_is_a_stray() {
        let dir = TempDir::new().unwrap();
        let log = open(&dir);
        log.enter(&sealed(1), true).unwrap();
        let half = sealed(2);
        log.enter_in_part(&half).unwrap();
        let checked = log.check();
        assert_eq!((checked.batches, checked.faults), (1, Vec::new()));
        let id = half.header.batch;
        let owned = Some(key::owned("local", id));
        assert_eq!(checked.strays, [Stray { batch: id, spool: vec![2], results: Vec::new(), owned }]);
    }

    #[test]
    fn a_due_delivery_is_marked_at_its_time_and_nowhere_else() {
        let dir = TempDir::new().unwrap();
        let log = open(&dir);
        let batch = sealed(1);
        let id = batch.header.batch;
        log.enter(&batch, true).unwrap();
        let mut record = log.batch(id).unwrap().unwrap();
        record.webhooks.url = Some("https://example.org/".into());
        record.webhooks.complete(record.tally, i64::MAX, None);
        let due_ms = record.webhooks.due_ms().unwrap();
        log.index.put(key::batch(id), &record::encode(&record)).unwrap();
        assert_eq!(log.check().faults, [Fault::Mark(id)], "its mark is missing");
        log.index.put(key::due_at(due_ms + 1, id), &[]).unwrap();
        assert!(log.check().faults.contains(&Fault::Mark(id)), "its mark is at another time");
        log.index.put(key::due_at(due_ms, id), &[]).unwrap();
        assert_eq!(log.check().faults, [Fault::Mark(id)], "it has two");
        log.index.take(&key::due_at(due_ms + 1, id)).unwrap();
        assert_eq!(log.check().faults, []);
        assert_eq!(log.batches_to_tell(None, 9), Ok(vec![(due_ms, id)]));
        assert_eq!(log.batches_to_tell(Some((due_ms, id)), 9), Ok(vec![]));
    }

    #[tokio::test]
    async fn each_entry_that_is_changed_or_gone_is_noticed() {
        let dir = TempDir::new().unwrap();
        let log = open(&dir);
        let batch = sealed(1);
        let id = batch.header.batch;
        log.enter(&batch, true).unwrap();
        log.commit(vec![Change::Tell { batch: id }]).await.unwrap();
        log.index.put(key::removals(), &[0; 8]).unwrap();
        let entries: Vec<_> = log.index.db.iter().map(Result::unwrap).collect();
        for (key, value) in entries {
            log.index.take(&key).unwrap();
            let checked = log.check();
            let is_number = key::parse(&key) == Some(Key::Number);
            let is_noticed = !checked.faults.is_empty() || !checked.strays.is_empty();
            assert!(is_noticed != is_number, "{:?} is gone", key::parse(&key));
            log.index.put(key.to_vec(), &[value.as_ref(), b"?"].concat()).unwrap();
            let is_mark =
                matches!(key::parse(&key), Some(Key::Open(_) | Key::Segment(_) | Key::Owned(_) | Key::EventMark(_)));
            assert!(log.check().faults.is_empty() == is_mark, "{:?} is longer", key::parse(&key));
            log.index.put(key.to_vec(), &value).unwrap();
        }
        let ownerless = record::encode(&Pack::default());
        log.index.put(key::pack(BatchId::new(), 0), &ownerless).unwrap();
        log.index.put(key::pack(id, 0), b"torn").unwrap();
        log.index.put(b"x".to_vec(), b"").unwrap();
        let faults = log.check().faults;
        assert!(faults.contains(&Fault::Files(id.file(0))) && faults.contains(&Fault::Key), "{faults:?}");
        assert!(faults.iter().any(|fault| matches!(fault, Fault::Ownerless(_))), "{faults:?}");
    }
}
