//! Keys of loans: each loan lies under the place that is lent, and its mark among its borrower's records.

use super::{BATCH, Key, LOAN, MARK_OF_LOAN, join, parse};
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

/// The mark among a batch's records that one of its files has a loan there.
pub fn loan_mark(segment: u64, start: u64, borrower: FileId) -> Vec<u8> {
    let index = u16::try_from(borrower.index()).expect("a file's index has 16 bits");
    let place = [segment.to_be_bytes(), start.to_be_bytes()].concat();
    join(&[&loans_of(borrower.batch()), &place, &index.to_be_bytes()])
}

/// The prefix of the marks of a batch's loans.
pub fn loans_of(batch: BatchId) -> Vec<u8> {
    join(&[&[BATCH], batch.as_bytes(), &[MARK_OF_LOAN]])
}

/// The segment, first byte and borrower of a mark of a loan; none of any other key.
pub fn marked_loan(key: &[u8]) -> Option<(u64, u64, FileId)> {
    let Some(Key::LoanMark(borrower)) = parse(key) else { return None };
    let (segment, rest) = key[loans_of(borrower.batch()).len()..].split_first_chunk()?;
    Some((u64::from_be_bytes(*segment), u64::from_be_bytes(*rest.first_chunk()?), borrower))
}

/// The segment, first byte and borrower of a loan's key.
pub fn loan_of(key: &[u8]) -> Option<(u64, u64, FileId)> {
    let (segment, rest) = key.strip_prefix(&[LOAN])?.split_first_chunk()?;
    let (start, borrower) = rest.split_first_chunk()?;
    let borrower = FileId::from_bytes(borrower.try_into().ok()?)?;
    Some((u64::from_be_bytes(*segment), u64::from_be_bytes(*start), borrower))
}
