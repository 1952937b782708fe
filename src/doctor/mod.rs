//! `consign doctor`: whether a data directory is sound, and what mends it where it is not.
//!
//! An examination changes nothing: it looks at the segments as they lie and at a copy of the job log. A repair does what a
//! start does, and gives back what nobody owns. A rebuild puts the job log aside and makes it anew from seals and results;
//! a crash in the middle leaves a directory whose next start, or next rebuild, goes on. Nothing is done while a server has
//! the directory. Reading order: `report`, `machine`, `living`, `examine`, `records`, `deep`, `segments`,
//! `repair`, `rebuild`.

mod deep;
mod examine;
mod living;
mod machine;
mod rebuild;
mod records;
mod repair;
pub mod report;
mod segments;

use std::path::Path;

use derive_more::{Display, Error};

use crate::config::Config;
use crate::custody::{CustodyError, CustodyOptions};
use crate::joblog::JobLogError;
use crate::spool::{DirectoryLock, SpoolError};
pub use examine::examine;
pub use machine::machine;
pub use rebuild::rebuild;
pub use repair::repair;
pub use report::{Finding, Kind, Rebuilt, Remedy, Repaired, Report};

/// What the doctor is to do before it examines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Treatment {
    #[default]
    None,
    Repair,
    Rebuild,
}

/// Why a data directory could not be examined or mended. Each is one sentence without its full stop.
#[derive(Debug, Display, Error)]
pub enum DoctorError {
    #[display("there is no data directory {_0}; name another with --data-dir")]
    NoDirectory(#[error(not(source))] String),
    #[display("a server has the data directory {_0}; stop it first, since what changes cannot be examined")]
    InUse(#[error(not(source))] String),
    #[display("the data directory {dir} cannot be used: {error}")]
    Directory { dir: String, error: std::io::Error },
    #[display("the job log cannot be copied to be examined: {_0}")]
    Copy(std::io::Error),
    #[display("the job log cannot be put aside: {_0}")]
    PutAside(std::io::Error),
    #[display("the data directory cannot be read or written: {_0}")]
    Custody(CustodyError),
}

impl<E: Into<CustodyError>> From<E> for DoctorError {
    fn from(error: E) -> Self {
        Self::Custody(error.into())
    }
}

/// Treats and examines the data directory of `config`.
///
/// # Errors
/// [`DoctorError`] when that is not possible; the directory is then as a crash at this point would leave it.
pub async fn run(config: &Config, treatment: Treatment, is_deep: bool) -> Result<Report, DoctorError> {
    let (mut repaired, mut rebuilt) = (None, None);
    match treatment {
        Treatment::None => {}
        Treatment::Repair => repaired = repair(config).await?,
        Treatment::Rebuild => rebuilt = Some(rebuild(config).await?),
    }
    let mut report = examine(config, is_deep)?;
    report.is_sound &= rebuilt.as_ref().is_none_or(|rebuilt| rebuilt.missing.is_empty());
    Ok(Report { repaired, rebuilt, machine: Some(machine(config).await), ..report })
}

/// Takes the lock of a data directory that is there.
fn lock(dir: &Path) -> Result<DirectoryLock, DoctorError> {
    let named = || dir.display().to_string();
    if !dir.is_dir() {
        return Err(DoctorError::NoDirectory(named()));
    }
    let taken = DirectoryLock::take(dir).map_err(|error| DoctorError::Directory { dir: named(), error })?;
    taken.ok_or_else(|| DoctorError::InUse(named()))
}

/// How the doctor opens a directory: nothing is made ready for uploads.
fn options(config: &Config) -> CustodyOptions {
    let mut spool = config.spool.clone();
    spool.stock_segments = 0;
    CustodyOptions { spool, free_bytes_min: config.limits.disk_free_bytes_min }
}

/// Whether the job log is what is wrong, so that a rebuild mends it.
fn is_damaged_log(error: CustodyError) -> bool {
    matches!(error, CustodyError::JobLog(JobLogError::Damaged | JobLogError::Outdated))
}

/// Whether bytes are lost for good, as opposed to unreadable at the moment.
fn is_lost(error: SpoolError) -> bool {
    matches!(error, SpoolError::Damaged | SpoolError::Missing)
}
