//! What a start does before it takes work: enters what is durable and unknown to the job log, counts what a crash cut
//! short, finishes removals, and sweeps what nobody owns. Running it twice changes nothing.

use std::collections::HashMap;
use std::mem;

use super::{Custody, CustodyError, digests_of};
use crate::batch::{BatchId, FileId};
use crate::joblog::{Change, FileEnd, FileRecord, JobLog, JobLogError, NamedGroups, StoreName};
use crate::spool::{Extent, FrameRef, GroupKind, Known, ResultEntry, ResultsHeader, SealHeader, SealedBatch};

/// Batches that are told of with one flush.
const TOLD_TOGETHER_MAX: usize = 256;

/// Files whose digests are noted before the server listens; more of them take too long, a second for 100,000.
const NOTED_AT_ONCE_MAX: u32 = 10_000;

/// What a start found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The batches that are not completed, oldest first.
    pub open: Vec<BatchId>,
    /// Those of them of which nobody has been told that they were accepted.
    pub untold: Vec<BatchId>,
    /// Batches that were durable and that the job log lacked.
    pub entered: usize,
    /// Outcomes that were durable and that the job log lacked.
    pub outcomes: usize,
    /// Files that were being tried, or may have been, when the last run ended.
    pub interrupted: usize,
    /// Segments that were removed because nothing in them is alive.
    pub swept: usize,
    /// Files of the open batches that have no outcome.
    pub waiting: u64,
}

impl Custody {
    /// Brings the job log up to what is durable, and the disk down to what the job log accounts for.
    ///
    /// # Errors
    /// When something could not be read or written; nothing is lost then, and another start may do better.
    pub async fn recover(&self) -> Result<Recovered, CustodyError> {
        let (mut recovered, mut checked) = (Recovered::default(), self.verify()?);
        let named = mem::take(&mut checked.named);
        // Before the removals: a batch that the log lacks may need bytes of one that goes.
        self.enter_missing_batches(&mut recovered)?;
        for batch in self.joblog.doomed_batches()? {
            self.finish_removal(batch).await?;
        }
        self.forget_strays(checked).await?;
        self.enter_missing_outcomes(&mut recovered, &named).await?;
        recovered.interrupted = self.count_interrupted_attempts().await?;
        recovered.open = self.joblog.open_batches()?;
        let mut noted_at_once = NOTED_AT_ONCE_MAX;
        for batch in &recovered.open {
            if let Some(record) = self.joblog.batch(*batch)? {
                recovered.waiting += u64::from(record.tally.pending());
                if !record.is_told {
                    recovered.untold.push(*batch);
                    if let Some(left) = noted_at_once.checked_sub(record.seal.entries) {
                        noted_at_once = left;
                        self.note_lost_digests(*batch)?;
                    }
                }
                if record.is_cancelled {
                    self.joblog.go_on_cancelling(*batch);
                }
            }
        }
        self.metrics.queue_depth.set(i64::try_from(recovered.waiting).unwrap_or(i64::MAX));
        Ok(recovered)
    }

    /// Notes the digests of a batch's files, unless a crash came after that: they are noted in order, so that all are there
    /// if the last is. Blocking.
    ///
    /// # Errors
    /// When its seal cannot be read, or the log takes no more changes.
    pub fn note_lost_digests(&self, id: BatchId) -> Result<(), CustodyError> {
        let Some(record) = self.joblog.batch(id)? else { return Ok(()) };
        let files = self.sealed_files(&record, 0, record.seal.entries as usize)?;
        let digests = digests_of(files.iter().map(Option::as_ref));
        match digests.last() {
            Some((last, sha256)) if !self.joblog.is_noted(&record.owner, id.file(*last), sha256)? => {
                Ok(self.note_digests(&record.owner, id, &digests)?)
            }
            _ => Ok(()),
        }
    }

    /// Makes the events of batches whose acceptance a crash has kept from being told of.
    ///
    /// # Errors
    /// When the log takes no more changes.
    pub async fn tell(&self, untold: &[BatchId]) -> Result<(), JobLogError> {
        for batches in untold.chunks(TOLD_TOGETHER_MAX) {
            let tell = |batch: &BatchId| Change::Tell { batch: *batch };
            self.joblog.commit(batches.iter().map(tell).collect()).await?;
        }
        Ok(())
    }

