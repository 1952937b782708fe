//! What the doctor has to say, as JSON and in words.

use std::collections::BTreeMap;
use std::fmt;

use bytesize::ByteSize;
use derive_more::Display;
use serde::Serialize;

use crate::batch::{BatchId, FileId};

/// Findings of one kind that are told in words; JSON has them all.
const FINDINGS_TOLD_MAX: usize = 20;

/// What an examination found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub data_dir: String,
    /// Whether nothing was found that a start would not find in order.
    pub is_sound: bool,
    /// Whether all bytes were compared with their digests.
    pub is_deep: bool,
    pub job_log: JobLogSeen,
    pub spool: StoreSeen,
    pub results: StoreSeen,
    pub findings: Vec<Finding>,
    pub repaired: Option<Repaired>,
    pub rebuilt: Option<Rebuilt>,
    pub machine: Option<Machine>,
}

/// What is known of the job log.
#[derive(Debug, Default, Serialize)]
pub struct JobLogSeen {
    pub state: LogState,
    pub batches: u64,
    /// Files with an outcome of their own.
    pub outcomes: u64,
    /// Folders of logs that were put aside as damaged; they can be deleted when all is well.
    pub put_aside: Vec<String>,
}

/// What the job log is like.
#[derive(Debug, Default, Display, Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    #[default]
    #[display("missing")]
    Missing,
    #[display("sound")]
    Sound,
    #[display("damaged")]
    Damaged,
}

/// What lies in a store.
#[derive(Debug, Default, Serialize)]
pub struct StoreSeen {
    pub segments: usize,
    /// Batches in the spool, groups of outcomes in the results.
    pub regions: usize,
    pub disk_bytes: u64,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    /// A sentence with its full stop.
    pub message: String,
    pub remedy: Remedy,
    pub batch: Option<BatchId>,
    pub file: Option<FileId>,
    /// The file's name, as the client gave it.
    pub name: Option<String>,
    pub bytes: Option<u64>,
}

/// What a finding is.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[display("the job log is damaged")]
    JobLogDamaged,
    #[display("records that are torn")]
    TornRecord,
    #[display("records without bytes")]
    RecordsWithoutBytes,
    #[display("bytes without records")]
    BytesWithoutRecords,
    #[display("bytes that are not those that were stored")]
    DigestMismatch,
}

/// What mends a finding.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    #[display("`consign doctor --rebuild` makes the job log anew from seals and results, and keeps this one.")]
    Rebuild,
    #[display("The next start mends this, and so does `consign doctor --repair`.")]
    Start,
    #[display("`consign doctor --repair` mends this.")]
    Repair,
    #[display("What is lost here comes only from its owner or a backup: upload it again, and remove the batch.")]
    Upload,
    #[display("Nothing is lost while the job log is whole: back the directory up.")]
    Backup,
    #[display(
        "Nothing here is touched, because it may have been acknowledged: restore it from a backup, or delete it."
    )]
    Restore,
}

/// What a repair did.
#[derive(Debug, Default, Serialize)]
pub struct Repaired {
    pub batches_entered: usize,
    pub outcomes_entered: usize,
    pub segments_swept: usize,
    pub bytes_freed: u64,
}

/// What a rebuild did.
#[derive(Debug, Default, Serialize)]
pub struct Rebuilt {
    /// The folder in which the log before lies.
    pub put_aside: Option<String>,
    pub batches: usize,
    pub files: u64,
    pub outcomes: usize,
    /// What the log before named and the segments do not hold.
    pub missing: Vec<Finding>,
    /// Batches that the log before still named and that had been removed.
    pub removed: usize,
}

/// What the machine has; none of it is damage.
#[derive(Debug, Default, Serialize)]
pub struct Machine {
    /// The settings file in force.
    pub settings_file: Option<String>,
    /// What recognises text in pictures, such as `tesseract 5.3.0`.
    pub ocr_engine: Option<String>,
    pub ocr_languages: Vec<String>,
    /// Why text in pictures is not recognised.
    pub ocr_missing: Option<String>,
    /// What scans files for malware, such as `ClamAV 1.4.3`.
    pub scanner: Option<String>,
    /// Why the scanner that the settings name gives no verdicts.
    pub scanner_trouble: Option<String>,
    /// What the kernel cannot keep a worker from, a sentence each; none where the locked room is whole.
    pub room_gaps: Option<Vec<String>>,
    /// Why no worker could be started to see that.
    pub room_unknown: Option<String>,
    pub disk_free_bytes: Option<u64>,
    /// Below so many free bytes uploads are refused.
    pub disk_free_bytes_min: u64,
}

