//! The number of removals that have begun, in a file beside the job log.
//!
//! A removal is the one thing that only the job log knows: from a seal that was erased nothing brings it back, and a log
//! that has lost its newest changes would show the batch again. So the number is made durable here after the log's own
//! and before anything is erased. A log with a smaller one has lost changes; one with a larger one was cut short by a
//! crash between the two.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::segment::sync_dir;
use crate::fault::{self, DurableStep};

const MAGIC: &[u8; 8] = b"CSGNREMV";
const RECORD_BYTES: usize = 20;

/// The file, and the number that is durable in it.
#[derive(Debug)]
pub struct Removals {
    path: PathBuf,
    /// None while there is no file, or none that can be believed.
    count: Mutex<Option<u64>>,
}

impl Removals {
    /// Reads the file of a data directory.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("REMOVALS");
        let count = match std::fs::read(&path) {
            Ok(bytes) => decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, count: Mutex::new(count) })
    }

    /// The number of removals; none when nothing that can be believed says it.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the file is there and says nothing that can be believed.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.count().is_none() && self.path.exists()
    }

    /// Makes a number durable; a smaller one than before changes nothing.
    ///
    /// # Errors
    /// When the file could not be written and synced.
    pub fn raise(&self, removals: u64) -> io::Result<()> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if count.is_some_and(|count| count >= removals) {
            return Ok(());
        }
        let is_new = !self.path.exists();
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        fault::write(DurableStep::RemovalCount, &file, &encode(removals), 0)?;
        file.sync_all()?;
        if let Some(dir) = self.path.parent().filter(|_| is_new) {
            sync_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })?;
        }
        *count = Some(removals);
        Ok(())
    }
}

fn encode(removals: u64) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &removals.to_le_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let bytes: &[u8; RECORD_BYTES] = bytes.try_into().ok()?;
    let (body, crc) = bytes.split_last_chunk()?;
    let is_sound = body.starts_with(MAGIC) && crc32fast::hash(body) == u32::from_le_bytes(*crc);
    is_sound.then(|| body.last_chunk().map(|count| u64::from_le_bytes(*count))).flatten()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_number_only_rises_and_outlives_its_writer() {
        let dir = TempDir::new().unwrap();
        let removals = Removals::open(dir.path()).unwrap();
        assert_eq!((removals.count(), removals.is_damaged()), (None, false));
        removals.raise(3).unwrap();
        removals.raise(2).unwrap();
        assert_eq!(Removals::open(dir.path()).unwrap().count(), Some(3));
    }

    #[test]
    fn any_flipped_bit_or_lost_byte_is_noticed() {
        let bytes = encode(7);
        assert_eq!(decode(&bytes), Some(7));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "a flip at {at} went unnoticed");
        }
    }
}