    fn enter_missing_batches(&self, recovered: &mut Recovered) -> Result<(), CustodyError> {
        let (store, known) = (self.spool.store(), InJobLog::of(&self.joblog, StoreName::Spool, None)?);
        let survey = store.survey(&known)?;
        self.keep(StoreName::Spool, &survey.damaged)?;
        recovered.entered += self.enter_batches(&survey.frames)?;
        recovered.swept += store.clear(&survey, &known)?;
        Ok(())
    }

    /// Enters the batches of these seals that the job log lacks, and says how many that were.
    ///
    /// # Errors
    /// When a seal cannot be read, or the log takes no more changes.
    pub fn enter_batches(&self, seals: &[FrameRef]) -> Result<usize, CustodyError> {
        let store = self.spool.store();
        let mut entered = 0;
        for seal in seals {
            let header: SealHeader = store.header(seal)?;
            if self.joblog.batch(header.batch)?.is_some() {
                continue;
            }
            let files = store.entries(seal, 0, seal.entries as usize)?;
            log::info!("batch {}: entered from its seal, {} files", header.batch, files.len());
            let sealed = SealedBatch { header, seal: *seal, files };
            self.joblog.enter(&sealed, false)?;
            self.note_digests(&sealed.header.owner, sealed.header.batch, &digests_of(sealed.files.iter().map(Some)))?;
            entered += 1;
        }
        Ok(entered)
    }

    async fn enter_missing_outcomes(&self, recovered: &mut Recovered, named: &NamedGroups) -> Result<(), CustodyError> {
        let known = InJobLog::of(&self.joblog, StoreName::Results, Some(named))?;
        let survey = self.results.survey(&known)?;
        self.keep(StoreName::Results, &survey.damaged)?;
        recovered.outcomes += self.enter_outcomes(&survey.frames, named).await?;
        recovered.swept += self.results.clear(&survey, &known)?;
        Ok(())
    }

    /// Enters the outcomes of these groups of results that the job log lacks, and says how many that were. A start looks at
    /// a whole segment's groups, of which it passes over those that are entered, as what is `named` shows.
    ///
    /// # Errors
    /// When a group cannot be read, or the log takes no more changes.
    pub async fn enter_outcomes(&self, groups: &[FrameRef], named: &NamedGroups) -> Result<usize, CustodyError> {
        let mut entered = 0;
        for frame in groups {
            let header: ResultsHeader = self.results.header(frame)?;
            entered += match header.holds {
                GroupKind::Retries => self.enter_retries_of(header.batch, *frame).await.map(|()| 0)?,
                GroupKind::Outcomes if named.is_entered(frame) && self.joblog.batch(header.batch)?.is_some() => 0,
                GroupKind::Outcomes => self.enter_outcomes_of(header.batch, *frame).await?,
            };
        }
        Ok(entered)
    }

    /// Keeps segments in which something that may have been acknowledged cannot be read from every later sweep.
    fn keep(&self, store: StoreName, damaged: &[u64]) -> Result<(), JobLogError> {
        damaged.iter().try_for_each(|segment| self.joblog.keep(store, *segment))
    }

    /// Enters the outcomes that a group of results holds and the job log lacks; a group of which nothing is used is
    /// erased, which is the case when its batch is gone.
    async fn enter_outcomes_of(&self, id: BatchId, frame: FrameRef) -> Result<usize, CustodyError> {
        let batch = self.joblog.batch(id)?;
        let is_gone = batch.is_none();
        let entries: Vec<ResultEntry> = self.results.entries(&frame, 0, frame.entries as usize)?;
        let mut changes = Vec::new();
        let mut in_use = batch.is_some_and(|batch| batch.superseded.contains(&frame));
        let records = self.joblog.files_of(entries.iter().map(|entry| entry.file))?;
        for (entry, known) in entries.into_iter().zip(records) {
            match known.end {
                Some(end) if entry.retries <= known.retries => in_use |= end.results == frame,
                None if is_gone || entry.retries < known.retries => {}
                _ if !self.is_whole(&entry, frame)? => {
                    log::warn!("file {}: its result was cut short and is made again", entry.file);
                }
                _ => match self.joblog.replay(entry.file, &entry.outcome) {
                    Ok(()) => {
                        changes.push(Change::End { file: entry.file, record: Box::new(file_record(entry, frame)) });
                    }
                    Err(error) => log::error!("file {}: its outcome is not entered: {error}", entry.file),
                },
            }
        }
        let entered = if changes.is_empty() { 0 } else { self.joblog.commit(changes).await?.ended.len() };
        // Results of a batch whose seal may be the one that cannot be read are kept with it.
        if entered == 0 && !in_use && (!is_gone || self.joblog.kept(StoreName::Spool)?.is_empty()) {
            self.results.erase(&[frame])?;
        }
        Ok(entered)
    }

