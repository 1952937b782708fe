//! A copy of a directory to be looked at in its place, so that looking changes nothing; gone when it is dropped.

use std::io;
use std::path::{Path, PathBuf};

/// The copy.
#[derive(Debug)]
pub struct Duplicate {
    path: PathBuf,
}

impl Duplicate {
    /// Copies `original` with all that lies in it to `path`, in the place of a copy that a crash left there. Of what is
    /// not there the copy is empty.
    ///
    /// # Errors
    /// When something could not be read or written; there is no copy then.
    pub fn of(original: &Path, path: PathBuf) -> io::Result<Self> {
        remove(&path)?;
        let duplicate = Self { path };
        match copy(original, &duplicate.path) {
            Err(error) if original.exists() => Err(error),
            _ => Ok(duplicate),
        }
    }

    /// Where the copy lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Duplicate {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            log::warn!("the copy {} is left behind: {error}", self.path.display());
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
