//! The fuzz target `record`: whatever lies in the log is a record, and a sound one, or damaged.

use serde::{Serialize, de::DeserializeOwned};

use super::KeyedBatch;
use super::event::EventsRecord;
use super::loans::LoanRecord;
use super::pack::Pack;
use super::record::{self, BatchRecord, Claim};

/// A version and a checksum.
const HEAD_BYTES: usize = 5;

/// Reads the bytes as each kind of record, as they are and with a checksum that is right.
///
/// # Panics
/// When that does not hold.
pub fn record(bytes: &[u8]) {
    check(bytes);
    if let Some((head, body)) = bytes.split_at_checked(HEAD_BYTES) {
        check(&[&head[..1], &crc32fast::hash(body).to_le_bytes(), body].concat());
    }
}

/// Whether they are any record.
fn check(bytes: &[u8]) -> bool {
    let (keyed, batch) = (read::<KeyedBatch>(bytes), read::<BatchRecord>(bytes));
    let (pack, loans) = (read::<Pack>(bytes), read::<Vec<LoanRecord>>(bytes));
    let (events, claim) = (read::<EventsRecord>(bytes), read::<Claim>(bytes));
    let is_record = keyed.is_some() || batch.is_some() || pack.is_some() || loans.is_some();
    let is_record = is_record || events.is_some() || claim.is_some();
    for (_, record) in pack.into_iter().flat_map(Pack::into_records) {
        assert_eq!(record.state().is_terminal(), record.end.is_some());
    }
    if let Some(record) = events {
        let (first, count) = (1 << 20, record.events.len() as u64);
        assert!(record.numbered(first).map(|event| event.id).eq(first..first + count));
    }
    for claimed in claim.into_iter().flat_map(|claim| claim.files) {
        assert_eq!(claimed.file.batch().file(claimed.file.index()), claimed.file);
        for is_alone in [false, true] {
            let claim = Claim { files: Vec::new(), is_alone };
            assert!(claim.attempts_that_count(claimed) <= claimed.attempt);
        }
    }
    is_record
}

/// The record, if it is one; it is the same when it is written and read again.
fn read<R: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<R> {
    let read = record::decode::<R>(bytes).ok()?;
    assert_eq!(record::decode::<R>(&record::encode(&read)).as_ref(), Ok(&read));
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_fuzzing_begins_with_are_records_as_they_are_today() {
        let inputs = std::fs::read_dir("fuzz/corpus/record").unwrap();
        let read = inputs.map(|input| {
            let path = input.unwrap().path();
            assert!(check(&std::fs::read(&path).unwrap()), "{} is no record any more", path.display());
        });
        assert!(read.count() > 6);
    }
}
