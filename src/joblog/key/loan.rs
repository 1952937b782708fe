//! Keys of loans: each loan lies under the place that is lent, and once more with its neighbours among its batch's records.

use super::{BATCH, LOAN, LOANS_OF_FILES, join, neighbours};
use crate::batch::{BatchId, FileId};

/// That a file's bytes begin there, and came with another file.
pub fn loan(segment: u64, start: u64, borrower: FileId) -> Vec<u8> {
    join(&[&loans_from(segment, start), borrower.as_bytes()])
}

/// The prefix of the loans in a segment.
pub fn loans_in(segment: u64) -> Vec<u8> {
    join(&[&[LOAN], &segment.to_be_bytes()])
}

/// The first key of a segment's loans that begin at `start` or behind it.
pub fn loans_from(segment: u64, start: u64) -> Vec<u8> {
    join(&[&loans_in(segment), &start.to_be_bytes()])
}

/// The key of the loans of neighbouring files, the first of which is the one with the index `first`.
pub fn loans(batch: BatchId, first: usize) -> Vec<u8> {
    neighbours(batch, LOANS_OF_FILES, first)
}

/// The prefix of the loans of a batch's files.
pub fn loans_of(batch: BatchId) -> Vec<u8> {
    join(&[&[BATCH], batch.as_bytes(), &[LOANS_OF_FILES]])
}

/// The segment, first byte and borrower of a loan's key.
pub fn loan_of(key: &[u8]) -> Option<(u64, u64, FileId)> {
    let (segment, rest) = key.strip_prefix(&[LOAN])?.split_first_chunk()?;
    let (start, borrower) = rest.split_first_chunk()?;
    let borrower = FileId::from_bytes(borrower.try_into().ok()?)?;
    Some((u64::from_be_bytes(*segment), u64::from_be_bytes(*start), borrower))
}
