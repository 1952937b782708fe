//! How keys are laid out: a batch's records lie together, batches in order of creation.
//!
//! | key | value |
//! |---|---|
//! | `b` batch 0 | the batch's record |
//! | `b` batch 1 index | the records of neighbouring files, the first of which has that index; none while nothing has happened to them |
//! | `b` batch 2 event | nothing; events of the batch lie under this id |
//! | `b` batch 3 index | the loans of neighbouring files, the first of which has that index or the next that has a loan |
//! | `c` window | a claim |
//! | `d` batch | nothing; the batch is being removed |
//! | `e` event | events of one batch, by the id of the first |
//! | `h` time batch | nothing; the first of the batch's deliveries is due then |
//! | `i` digest | the batch that was handed in under the idempotency key with this digest |
//! | `k` store segment | nothing; the segment holds something unreadable that may have been acknowledged |
//! | `l` segment start file | the length of a loan; the file's bytes begin there and came with another file |
//! | `m` name | a checkpoint, the number of removals, or the last event's id |
//! | `o` batch | nothing; the batch is open |
//! | `s` store segment batch | nothing; the batch has a region in the segment |
//! | `w` length owner batch | nothing; the batch is this owner's |
//!
//! Numbers are big-endian, so that their order is the keys' order.

mod loan;
mod parse;

use std::ops::Bound;

use crate::batch::BatchId;

pub use self::loan::{loan, loan_of, loans, loans_from, loans_in, loans_of};
pub use self::parse::{Key, parse};
use super::StoreName;
use super::pack::Pack;
use crate::spool::Sha256Digest;

const BATCH: u8 = b'b';
const CLAIM: u8 = b'c';
const DOOMED: u8 = b'd';
const EVENT: u8 = b'e';
const DUE: u8 = b'h';
const IDEMPOTENCY: u8 = b'i';
const KEPT: u8 = b'k';
const LOAN: u8 = b'l';
const META: u8 = b'm';
const OPEN: u8 = b'o';
const SEGMENT: u8 = b's';
const OWNED: u8 = b'w';

const RECORD_OF_BATCH: u8 = 0;
const RECORDS_OF_FILES: u8 = 1;
const MARK_OF_EVENT: u8 = 2;
const LOANS_OF_FILES: u8 = 3;

pub fn batch(id: BatchId) -> Vec<u8> {
    join(&[&[BATCH], id.as_bytes(), &[RECORD_OF_BATCH]])
}

/// The prefix of all of a batch's records.
pub fn records(id: BatchId) -> Vec<u8> {
    join(&[&[BATCH], id.as_bytes()])
}

/// The key of the records of the files that are in a pack with the one with this index.
pub fn pack(batch: BatchId, index: usize) -> Vec<u8> {
    neighbours(batch, RECORDS_OF_FILES, Pack::first_of(index))
}

/// The key of what is one entry for neighbouring files, the first of which has the index `first`.
fn neighbours(batch: BatchId, kind: u8, first: usize) -> Vec<u8> {
    let first = u16::try_from(first).expect("a file's index has 16 bits");
    join(&[&[BATCH], batch.as_bytes(), &[kind], &first.to_be_bytes()])
}

/// The batch that a record's key belongs to.
pub fn batch_of(key: &[u8]) -> Option<BatchId> {
    key.strip_prefix(&[BATCH])?.first_chunk().map(|bytes| BatchId::from_bytes(*bytes))
}

/// The first possible key of a batch's records, and the end of all batches' when there is no batch.
pub fn before(batch: Option<BatchId>) -> Vec<u8> {
    batch.map_or_else(|| vec![BATCH + 1], records)
}

/// What lies behind all of a batch's records, and the beginning of all batches' when there is no batch.
pub fn after(batch: Option<BatchId>) -> Vec<u8> {
    batch.map_or_else(|| vec![BATCH], |id| join(&[&records(id), &[u8::MAX]]))
}

/// What every batch's key begins with.
pub const fn batches() -> [u8; 1] {
    [BATCH]
}

/// A range of keys.
pub type Piece = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Cuts all keys into `count` pieces, none of which divides a batch's records: equal ones if as many batches were made
/// at any time between the first and the last.
pub fn pieces(first: BatchId, last: BatchId, count: u8) -> Vec<Piece> {
    let [first, last] = [first, last].map(|id| u128::from_be_bytes(*id.as_bytes()));
    let step = last.saturating_sub(first) / u128::from(count);
    let cuts = (1..count).map(|cut| join(&[&[BATCH], &(first + step * u128::from(cut)).to_be_bytes()]));
    let ends = cuts.clone().map(Bound::Excluded).chain([Bound::Unbounded]);
    [Bound::Unbounded].into_iter().chain(cuts.map(Bound::Included)).zip(ends).collect()
}

pub fn claim(window: u64) -> Vec<u8> {
    join(&[&[CLAIM], &window.to_be_bytes()])
}

/// The prefix of all claims.
pub const fn claims() -> [u8; 1] {
    [CLAIM]
}

/// The window of a claim's key.
pub fn window_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

pub fn checkpoint(store: StoreName) -> Vec<u8> {
    join(&[&[META], b"checkpoint/", &[store as u8]])
}

