//! Packs: the records of neighbouring files of a batch, which are one entry of the log.
//!
//! sled takes time and memory for each entry, at a write, at a start and at rest, and a batch has up to ten thousand files
//! whose outcomes come close to each other. So what one flush makes durable of neighbours is written once, and a start walks
//! over a sixteenth of the entries.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::record::{self, FileRecord};
use super::{Index, JobLogError, key};
use crate::batch::{BatchId, FileId};

/// Files whose records are one entry. More of them make fewer entries; and more bytes to be written again for each outcome
/// that comes alone.
pub const PACK_FILES: usize = 16;

/// Records of neighbouring files, by index; none of a file to which nothing has happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    records: BTreeMap<u16, FileRecord>,
}

impl Pack {
    /// The index of the first file whose record is in the pack of the file with this index.
    #[must_use]
    pub const fn first_of(index: usize) -> usize {
        index - index % PACK_FILES
    }

    /// Reads the pack that begins with the file with the index `first`.
    ///
    /// # Errors
    /// [`JobLogError::Damaged`] when it cannot be read, or is another one.
    pub fn read(bytes: &[u8], first: usize) -> Result<Self, JobLogError> {
        let pack: Self = record::decode(bytes)?;
        if pack.is_of(first) { Ok(pack) } else { Err(JobLogError::Damaged) }
    }

    /// Whether these are records of files of the pack that begins with the file with the index `first`.
    fn is_of(&self, first: usize) -> bool {
        let is_within = |index: &u16| Self::first_of(usize::from(*index)) == first;
        !self.records.is_empty() && self.records.keys().all(is_within)
    }

    /// The record of the file with this index, if anything has happened to it.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&FileRecord> {
        self.records.get(&u16::try_from(index).ok()?)
    }

    /// Puts the record of a file in its place.
    ///
    /// # Panics
    /// Never: a file's index has 16 bits.
    pub fn put(&mut self, index: usize, record: FileRecord) {
        self.records.insert(u16::try_from(index).expect("a file's index has 16 bits"), record);
    }

    /// The records with the index of their file.
    pub fn into_records(self) -> impl Iterator<Item = (usize, FileRecord)> {
        self.records.into_iter().map(|(index, record)| (usize::from(index), record))
    }
}

/// Packs that have been looked at, by their batch and first file, with what is to be written of them.
pub struct Packs<'a> {
    index: &'a Index,
    seen: HashMap<(BatchId, usize), Seen>,
}

#[derive(Default)]
struct Seen {
    pack: Pack,
    is_changed: bool,
}

impl<'a> Packs<'a> {
    pub fn new(index: &'a Index) -> Self {
        Self { index, seen: HashMap::new() }
    }

    fn of(&mut self, file: FileId) -> Result<&mut Seen, JobLogError> {
        let place = (file.batch(), Pack::first_of(file.index()));
        Ok(match self.seen.entry(place) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let pack = self.index.pack(file.batch(), file.index())?.unwrap_or_default();
                entry.insert(Seen { pack, is_changed: false })
            }
        })
    }

    /// A file's record; an empty one while nothing has happened to it.
    pub fn get(&mut self, file: FileId) -> Result<FileRecord, JobLogError> {
        Ok(self.of(file)?.pack.get(file.index()).cloned().unwrap_or_default())
    }

    pub fn put(&mut self, file: FileId, record: FileRecord) -> Result<(), JobLogError> {
        let seen = self.of(file)?;
        seen.pack.put(file.index(), record);
        seen.is_changed = true;
        Ok(())
    }

    /// Leaves out a batch of which nothing stays.
    pub fn forget(&mut self, batch: BatchId) {
        self.seen.retain(|(seen, _), _| *seen != batch);
    }

    /// Adds what has changed to what is about to be applied.
    pub fn write(self, into: &mut sled::Batch) {
        for ((batch, first), Seen { pack, is_changed }) in self.seen {
            if is_changed {
                into.insert(key::pack(batch, first), record::encode(&pack));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_put_in_order_and_found_again() {
        let record = |attempts| FileRecord { attempts, ..FileRecord::default() };
        let mut pack = Pack::default();
        assert!(!pack.is_of(16), "an empty pack is never written");
        for (index, attempts) in [(31, 1), (16, 2), (20, 3), (16, 4)] {
            pack.put(index, record(attempts));
        }
        assert!(pack.is_of(16) && !pack.is_of(0));
        assert_eq!((pack.get(16), pack.get(17)), (Some(&record(4)), None));
        let expected = [(16, record(4)), (20, record(3)), (31, record(1))];
        assert!(pack.clone().into_records().eq(expected));
        pack.put(32, record(5));
        assert!(!pack.is_of(16), "it holds a file of the next pack");
    }

    #[test]
    fn each_file_is_in_the_pack_that_begins_at_or_before_it() {
        assert_eq!([0, 15, 16, 9_999].map(Pack::first_of), [0, 0, 16, 9_984]);
    }
}
