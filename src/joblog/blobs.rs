//! The values that sled keeps outside its log, in files that it does not sync: those over about 128 KiB.
//!
//! Our records are far smaller, but sled packs neighbours into pages, and a page can grow past that.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// sled's directory of large values.
pub struct Blobs {
    dir: PathBuf,
    synced: HashSet<OsString>,
}

impl Blobs {
    pub fn of(log: &Path) -> Self {
        Self { dir: log.join("blobs"), synced: HashSet::new() }
    }

    /// Syncs what has come since the last time.
    pub fn sync(&mut self) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut present = HashSet::new();
        let mut is_changed = false;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if !self.synced.contains(&name) {
                File::open(entry.path())?.sync_all()?;
                is_changed = true;
            }
            present.insert(name);
        }
        self.synced = present;
        if is_changed { File::open(&self.dir)?.sync_all() } else { Ok(()) }
    }
}