pub fn doomed(id: BatchId) -> Vec<u8> {
    join(&[&[DOOMED], id.as_bytes()])
}

/// The key of the events whose first has this id.
pub fn event(first: u64) -> Vec<u8> {
    join(&[&[EVENT], &first.to_be_bytes()])
}

/// The prefix of all events.
pub const fn all_events() -> [u8; 1] {
    [EVENT]
}

/// The mark that events of a batch lie under an id.
pub fn event_mark(batch: BatchId, first: u64) -> Vec<u8> {
    join(&[&events_of(batch), &first.to_be_bytes()])
}

/// The prefix of the marks of a batch's events.
pub fn events_of(batch: BatchId) -> Vec<u8> {
    join(&[&[BATCH], batch.as_bytes(), &[MARK_OF_EVENT]])
}

/// The id of a key of events or of their mark.
pub fn event_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The id of a mark of events; none of any other key.
pub fn marked_event(key: &[u8]) -> Option<u64> {
    matches!(parse(key), Some(Key::EventMark(_))).then(|| event_of(key))?
}

/// Where the last event's id is noted.
pub fn last_event() -> Vec<u8> {
    join(&[&[META], b"events"])
}

/// That the first delivery of a batch is due at a time in milliseconds, by which such marks are in order.
pub fn due_at(due_ms: i64, batch: BatchId) -> Vec<u8> {
    join(&[&[DUE], &u64::try_from(due_ms).unwrap_or(0).to_be_bytes(), batch.as_bytes()])
}

/// The prefix of all such marks.
pub const fn dues() -> [u8; 1] {
    [DUE]
}

/// What lies behind all such marks.
pub const fn dues_end() -> [u8; 1] {
    [DUE + 1]
}

/// The time and the batch of such a mark.
pub fn due(key: &[u8]) -> Option<(i64, BatchId)> {
    let due_ms = u64::from_be_bytes(*key.strip_prefix(&[DUE])?.first_chunk()?);
    Some((i64::try_from(due_ms).unwrap_or(i64::MAX), marked(key)?))
}

/// The key of an idempotency key, of which there is only the digest.
pub fn idempotency(digest: &Sha256Digest) -> Vec<u8> {
    join(&[&[IDEMPOTENCY], digest])
}

/// The prefix of all idempotency keys.
pub const fn idempotencies() -> [u8; 1] {
    [IDEMPOTENCY]
}

/// The digest of a key that ends with one.
pub fn digest_of(key: &[u8]) -> Option<Sha256Digest> {
    key.last_chunk().copied()
}

pub fn kept(store: StoreName, segment: u64) -> Vec<u8> {
    join(&[&kept_prefix(store), &segment.to_be_bytes()])
}

/// The prefix of a store's segments that are kept although nothing in them can be read.
pub const fn kept_prefix(store: StoreName) -> [u8; 2] {
    [KEPT, store as u8]
}

/// The segment of a key that ends with one.
pub fn segment_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The store and segment of a mark that a batch has a region there.
pub fn place_of(mark: &[u8]) -> Option<(StoreName, u64)> {
    let (store, rest) = mark.strip_prefix(&[SEGMENT])?.split_first()?;
    let store = [StoreName::Results, StoreName::Spool].into_iter().find(|known| *known as u8 == *store)?;
    Some((store, u64::from_be_bytes(*rest.first_chunk()?)))
}

pub fn removals() -> Vec<u8> {
    join(&[&[META], b"removals"])
}

/// The prefix of all batches that are being removed.
pub const fn dooms() -> [u8; 1] {
    [DOOMED]
}

pub fn open(id: BatchId) -> Vec<u8> {
    join(&[&[OPEN], id.as_bytes()])
}

/// The prefix of all open batches.
pub const fn opens() -> [u8; 1] {
    [OPEN]
}

/// The first key behind those of the open batches that are older than `batch`, or behind all of them.
pub fn open_before(batch: Option<BatchId>) -> Vec<u8> {
    batch.map_or_else(|| vec![OPEN + 1], open)
}

/// The batch of a key that is a prefix and a batch.
pub fn marked(key: &[u8]) -> Option<BatchId> {
    key.last_chunk().map(|bytes| BatchId::from_bytes(*bytes))
}

pub fn segment(store: StoreName, segment: u64, batch: BatchId) -> Vec<u8> {
    join(&[&segment_prefix(store, segment), batch.as_bytes()])
}

/// The prefix of the batches that are alive in a segment.
pub fn segment_prefix(store: StoreName, segment: u64) -> Vec<u8> {
    join(&[&[SEGMENT, store as u8], &segment.to_be_bytes()])
}

/// That a batch is an owner's, whose batches so lie together in order of creation.
pub fn owned(owner: &str, batch: BatchId) -> Vec<u8> {
    join(&[&owned_prefix(owner), batch.as_bytes()])
}

/// The prefix of an owner's batches. A name longer than any that the settings allow is cut.
pub fn owned_prefix(owner: &str) -> Vec<u8> {
    let length = u8::try_from(owner.len()).unwrap_or(u8::MAX);
    join(&[&[OWNED, length], &owner.as_bytes()[..usize::from(length)]])
}