    /// Whether the text that a result names is the one that was written.
    fn is_whole(&self, entry: &ResultEntry, frame: FrameRef) -> Result<bool, CustodyError> {
        let start = frame.region + entry.text_offset;
        let text = self.results.content(&Extent { segment: frame.segment, start, length: entry.text_length })?;
        Ok(text.has_crc(entry.text_crc))
    }

    /// Turns the claims that the last run left open into attempts and suspects.
    async fn count_interrupted_attempts(&self) -> Result<usize, CustodyError> {
        let claims = self.joblog.claims()?;
        let mut attempts: HashMap<FileId, u32> = HashMap::new();
        for (_, claim) in &claims {
            for claimed in &claim.files {
                let counted = attempts.entry(claimed.file).or_default();
                if claimed.retries == self.joblog.file(claimed.file)?.retries {
                    *counted = (*counted).max(claim.attempts_that_count(*claimed));
                }
            }
        }
        let mut changes: Vec<Change> = claims.iter().map(|(window, _)| Change::Release { window: *window }).collect();
        let mut interrupted = 0;
        for (file, counted) in attempts {
            let known = self.joblog.file(file)?;
            if known.end.is_none() && self.joblog.batch(file.batch())?.is_some() {
                let attempts = known.attempts.max(counted);
                changes.push(Change::Attempts { file, retries: known.retries, attempts, is_suspect: true });
                interrupted += 1;
            }
        }
        if !changes.is_empty() {
            self.joblog.commit(changes).await?;
        }
        Ok(interrupted)
    }
}

/// What the job log knows of a store. When it cannot say, the segment is left alone.
struct InJobLog<'a> {
    joblog: &'a JobLog,
    store: StoreName,
    checkpoint: u64,
    /// Where groups of results end; none for the spool.
    named: Option<&'a NamedGroups>,
}

impl<'a> InJobLog<'a> {
    fn of(joblog: &'a JobLog, store: StoreName, named: Option<&'a NamedGroups>) -> Result<Self, JobLogError> {
        Ok(Self { joblog, store, checkpoint: joblog.checkpoint(store)?, named })
    }
}

impl Known for InJobLog<'_> {
    fn checkpoint(&self) -> u64 {
        self.checkpoint
    }

    fn is_alive(&self, segment: u64) -> bool {
        self.joblog.is_alive(self.store, segment).unwrap_or(true)
    }

    fn end(&self, segment: u64) -> u64 {
        match self.named {
            Some(named) => named.end_of(segment),
            None => self.joblog.end_of_spool(segment).unwrap_or(u64::MAX),
        }
    }

    fn is_kept(&self, segment: u64) -> bool {
        self.joblog.kept(self.store).map_or(true, |kept| kept.contains(&segment))
    }
}

/// The record of a file with this outcome.
#[must_use]
pub fn file_record(entry: ResultEntry, results: FrameRef) -> FileRecord {
    let ResultEntry {
        file: _,
        retries,
        attempts,
        outcome,
        ended_ms,
        timings,
        text_offset,
        text_length,
        text_crc,
        are_bytes_dead,
        made_with,
        is_deduplicated,
    } = entry;
    let end = FileEnd {
        outcome,
        ended_ms,
        timings,
        results,
        text_at: results.region + text_offset,
        text_length,
        text_crc,
        are_bytes_dead,
        made_with,
        is_deduplicated,
    };
    FileRecord { retries, attempts, is_suspect: false, end: Some(end) }
}
