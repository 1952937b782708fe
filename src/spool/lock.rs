//! One server to a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::segment::sync_dir;

/// Held for as long as the server runs; the kernel gives it back however the process ends.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory if it is not there, and takes its lock; none when another process holds it.
    ///
    /// # Errors
    /// When the directory or its lock file cannot be made.
    pub fn take(dir: &Path) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(dir)?;
        if let Ok(parent) = dir.canonicalize()?.parent().ok_or(io::ErrorKind::NotFound) {
            sync_dir(parent)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("LOCK"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
