//! What a key is, by its first byte and its length: the check of a start takes nothing else for one of ours.

use super::{
    BATCH, CLAIM, DOOMED, DUE, EVENT, IDEMPOTENCY, KEPT, LOAN, LOANS_OF_FILES, MARK_OF_EVENT, META, OPEN, OWNED,
    RECORD_OF_BATCH, RECORDS_OF_FILES, SEGMENT, digest_of, event_of, loan_of, window_of,
};
use crate::batch::{BATCH_FILES_LIMIT, BatchId, FileId};
use crate::joblog::StoreName;
use crate::joblog::pack::Pack;
use crate::spool::Sha256Digest;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Batch(BatchId),
    /// The records of neighbouring files, of whose pack this is the first.
    Files(FileId),
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
    /// The loans of neighbouring files, of which this is the first.
    Loans(FileId),
}

/// Reads any key; none when it is not one of ours.
pub fn parse(key: &[u8]) -> Option<Key> {
    let (kind, rest) = key.split_first()?;
    let batch = |bytes: &[u8]| Some(BatchId::from_bytes(bytes.try_into().ok()?));
    let is_store = |store: u8| [StoreName::Results as u8, StoreName::Spool as u8].contains(&store);
    match (*kind, rest.len()) {
        (BATCH, 17) if rest[16] == RECORD_OF_BATCH => batch(&rest[..16]).map(Key::Batch),
        (BATCH, 19) if [RECORDS_OF_FILES, LOANS_OF_FILES].contains(&rest[16]) => {
            let index = usize::from(u16::from_be_bytes([rest[17], rest[18]]));
            let first = (index < BATCH_FILES_LIMIT).then_some(batch(&rest[..16])?.file(index))?;
            match rest[16] {
                LOANS_OF_FILES => Some(Key::Loans(first)),
                _ => (Pack::first_of(index) == index).then_some(Key::Files(first)),
            }
        }
        (BATCH, 25) if rest[16] == MARK_OF_EVENT => batch(&rest[..16]).map(Key::EventMark),
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
