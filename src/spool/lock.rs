//! One server to a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::segment::sync_dir;

/// What the disk must take to be believed: a group of the job log, and the log's next segment.
const PROBE_BYTES: usize = 1 << 20;

/// How long a lock is waited for: a server that was killed while it started a child leaves it held until that child has
/// become its own program, or has seen that it is alone.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Held for as long as the server runs; the kernel gives it back however the process ends.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
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
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { file })),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::park_timeout(LOOK_EVERY),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Whether the disk takes writes: tried on the lock's own file, which nobody reads. Blocking.
    ///
    /// # Errors
    /// What the disk says.
    pub fn try_disk(&self) -> io::Result<()> {
        self.file.write_all_at(&vec![0xff; PROBE_BYTES], 0)?;
        self.file.sync_all()?;
        self.file.set_len(0)?;
        self.file.sync_all()
    }
}
