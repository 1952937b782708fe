//! A rebuild: the job log is put aside and made anew from seals and results.
//!
//! What a crash leaves: before the log is moved, all as it was; after it, no log or a part of one, which the next start
//! completes, as does another rebuild. The log before is kept, whatever it is worth.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::report::{Finding, Kind, Rebuilt, Remedy};
use super::{DoctorError, lock, options};
use crate::batch::BatchId;
use crate::config::Config;
use crate::custody::{Custody, JOB_LOG};
use crate::joblog::{BatchRecord, JobLog};
use crate::metrics::Metrics;
use crate::spool::Duplicate;

/// What a log said before it was put aside.
#[derive(Default)]
struct Known {
    /// Each batch, and which of its files had ended.
    batches: BTreeMap<BatchId, (BatchRecord, Vec<usize>)>,
    /// Removals that had begun; the number beside the log says how many it has lost.
    removals: u64,
    /// The id of its last event; those of the new log come behind it.
    last_event: u64,
}

/// Makes the job log anew.
///
/// # Errors
/// When something could not be read or written; another rebuild goes on from there.
pub async fn rebuild(config: &Config) -> Result<Rebuilt, DoctorError> {
    let dir = &config.data_dir;
    let lock = lock(dir)?;
    let log = dir.join(JOB_LOG);
    let mut rebuilt = Rebuilt::default();
    let mut known = Known::default();
    if log.is_dir() {
        known = known_to(dir)?;
        let aside = JobLog::put_aside(&log).map_err(DoctorError::PutAside)?;
        rebuilt.put_aside = aside.file_name().map(|name| name.to_string_lossy().into_owned());
    }
    let custody = Custody::open(lock, dir, &options(config), Arc::new(Metrics::new()))?;
    custody.joblog.go_on_behind_event(known.last_event)?;
    if !config.webhook.url.is_empty() {
        custody.joblog.tell_to(&config.webhook.url);
    }
    let recovered = custody.recover().await?;
    custody.joblog.commit(Vec::new()).await?;
    rebuilt.batches = recovered.entered;
    rebuilt.outcomes = recovered.outcomes;
    rebuilt.files = count_files(&custody)?;
    compare(&custody, known, &mut rebuilt)?;
    Ok(rebuilt)
}

/// What the log says, as far as it can be read: it may be as damaged as can be.
fn known_to(dir: &Path) -> Result<Known, DoctorError> {
    let copy = Duplicate::of(&dir.join(JOB_LOG), dir.join(super::examine::COPY)).map_err(DoctorError::Copy)?;
    let mut known = Known::default();
    let read = catch_unwind(AssertUnwindSafe(|| {
        let Ok(log) = JobLog::open_as_it_is(copy.path()) else { return };
        known.removals = log.removals().unwrap_or_default();
        known.last_event = log.last_event();
        let mut before = None;
        while let Ok(Some((id, record))) = log.batch_before(before) {
            before = Some(id);
            let files = log.files(id, 0, record.seal.entries as usize).unwrap_or_default();
            let ended = files.into_iter().filter(|(_, file)| file.end.is_some()).map(|(index, _)| index).collect();
            if !record.is_doomed {
                known.batches.insert(id, (record, ended));
            }
        }
    }));
    if read.is_err() {
        log::warn!("the job log before could not be read to its end");
    }
    Ok(known)
}

fn count_files(custody: &Custody) -> Result<u64, DoctorError> {
    let (mut files, mut before) = (0, None);
    while let Some((id, record)) = custody.joblog.batch_before(before)? {
        before = Some(id);
        files += u64::from(record.seal.entries);
    }
    Ok(files)
}

/// Says what the log before named and the new one does not.
fn compare(custody: &Custody, known: Known, rebuilt: &mut Rebuilt) -> Result<(), DoctorError> {
    let mut erased = Vec::new();
    for (id, (record, ended)) in known.batches {
        if custody.joblog.batch(id)?.is_some() {
            compare_files(custody, id, &ended, rebuilt)?;
        } else if custody.spool.store().is_erased(&record.seal)? {
            erased.push(missing(id, &format!("with {} files: its bytes are gone", record.seal.entries)));
        } else {
            rebuilt.missing.push(missing(id, &format!("with {} files: its seal cannot be read", record.seal.entries)));
        }
    }
    // A log that has lost removals still names their batches. One that has not never names a batch that was removed.
    let lost = custody.joblog.removals()?.saturating_sub(known.removals);
    if erased.len() as u64 <= lost {
        rebuilt.removed = erased.len();
    } else {
        rebuilt.missing.extend(erased);
    }
    Ok(())
}

fn compare_files(custody: &Custody, id: BatchId, ended: &[usize], rebuilt: &mut Rebuilt) -> Result<(), DoctorError> {
    for index in ended {
        let file = id.file(*index);
        if custody.joblog.file(file)?.end.is_none() {
            let message = format!("File {file} of batch {id}: its result cannot be read, and the file is read again.");
            let finding = Finding::new(Kind::RecordsWithoutBytes, Remedy::Start, message);
            rebuilt.missing.push(Finding { batch: Some(id), file: Some(file), ..finding });
        }
    }
    Ok(())
}

fn missing(id: BatchId, what: &str) -> Finding {
    let message = format!("Batch {id} {what}.");
    Finding { batch: Some(id), ..Finding::new(Kind::RecordsWithoutBytes, Remedy::Restore, message) }
}