/// The first key behind those of an owner's batches that are older than `batch`, or behind all of them.
pub fn owned_before(owner: &str, batch: Option<BatchId>) -> Vec<u8> {
    let end = [u8::MAX; size_of::<BatchId>() + 1];
    batch.map_or_else(|| join(&[&owned_prefix(owner), &end]), |batch| owned(owner, batch))
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use std::ops::RangeBounds;

    use super::*;

    #[test]
    fn a_batch_and_its_files_lie_together_in_order() {
        let (older, newer) = (BatchId::new(), BatchId::new());
        let mut keys = vec![batch(newer), pack(older, 256), batch(older), pack(older, 1), pack(newer, 0)];
        keys.sort();
        let expected = [batch(older), pack(older, 0), pack(older, 256), batch(newer), pack(newer, 15)];
        assert_eq!(keys, expected);
    }

    #[test]
    fn pieces_hold_every_key_once_and_a_batch_in_one() {
        let mut batches: Vec<BatchId> = (0..9).map(|_| BatchId::new()).collect();
        batches.sort_unstable();
        let records = batches.iter().flat_map(|id| [batch(*id), pack(*id, 0), pack(*id, 9_999)]);
        let others = [claim(0), open(batches[0]), vec![], vec![0xff; 20]];
        let keys: Vec<Vec<u8>> = records.chain(others).collect();
        for (first, last) in [(batches[0], batches[8]), (batches[4], batches[4])] {
            let pieces = pieces(first, last, 5);
            let piece_of = |key: &Vec<u8>| {
                let holding: Vec<usize> = (0..5).filter(|at| pieces[*at].contains(key)).collect();
                assert_eq!(holding.len(), 1, "{key:?}");
                holding[0]
            };
            let found: Vec<usize> = keys.iter().map(piece_of).collect();
            assert!(found[..27].chunks(3).all(|records| records.iter().all(|piece| *piece == records[0])));
        }
    }

    #[test]
    fn an_owners_batches_lie_together_and_nobody_elses_among_them() {
        let (older, newer) = (BatchId::new(), BatchId::new());
        let keys = [owned("a", older), owned("a", newer), owned("b", older), owned("a0", older)];
        assert!(keys.is_sorted());
        assert!(keys[1] < owned_before("a", None) && owned_before("a", None) < keys[2]);
        assert!(keys[0] < owned_before("a", Some(newer)) && owned_before("a", Some(newer)) <= keys[1]);
        assert!(!keys[3].starts_with(&owned_prefix("a")));
    }

    #[test]
    fn what_goes_into_a_key_comes_out_of_it() {
        let id = BatchId::new();
        assert_eq!(batch_of(&pack(id, 4711)), Some(id));
        assert_eq!(window_of(&claim(12)), Some(12));
        assert_eq!(marked(&open(id)), Some(id));
        assert_eq!(due(&due_at(1_795_527_070_080, id)), Some((1_795_527_070_080, id)));
        assert!(due_at(9, BatchId::new()) < due_at(10, id), "what is due first comes first");
        assert_eq!(segment_of(&kept(StoreName::Spool, 7)), Some(7));
        assert_eq!(place_of(&segment(StoreName::Results, 8, id)), Some((StoreName::Results, 8)));
        assert_eq!(place_of(&open(id)), None);
        assert_eq!(loan_of(&loan(7, 8, id.file(9))), Some((7, 8, id.file(9))));
        assert_eq!((event_of(&event(5)), event_of(&event_mark(id, 6))), (Some(5), Some(6)));
        assert_eq!((marked_event(&event_mark(id, 6)), marked_event(&pack(id, 6))), (Some(6), None));
    }

    #[test]
    fn a_key_is_known_by_its_form_and_nothing_else_is_one() {
        let id = BatchId::new();
        let known = [
            (batch(id), Key::Batch(id)),
            (pack(id, 35), Key::Files(id.file(32))),
            (claim(3), Key::Claim(3)),
            (doomed(id), Key::Doomed(id)),
            (due_at(5, id), Key::Due(id)),
            (event(77), Key::Events(77)),
            (event_mark(id, 77), Key::EventMark(id)),
            (last_event(), Key::Number),
            (idempotency(&[7; 32]), Key::Idempotency([7; 32])),
            (kept(StoreName::Results, 1), Key::Kept),
            (loan(7, 8, id.file(9)), Key::Loan(id.file(9))),
            (loans(id, 9), Key::Loans(id.file(9))),
            (checkpoint(StoreName::Spool), Key::Number),
            (removals(), Key::Number),
            (open(id), Key::Open(id)),
            (segment(StoreName::Spool, 5, id), Key::Segment(id)),
            (owned("local", id), Key::Owned(id)),
        ];
        for (key, what) in known {
            assert_eq!(parse(&key), Some(what));
            if what != Key::Number {
                assert_eq!(parse(&key[..key.len() - 1]), None, "{what:?} cut short");
            }
        }
        assert_eq!(parse(b"x"), None);
        assert_eq!(parse(b""), None);
    }
}
