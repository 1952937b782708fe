//! Opening sled 0.34 with care.
//!
//! A snapshot torn by a crash keeps sled from opening although its log is whole, and a log cut behind its snapshot makes
//! `open` panic. So half-written snapshots are swept first, `open` is caught, and the second try goes without snapshots,
//! which sled then makes anew from the log. A log that still will not open is put aside: seals and results hold everything
//! needed to make another.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::JobLogError;

/// What sled keeps of its pages in memory: the working set is the open batches' records.
const CACHE_BYTES: u64 = 32 << 20;

/// How long sled's threads may hold on to a log that this process has closed: they end a moment after their database.
const LETTING_GO_MAX: Duration = Duration::from_secs(10);

/// Between two looks at whether they have let go.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The open database and the file that its log is written to.
pub struct Opened {
    pub db: sled::Db,
    /// Our own handle on sled's log: its `flush` starts and awaits the writes, but only a sync of the file is a barrier.
    pub file: File,
}

/// Opens the log in `dir`, or a new one in its place.
pub fn open(dir: &Path) -> Result<Opened, JobLogError> {
    match open_as_it_is(dir) {
        Err(JobLogError::Damaged) => {}
        opened => return opened,
    }
    let aside = put_aside(dir).map_err(|error| JobLogError::from_io(&error))?;
    log::error!(
        "the job log is unreadable and was put aside as {}; it is made anew from seals and results",
        aside.display()
    );
    finish(dir, try_open(dir)?.ok_or(JobLogError::Damaged)?)
}

/// Opens the log in `dir`, with or without its snapshots.
///
/// # Errors
/// [`JobLogError::Damaged`] when it does not open either way.
pub fn open_as_it_is(dir: &Path) -> Result<Opened, JobLogError> {
    std::fs::create_dir_all(dir).map_err(|error| JobLogError::from_io(&error))?;
    remove_snapshots(dir, |name| name.ends_with(".generating")).map_err(|error| JobLogError::from_io(&error))?;
    if let Some(db) = try_open(dir)? {
        return finish(dir, db);
    }
    log::warn!("the job log did not open; trying again without its snapshots");
    remove_snapshots(dir, |_| true).map_err(|error| JobLogError::from_io(&error))?;
    finish(dir, try_open(dir)?.ok_or(JobLogError::Damaged)?)
}

/// The database; none when what lies there is damaged.
///
/// # Errors
/// When it cannot be opened now and may be sound: it is locked, or the disk or the process is out of something.
fn try_open(dir: &Path) -> Result<Option<sled::Db>, JobLogError> {
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let begun = Instant::now();
    let mut opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    while matches!(&opened, Ok(Err(sled::Error::Io(error))) if is_lock(error)) && begun.elapsed() < LETTING_GO_MAX {
        std::thread::park_timeout(LOOK_EVERY);
        opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    }
    match opened {
        Ok(Ok(db)) => Ok(Some(db)),
        Ok(Err(sled::Error::Io(error))) if !is_damage(&error) => {
            log::error!("sled did not open: {error}");
            Err(JobLogError::from_io(&error))
        }
        Ok(Err(error)) => {
            log::warn!("sled did not open: {error}");
            Ok(None)
        }
        Err(_) => {
            log::warn!("sled panicked while it opened");
            Ok(None)
        }
    }
}

/// Whether somebody has the log open. The directory's lock keeps other servers out, so that is this process, a moment ago.
fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.to_string().contains("acquire lock")
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput)
}

fn finish(dir: &Path, db: sled::Db) -> Result<Opened, JobLogError> {
    let file = File::open(dir.join("db")).map_err(|error| JobLogError::from_io(&error))?;
    Ok(Opened { db, file })
}

fn remove_snapshots(dir: &Path, which: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("snap.") && which(name)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Moves the log in `dir` aside as it is and says where it lies now; nothing of it is deleted, ever.
pub fn put_aside(dir: &Path) -> io::Result<PathBuf> {
    let mut aside = dir.as_os_str().to_owned();
    aside.push(format!(".damaged-{}", jiff::Timestamp::now().as_millisecond()));
    let aside = PathBuf::from(aside);
    #[expect(
        clippy::disallowed_methods,
        reason = "a log that cannot be read is moved as a whole; no bytes of files are"
    )]
    std::fs::rename(dir, &aside)?;
    std::fs::create_dir_all(dir)?;
    File::open(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(aside)
}
