//! How keys are laid out: a batch's records lie together, batches in order of creation.
//!
//! | key | value |
//! |---|---|
//! | `b` batch 0 | the batch's record |
//! | `b` batch 1 index | a file's record; none while nothing has happened to the file |
//! | `c` window | a claim |
//! | `d` batch | nothing; the batch is being removed |
//! | `m` name | a checkpoint |
//! | `o` batch | nothing; the batch is open |
//! | `s` store segment batch | nothing; the batch has a region in the segment |
//!
//! Numbers are big-endian, so that their order is the keys' order.

use crate::batch::{BatchId, FileId};

use super::StoreName;

const BATCH: u8 = b'b';
const CLAIM: u8 = b'c';
const DOOMED: u8 = b'd';
const META: u8 = b'm';
const OPEN: u8 = b'o';
const SEGMENT: u8 = b's';

const RECORD_OF_BATCH: u8 = 0;
const RECORD_OF_FILE: u8 = 1;

pub fn batch(id: BatchId) -> Vec<u8> {
    join(&[&[BATCH], id.as_bytes(), &[RECORD_OF_BATCH]])
}

/// The prefix of all of a batch's records.
pub fn records(id: BatchId) -> Vec<u8> {
    join(&[&[BATCH], id.as_bytes()])
}

/// The prefix of a batch's file records.
pub fn files(id: BatchId) -> Vec<u8> {
    join(&[&[BATCH], id.as_bytes(), &[RECORD_OF_FILE]])
}

pub fn file(id: FileId) -> Vec<u8> {
    file_at(id.batch(), id.index())
}

/// The key of the file with this index; `index` may be one past the last, as the end of a range.
pub fn file_at(batch: BatchId, index: usize) -> Vec<u8> {
    let index = u16::try_from(index).expect("a file's index has 16 bits");
    join(&[&files(batch), &index.to_be_bytes()])
}

/// The index of the file whose record has this key.
pub fn index_of(key: &[u8]) -> Option<usize> {
    key.last_chunk().map(|bytes| usize::from(u16::from_be_bytes(*bytes)))
}

/// The batch that a record's key belongs to.
pub fn batch_of(key: &[u8]) -> Option<BatchId> {
    key.strip_prefix(&[BATCH])?.first_chunk().map(|bytes| BatchId::from_bytes(*bytes))
}

/// The first possible key of a batch's records, and the end of all batches' when there is no batch.
pub fn before(batch: Option<BatchId>) -> Vec<u8> {
    batch.map_or_else(|| vec![BATCH + 1], records)
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

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_and_its_files_lie_together_in_order() {
        let (older, newer) = (BatchId::new(), BatchId::new());
        let mut keys =
            vec![batch(newer), file(older.file(256)), batch(older), file(older.file(1)), file(newer.file(0))];
        keys.sort();
        let expected = [batch(older), file(older.file(1)), file(older.file(256)), batch(newer), file(newer.file(0))];
        assert_eq!(keys, expected);
    }

    #[test]
    fn what_goes_into_a_key_comes_out_of_it() {
        let id = BatchId::new();
        assert_eq!(index_of(&file(id.file(4711))), Some(4711));
        assert_eq!(batch_of(&file(id.file(4711))), Some(id));
        assert_eq!(window_of(&claim(12)), Some(12));
        assert_eq!(marked(&open(id)), Some(id));
    }
}