impl Finding {
    /// A finding that says no more than its message.
    #[must_use]
    pub fn new(kind: Kind, remedy: Remedy, message: String) -> Self {
        Self { kind, message, remedy, batch: None, file: None, name: None, bytes: None }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rebuilt) = &self.rebuilt {
            writeln!(out, "{rebuilt}")?;
        }
        if let Some(Repaired { batches_entered, outcomes_entered, segments_swept, bytes_freed }) = &self.repaired {
            writeln!(
                out,
                "Repaired: {batches_entered} batches and {outcomes_entered} outcomes entered in the job log, \
                 {segments_swept} segments swept, {} given back.\n",
                ByteSize(*bytes_freed)
            )?;
        }
        let JobLogSeen { state, batches, outcomes, put_aside } = &self.job_log;
        writeln!(out, "data directory  {}", self.data_dir)?;
        writeln!(out, "job log         {state}, {batches} batches, {outcomes} outcomes")?;
        for (name, StoreSeen { segments, regions, disk_bytes }, what) in
            [("spool  ", &self.spool, "batches"), ("results", &self.results, "groups of outcomes")]
        {
            writeln!(out, "{name}         {regions} {what} in {segments} segments, {}", ByteSize(*disk_bytes))?;
        }
        for aside in put_aside {
            writeln!(out, "put aside       {aside}; it can be deleted when all is well")?;
        }
        if let Some(machine) = &self.machine {
            write!(out, "{machine}")?;
        }
        self.tell_findings(out)
    }
}

impl Report {
    fn tell_findings(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<(Kind, Remedy), Vec<&Finding>> = BTreeMap::new();
        for finding in &self.findings {
            kinds.entry((finding.kind, finding.remedy)).or_default().push(finding);
        }
        for ((kind, remedy), findings) in kinds {
            writeln!(out, "\n{}: {kind}. {remedy}", findings.len())?;
            for finding in findings.iter().take(FINDINGS_TOLD_MAX) {
                writeln!(out, "  {}", finding.message)?;
            }
            if findings.len() > FINDINGS_TOLD_MAX {
                writeln!(out, "  … and {} more; --json has them all.", findings.len() - FINDINGS_TOLD_MAX)?;
            }
        }
        let depth = if self.is_deep { "" } else { " Digests were not compared; --deep does." };
        let verdict = if self.is_sound { "Sound." } else { "Not sound." };
        writeln!(out, "\n{verdict}{depth}")
    }
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { put_aside, batches, files, outcomes, missing, removed } = self;
        writeln!(out, "Rebuilt: {batches} batches with {files} files, {outcomes} outcomes.")?;
        if let Some(aside) = put_aside {
            writeln!(
                out,
                "The job log before lies in {aside}. Attempts of files without an outcome are counted anew."
            )?;
        }
        if *removed > 0 {
            writeln!(out, "It still named {removed} batches that had been removed.")?;
        }
        for finding in missing {
            writeln!(out, "Missing: {}", finding.message)?;
        }
        Ok(())
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings_file.as_deref().unwrap_or("none; defaults, environment and flags");
        writeln!(out, "settings file   {settings}")?;
        let low = ByteSize(self.disk_free_bytes_min);
        match self.disk_free_bytes {
            Some(free) if free < self.disk_free_bytes_min => {
                writeln!(out, "disk            {} free: uploads are refused below {low}", ByteSize(free))?;
            }
            Some(free) => writeln!(out, "disk            {} free; uploads are refused below {low}", ByteSize(free))?,
            None => writeln!(out, "disk            does not say what is free")?,
        }
        match (&self.ocr_engine, &self.ocr_missing) {
            (Some(engine), _) => {
                writeln!(out, "text in images  {engine}, languages: {}", self.ocr_languages.join(", "))?;
            }
            (None, reason) => writeln!(out, "text in images  none: {}", reason.as_deref().unwrap_or("not looked for"))?,
        }
        match (&self.scanner, &self.scanner_trouble) {
            (Some(scanner), _) => writeln!(out, "malware scan    {scanner}")?,
            (None, Some(trouble)) => writeln!(out, "malware scan    no verdicts: {trouble}; no file passes")?,
            (None, None) => writeln!(out, "malware scan    none: scan.clamd is not set")?,
        }
        match (&self.room_gaps, &self.room_unknown) {
            (Some(gaps), _) if gaps.is_empty() => writeln!(out, "locked room     limits, Landlock and seccomp: whole"),
            (Some(gaps), _) => gaps.iter().try_for_each(|gap| writeln!(out, "locked room     {gap}")),
            (None, reason) => {
                writeln!(out, "locked room     unknown: {}", reason.as_deref().unwrap_or("not looked at"))
            }
        }
    }
}
