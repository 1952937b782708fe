//! Opening sled 0.34 with care.
//!
//! A snapshot torn by a crash keeps sled from opening although its log is whole, and a log cut behind its snapshot makes
//! `open` panic. So half-written snapshots are swept first, `open` is caught, and the second try goes without snapshots,
//! which sled then makes anew from the log. A log that still will not open is put aside: seals and results hold everything
//! needed to make another. sled syncs neither its settings nor its directory, and does not open without them: a new log is
//! made beside its place, and comes there when it is durable.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::JobLogError;

/// What sled keeps of its pages in memory, as long as they are on the disk, where they are half as long; the working set is
/// the open batches' records. What falls out is in the page cache.
const CACHE_BYTES: u64 = 2 << 20;

/// How long sled's threads may hold on to a log that this process has closed: they end a moment after their database.
const LETTING_GO_MAX: Duration = Duration::from_secs(10);

/// How sled's snapshots are called, what follows while one is written, and what precedes while sled is not to find it.
const SNAPSHOT: &str = "snap.";
const GENERATING: &str = "generating";
const HIDDEN: &str = "hidden.";

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
    create_if_missing(dir)?;
    finish(dir, try_open(dir)?.ok_or(JobLogError::Damaged)?)
}

/// Opens the log in `dir`, with or without its snapshots.
///
/// # Errors
/// [`JobLogError::Damaged`] when it does not open either way.
pub fn open_as_it_is(dir: &Path) -> Result<Opened, JobLogError> {
    create_if_missing(dir)?;
    for torn in snapshots(dir, "")?.iter().filter(|path| path.extension().is_some_and(|end| end == GENERATING)) {
        std::fs::remove_file(torn)?;
    }
    if let Some(db) = try_open(dir)? {
        return finish(dir, db);
    }
    log::warn!("the job log did not open; trying again without its snapshots");
    rename_snapshots(dir, "", HIDDEN)?;
    let Some(db) = try_open(dir)? else {
        rename_snapshots(dir, HIDDEN, "")?;
        return Err(JobLogError::Damaged);
    };
    snapshots(dir, HIDDEN)?.iter().try_for_each(std::fs::remove_file)?;
    finish(dir, db)
}

/// Makes a log where there is none: a crash leaves a whole one, or none and what the next start removes.
fn create_if_missing(dir: &Path) -> Result<(), JobLogError> {
    // An empty directory holds no log; one with anything in it stays.
    let _ = std::fs::remove_dir(dir);
    if dir.exists() {
        return Ok(());
    }
    let making = beside(dir, ".new");
    remove_if_there(&making)?;
    std::fs::create_dir_all(&making)?;
    drop(try_open(&making)?.ok_or(JobLogError::Damaged)?);
    for entry in std::fs::read_dir(&making)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(&making)?.sync_all()?;
    Ok(move_within(&making, dir)?)
}

fn remove_if_there(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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

/// The log's snapshots whose names have `prefix` before them.
fn snapshots(dir: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(prefix));
        found.extend(rest.is_some_and(|name| name.starts_with(SNAPSHOT)).then(|| entry.path()));
    }
    Ok(found)
}

fn rename_snapshots(dir: &Path, from: &str, to: &str) -> io::Result<()> {
    for path in snapshots(dir, from)? {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(from));
        rename(&path, &dir.join(format!("{to}{}", name.unwrap_or_default())))?;
    }
    Ok(())
}

/// Moves the log in `dir` aside as it is and says where it lies now; nothing of it is deleted, ever.
pub fn put_aside(dir: &Path) -> io::Result<PathBuf> {
    let aside = beside(dir, &format!(".damaged-{}", jiff::Timestamp::now().as_millisecond()));
    move_within(dir, &aside)?;
    Ok(aside)
}

/// The path of a log with `suffix` at its end.
fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut path = dir.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Gives a log another name in the same directory, durably.
fn move_within(from: &Path, to: &Path) -> io::Result<()> {
    rename(from, to)?;
    File::open(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "a log is moved as it is; no bytes of files are")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_new_log_replaces_an_empty_directory_and_what_a_crash_left_of_another() {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("joblog");
        std::fs::create_dir(&log).unwrap();
        std::fs::create_dir(beside(&log, ".new")).unwrap();
        File::create(beside(&log, ".new").join("conf")).unwrap().set_len(80).unwrap();
        open_as_it_is(&log).unwrap().db.open_tree("a").unwrap();
        assert!(open_as_it_is(&log).unwrap().db.tree_names().contains(&"a".into()), "the second one opens the first");
        let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["joblog"]);
    }

    #[test]
    fn a_torn_snapshot_costs_only_itself_and_one_that_is_not_to_blame_stays() {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("joblog");
        drop(open_as_it_is(&log).unwrap());
        let snapshot = snapshots(&log, "").unwrap().pop().unwrap();
        let [whole, settings] = [&snapshot, &log.join("conf")].map(|path| std::fs::read(path).unwrap());
        File::options().write(true).open(log.join("conf")).unwrap().set_len(20).unwrap();
        assert_eq!(open_as_it_is(&log).err(), Some(JobLogError::Damaged));
        assert_eq!(std::fs::read(&snapshot).unwrap(), whole);
        std::fs::write(log.join("conf"), settings).unwrap();
        std::fs::write(&snapshot, &whole[..whole.len() / 2]).unwrap();
        drop(open_as_it_is(&log).unwrap());
        assert!(snapshots(&log, HIDDEN).unwrap().is_empty());
    }
}
