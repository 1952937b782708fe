//! What a key is, by its first byte and its length: the check of a start takes nothing else for one of ours.

use super::{
    BATCH, CLAIM, DOOMED, DUE, EVENT, IDEMPOTENCY, KEPT, LOAN, MARK_OF_EVENT, MARK_OF_LOAN, META, OPEN, OWNED,
    RECORD_OF_BATCH, RECORD_OF_FILE, SEGMENT, digest_of, event_of, loan_of, window_of,
};
use crate::batch::{BATCH_FILES_LIMIT, BatchId, FileId};
use crate::joblog::StoreName;
use crate::spool::Sha256Digest;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Batch(BatchId),
    File(FileId),
    /// A mark that events of the batch lie under an id.
    EventMark(BatchId),
    Claim(u64),
    Doomed(BatchId),
    Due(BatchId),
    Events(u64),
    Idempotency(Sha256Digest),
    /// A number of eight bytes.
    Number,
    Open(BatchId),
    Segment(BatchId),
    Owned(BatchId),
    Kept,
    /// A loan of this borrower's.
    Loan(FileId),
    /// A mark that this borrower has a loan.
    LoanMark(FileId),
}

/// Reads any key; none when it is not one of ours.
pub fn parse(key: &[u8]) -> Option<Key> {
    let (kind, rest) = key.split_first()?;
    let batch = |bytes: &[u8]| Some(BatchId::from_bytes(bytes.try_into().ok()?));
    let is_store = |store: u8| [StoreName::Results as u8, StoreName::Spool as u8].contains(&store);
    match (*kind, rest.len()) {
        (BATCH, 17) if rest[16] == RECORD_OF_BATCH => batch(&rest[..16]).map(Key::Batch),
        (BATCH, 19) if rest[16] == RECORD_OF_FILE => {
            let index = usize::from(u16::from_be_bytes([rest[17], rest[18]]));
            (index < BATCH_FILES_LIMIT).then_some(Key::File(batch(&rest[..16])?.file(index)))
        }
        (BATCH, 25) if rest[16] == MARK_OF_EVENT => batch(&rest[..16]).map(Key::EventMark),
        (BATCH, 35) if rest[16] == MARK_OF_LOAN => {
            let index = usize::from(u16::from_be_bytes([rest[33], rest[34]]));
            (index < BATCH_FILES_LIMIT).then_some(Key::LoanMark(batch(&rest[..16])?.file(index)))
        }
        (CLAIM, 8) => window_of(key).map(Key::Claim),
        (DOOMED, 16) => batch(rest).map(Key::Doomed),
        (DUE, 24) => batch(&rest[8..]).map(Key::Due),
        (EVENT, 8) => event_of(key).map(Key::Events),
        (IDEMPOTENCY, 32) => digest_of(key).map(Key::Idempotency),
        (KEPT, 9) if is_store(rest[0]) => Some(Key::Kept),
        (LOAN, 32) => loan_of(key).map(|(_, _, borrower)| Key::Loan(borrower)),
        (META, _) => Some(Key::Number),
        (OPEN, 16) => batch(rest).map(Key::Open),
        (OWNED, length) if length == 17 + usize::from(*rest.first()?) => batch(&rest[length - 16..]).map(Key::Owned),
        (SEGMENT, 25) if is_store(rest[0]) => batch(&rest[9..]).map(Key::Segment),
        _ => None,
    }
}
