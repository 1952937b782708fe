//! Which files have which digest: hints, in a tree of their own, by which files with the same bytes are found.
//!
//! A hint is believed as far as the seal and the record that it leads to say so. They are written without a flush and lag
//! behind: one that is missing costs a second copy, or a second reading of the same bytes, and nothing else.

use sha2::{Digest, Sha256};

use super::{Index, JobLog, JobLogError};
use crate::batch::FileId;
use crate::spool::Sha256Digest;

/// The tree of the hints.
pub(super) const TREE: &str = "digests";

/// Bytes of a digest that a hint has; the seals tell apart what these do not.
const PREFIX_BYTES: usize = 16;

/// Files that are told from either end of a list: of a thousand copies the first have ended, and the last are those that
/// were made with the settings of today.
const TOLD_MAX: usize = 8;

/// Whose bytes, and which.
fn prefix(owner: &str, sha256: &Sha256Digest) -> [u8; PREFIX_BYTES] {
    let digest = Sha256::new().chain_update(sha256).chain_update(owner).finalize();
    *digest.first_chunk().expect("a digest is longer")
}

fn hint(owner: &str, sha256: &Sha256Digest, file: FileId) -> Vec<u8> {
    [&prefix(owner, sha256)[..], file.as_bytes()].concat()
}

impl JobLog {
    /// Notes which digests files of an owner have.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub fn note_digests<'a>(
        &self,
        owner: &str,
        files: impl IntoIterator<Item = (FileId, &'a Sha256Digest)>,
    ) -> Result<(), JobLogError> {
        files.into_iter().try_for_each(|(file, sha256)| self.index.note_digest(hint(owner, sha256, file)))
    }

    /// Whether it is noted that a file of an owner has this digest.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn is_noted(&self, owner: &str, file: FileId, sha256: &Sha256Digest) -> Result<bool, JobLogError> {
        let noted = self.index.digests.contains_key(hint(owner, sha256, file));
        noted.map_err(|error| JobLogError::from_sled(&error))
    }

    /// Takes back what was noted of a file.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub fn forget_digest(&self, owner: &str, sha256: &Sha256Digest, file: FileId) -> Result<(), JobLogError> {
        let removed = self.index.digests.remove(hint(owner, sha256, file));
        removed.map(|_| ()).map_err(|error| JobLogError::from_sled(&error))
    }

    /// Some files of an owner that may have these bytes, the oldest and the newest among them, without one that is known.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn files_with(
        &self,
        owner: &str,
        sha256: &Sha256Digest,
        known: Option<FileId>,
    ) -> Result<Vec<FileId>, JobLogError> {
        let file = |key: sled::Result<sled::IVec>| {
            let key = key.map_err(|error| JobLogError::from_sled(&error))?;
            key.last_chunk().and_then(|bytes| FileId::from_bytes(*bytes)).ok_or(JobLogError::Damaged)
        };
        let hints = || self.index.digests.scan_prefix(prefix(owner, sha256)).keys();
        let mut files = hints().take(TOLD_MAX).map(file).collect::<Result<Vec<_>, _>>()?;
        if files.len() == TOLD_MAX {
            files.extend(hints().rev().take(TOLD_MAX).map(file).collect::<Result<Vec<_>, _>>()?);
            files.sort_unstable();
            files.dedup();
        }
        files.retain(|file| Some(*file) != known);
        Ok(files)
    }
}

impl Index {
    #[expect(clippy::disallowed_methods, reason = "a hint that is lost costs a second copy, so it needs no flush")]
    fn note_digest(&self, key: Vec<u8>) -> Result<(), JobLogError> {
        self.digests.insert(key, &[]).map(|_| ()).map_err(|error| JobLogError::from_sled(&error))
    }
}
