//! An examination: what the job log says against what the segments hold. It changes nothing.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::living::Living;
use super::report::{Finding, Kind, LogState, Remedy, Report, StoreSeen};
use super::{DoctorError, lock, options};
use crate::batch::BatchId;
use crate::config::Config;
use crate::custody::{Custody, JOB_LOG};
use crate::joblog::{Checked, JobLog, JobLogError, Stray};
use crate::metrics::Metrics;
use crate::spool::{DirectoryLock, Duplicate, ExaminedSegment};

/// The folder of the copy of the job log that is looked at, gone afterwards.
pub const COPY: &str = "joblog.examined";

/// What an examination has at hand.
pub(super) struct Examination<'a> {
    pub custody: &'a Custody,
    pub is_deep: bool,
    pub spool: Vec<ExaminedSegment>,
    pub results: Vec<ExaminedSegment>,
    pub living: Living,
    /// Batches that lie in the spool and not in the job log.
    pub unknown: HashSet<BatchId>,
    pub findings: Vec<Finding>,
}

/// Examines the data directory of `config`; compares all bytes with their digests if that is wanted.
///
/// # Errors
/// When a server has the directory, or it cannot be read.
pub fn examine(config: &Config, is_deep: bool) -> Result<Report, DoctorError> {
    let dir = &config.data_dir;
    let lock = lock(dir)?;
    let mut report = Report { data_dir: dir.display().to_string(), is_deep, ..Report::default() };
    report.job_log.put_aside = put_aside(dir);
    let log = dir.join(JOB_LOG);
    // Dropped last: the log that is open lies in it.
    let copy = Duplicate::of(&log, dir.join(COPY)).map_err(DoctorError::Copy)?;
    match JobLog::open_as_it_is(copy.path()) {
        Ok(joblog) => {
            let custody = open(joblog, lock, config)?;
            report.job_log.state = if log.is_dir() { LogState::Sound } else { LogState::Missing };
            look(&custody, &mut report)?;
        }
        Err(JobLogError::Damaged) => {
            drop(copy);
            let copy = Duplicate::of(&dir.join(NOTHING), dir.join(COPY)).map_err(DoctorError::Copy)?;
            count_segments(&open(JobLog::open_as_it_is(copy.path())?, lock, config)?, &mut report)?;
            note_damage(&mut report, "The job log does not open.".to_owned());
        }
        Err(error) => return Err(error.into()),
    }
    report.is_sound = report.findings.is_empty();
    Ok(report)
}

/// The name of a folder that is not there.
const NOTHING: &str = "no-job-log";

fn open(joblog: JobLog, lock: DirectoryLock, config: &Config) -> Result<Custody, DoctorError> {
    Ok(Custody::with(joblog, lock, &config.data_dir, &options(config), Arc::new(Metrics::new()))?)
}

/// Checks the job log, and if it can be believed compares it with the segments.
fn look(custody: &Custody, report: &mut Report) -> Result<(), DoctorError> {
    let (spool, results) = count_segments(custody, report)?;
    let checked = custody.joblog.check();
    (report.job_log.batches, report.job_log.outcomes) = (checked.batches, checked.outcomes);
    for fault in &checked.faults {
        let sentence = fault.to_string();
        let (first, rest) = sentence.split_at(1);
        note_damage(report, format!("{}{rest}.", first.to_uppercase()));
    }
    if !checked.faults.is_empty() {
        return Ok(());
    }
    if custody.has_lost_removals()? {
        note_damage(report, "The job log has lost its newest changes: batches that it names were removed.".to_owned());
        return Ok(());
    }
    let (living, unknown) = (Living::of(custody)?, HashSet::new());
    let findings = Vec::new();
    let mut examination = Examination { custody, is_deep: report.is_deep, spool, results, living, unknown, findings };
    examination.note_unfinished(&checked);
    examination.compare_records()?;
    examination.compare_segments()?;
    report.findings.extend(examination.findings);
    Ok(())
}

fn count_segments(
    custody: &Custody,
    report: &mut Report,
) -> Result<(Vec<ExaminedSegment>, Vec<ExaminedSegment>), DoctorError> {
    let seen = |segments: &[ExaminedSegment]| StoreSeen {
        segments: segments.len(),
        regions: segments.iter().map(|segment| segment.frames.len()).sum(),
        disk_bytes: segments.iter().map(|segment| segment.disk_bytes).sum(),
    };
    let (spool, results) = (custody.spool.store().examine()?, custody.results.examine()?);
    (report.spool, report.results) = (seen(&spool), seen(&results));
    Ok((spool, results))
}

fn note_damage(report: &mut Report, message: String) {
    report.job_log.state = LogState::Damaged;
    report.findings.push(Finding::new(Kind::JobLogDamaged, Remedy::Rebuild, message));
}

impl Examination<'_> {
    /// What a crash cut short and a start goes on with.
    fn note_unfinished(&mut self, checked: &Checked) {
        for Stray { batch, .. } in &checked.strays {
            let message = format!("Batch {batch} is entered in the job log only in part.");
            let finding = Finding::new(Kind::TornRecord, Remedy::Start, message);
            self.findings.push(Finding { batch: Some(*batch), ..finding });
        }
        for (_, batch) in &checked.stray_keys {
            let message = format!("Batch {batch} has an idempotency key in the job log that it does not name.");
            let finding = Finding::new(Kind::TornRecord, Remedy::Start, message);
            self.findings.push(Finding { batch: Some(*batch), ..finding });
        }
        if self.custody.is_removal_count_damaged() {
            let message = "The number of removals beside the job log cannot be read.".to_owned();
            self.findings.push(Finding::new(Kind::TornRecord, Remedy::Start, message));
        }
    }
}

/// Job logs that were put aside as damaged.
fn put_aside(dir: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut asides: Vec<String> = names.filter(|name| name.starts_with("joblog.damaged-")).collect();
    asides.sort();
    asides
}
