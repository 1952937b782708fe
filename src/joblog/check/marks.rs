//! The marks beside a log's records: that a batch is open or doomed, has a delivery due, has a region in a segment or events
//! under an id, is known by a key. Each follows from a record, so that the sums of those called for and of those that are there agree.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Checked, Fault};
use crate::batch::BatchId;
use crate::joblog::event::EventsRecord;
use crate::joblog::key::{self, Key};
use crate::joblog::loans::read_loans;
use crate::joblog::record::{self, BatchRecord};
use crate::joblog::{Index, JobLogError, KeyedBatch, StoreName};

/// A batch without a record, and the segments that it is said to have regions in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    pub batch: BatchId,
    pub spool: Vec<u64>,
    pub results: Vec<u64>,
    /// The key that says whose it was to be.
    pub owned: Option<Vec<u8>>,
}

impl Stray {
    const fn of(batch: BatchId) -> Self {
        Self { batch, spool: Vec::new(), results: Vec::new(), owned: None }
    }
}

/// A sum over keys that does not depend on their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    pub fn add(&mut self, key: &[u8]) {
        self.add_entry(key, &[]);
    }

    /// Adds a key and what must stand under it.
    pub fn add_entry(&mut self, key: &[u8], value: &[u8]) {
        let mut hasher = DefaultHasher::new();
        (key, value).hash(&mut hasher);
        self.0 = self.0.wrapping_add(hasher.finish() | 1);
    }

    /// Adds the keys of another sum.
    pub fn join(&mut self, other: &Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

/// The marks that a batch must have.
pub fn marks_of(id: BatchId, record: &BatchRecord, loans: &BTreeSet<u64>, results: &BTreeSet<u64>) -> Vec<Vec<u8>> {
    let mut marks = vec![key::owned(&record.owner, id)];
    let spool: BTreeSet<u64> = loans.iter().copied().chain([record.seal.segment]).collect();
    marks.extend(spool.into_iter().map(|segment| key::segment(StoreName::Spool, segment, id)));
    let superseded = record.superseded.iter().map(|group| group.segment);
    let segments: BTreeSet<u64> = results.iter().copied().chain(superseded).collect();
    marks.extend(segments.into_iter().map(|segment| key::segment(StoreName::Results, segment, id)));
    if record.finished_ms.is_none() {
        marks.push(key::open(id));
    }
    if let Some(due_ms) = record.webhooks.due_ms() {
        marks.push(key::due_at(due_ms, id));
    }
    if record.is_doomed {
        marks.push(key::doomed(id));
    }
    marks
}

/// Whether a batch's record has its next delivery due when the mark says. Mark and record are written in one step, so that
/// one without the other is damage.
fn is_due(index: &Index, id: BatchId, mark: &[u8]) -> Result<bool, JobLogError> {
    let due_ms = index.batch(id)?.and_then(|record| record.webhooks.due_ms());
    Ok(due_ms.is_some_and(|due_ms| mark == key::due_at(due_ms, id)))
}

/// Looks for the marks that differ: those of no batch are strays, those that a batch lacks or must not have are faults.
/// One segment too many only keeps the segment.
pub fn compare_marks(index: &Index, checked: &mut Checked) -> Result<(), JobLogError> {
    let mut strays: BTreeMap<BatchId, Stray> = BTreeMap::new();
    for entry in index.db.iter() {
        let (key, value) = entry.map_err(|error| JobLogError::from_sled(&error))?;
        let (id, is_right) = match key::parse(&key) {
            Some(Key::Batch(id)) => {
                let record: BatchRecord = record::decode(&value)?;
                let ends = index.files(id, 0, record.seal.entries as usize)?.into_iter();
                let results = ends.filter_map(|(_, file)| Some(file.end?.results.segment)).collect();
                let loans = index.loans_of(id)?.into_iter().map(|loan| loan.extent.segment).collect();
                let mut is_right = index.has_its_key(id, &record)?;
                for mark in marks_of(id, &record, &loans, &results) {
                    is_right &= index.has(&mark)?;
                }
                (id, is_right)
            }
            Some(Key::Open(id)) => (id, index.batch(id)?.is_none_or(|record| record.finished_ms.is_none())),
            Some(Key::Doomed(id)) => (id, index.batch(id)?.is_none_or(|record| record.is_doomed)),
            Some(Key::Due(id)) => (id, is_due(index, id, &key)?),
            Some(Key::Segment(id)) => (id, true),
            // The loans among a batch's records come first, so that a crash leaves them without those by their places, and
            // then the batch without its record.
            Some(Key::Loan(borrower)) => {
                let (id, loan) = (borrower.batch(), index.loan_of(borrower)?);
                (id, loan.is_some_and(|loan| loan.by_place(id) == (key.to_vec(), value.to_vec())))
            }
            Some(Key::Loans(first)) => {
                let id = first.batch();
                let mut is_right = true;
                for loan in read_loans(&value, first.index())? {
                    is_right &= index.has(&loan.by_place(id).0)?;
                }
                (id, is_right || index.batch(id)?.is_none())
            }
            Some(Key::Owned(id)) => (id, index.batch(id)?.is_none_or(|record| key == key::owned(&record.owner, id))),
            Some(Key::Events(first)) => {
                let batch = record::decode::<EventsRecord>(&value)?.batch;
                (batch, index.has(&key::event_mark(batch, first))?)
            }
            Some(Key::EventMark(id)) => {
                let first = key::event_of(&key).ok_or(JobLogError::Damaged)?;
                (id, index.events_record(first)?.is_some_and(|record| record.batch == id))
            }
            Some(Key::Idempotency(digest)) => {
                let KeyedBatch { batch, .. } = record::decode(&value)?;
                if !index.is_named(&digest, batch)? {
                    checked.stray_keys.push((digest, batch));
                }
                continue;
            }
            _ => continue,
        };
        if !is_right {
            checked.faults.push(Fault::Mark(id));
        } else if index.batch(id)?.is_none() {
            let stray = strays.entry(id).or_insert_with(|| Stray::of(id));
            match (key::place_of(&key), key::parse(&key)) {
                (Some((StoreName::Spool, segment)), _) => stray.spool.push(segment),
                (Some((StoreName::Results, segment)), _) => stray.results.push(segment),
                (None, Some(Key::Owned(_))) => stray.owned = Some(key.to_vec()),
                (None, _) => {}
            }
        }
    }
    checked.strays = strays.into_values().collect();
    Ok(())
}
