//! From the bytes to the records: does everything that lies in the segments belong to somebody?

use bytesize::ByteSize;

use super::DoctorError;
use super::examine::Examination;
use super::report::{Finding, Kind, Remedy};
use crate::batch::BatchId;
use crate::joblog::StoreName;
use crate::spool::{
    ExaminedSegment, FrameRef, GroupKind, ResultEntry, ResultsHeader, RetriedFile, SealHeader, SealedFile,
    SegmentStore, SegmentUse,
};

impl Examination<'_> {
    /// Notes what the segments hold and no record names.
    pub(super) fn compare_segments(&mut self) -> Result<(), DoctorError> {
        let (spool, results) = (self.spool.clone(), self.results.clone());
        for seal in spool.iter().flat_map(|segment| &segment.frames) {
            self.look_at_seal(seal)?;
        }
        for group in results.iter().flat_map(|segment| &segment.frames) {
            self.look_at_results(group)?;
        }
        for (name, segments) in [(StoreName::Spool, &spool), (StoreName::Results, &results)] {
            let kept = self.custody.joblog.kept(name)?;
            for segment in segments {
                self.look_at_segment(name, segment, kept.contains(&segment.id))?;
            }
        }
        Ok(())
    }

    fn look_at_seal(&mut self, seal: &FrameRef) -> Result<(), DoctorError> {
        let header: SealHeader = self.custody.spool.store().header(seal)?;
        if self.custody.joblog.batch(header.batch)?.is_none() {
            self.living.add(StoreName::Spool, &seal.extent());
            for file in self.custody.spool.store().entries::<SealedFile>(seal, 0, seal.entries as usize)? {
                self.living.add(StoreName::Spool, &file.extent(seal).outward());
            }
            self.unknown.insert(header.batch);
            self.note_batch(header.batch, Remedy::Start, "lies in the spool and not in the job log");
        }
        Ok(())
    }

    fn look_at_results(&mut self, group: &FrameRef) -> Result<(), DoctorError> {
        let ResultsHeader { batch, holds } = self.custody.results.header(group)?;
        let record = self.custody.joblog.batch(batch)?;
        let is_known = record.is_some() || self.unknown.contains(&batch);
        let mut is_used = record.is_some_and(|record| record.superseded.contains(group));
        let (word, waiting) = match holds {
            GroupKind::Outcomes => {
                let (names_it, waiting) = self.look_at_outcomes(group)?;
                is_used |= names_it;
                ("outcomes", waiting)
            }
            GroupKind::Retries => ("retries", if is_used { 0 } else { self.look_at_retries(group)? }),
        };
        if is_known && waiting > 0 {
            let what = format!("has {waiting} {word} in the results that the job log lacks");
            self.note_batch(batch, Remedy::Start, &what);
        } else if !is_known && !self.custody.joblog.kept(StoreName::Spool)?.is_empty() {
            let message = format!("Batch {batch} has outcomes in the results, and its seal is not to be found.");
            let finding = Finding::new(Kind::TornRecord, Remedy::Restore, message);
            self.findings.push(Finding { batch: Some(batch), ..finding });
        } else if !is_used {
            self.note_batch(batch, Remedy::Repair, "has outcomes in the results that nobody needs");
        }
        self.living.add(StoreName::Results, &group.extent());
        Ok(())
    }

    /// Whether a file's end names the group, and how many of its outcomes the job log lacks.
    fn look_at_outcomes(&self, group: &FrameRef) -> Result<(bool, usize), DoctorError> {
        let entries: Vec<ResultEntry> = self.custody.results.entries(group, 0, group.entries as usize)?;
        let (mut is_used, mut waiting) = (false, 0);
        for entry in entries {
            let known = self.custody.joblog.file(entry.file)?;
            is_used |= known.end.as_ref().is_some_and(|end| end.results == *group);
            let is_missing = entry.retries > known.retries || (entry.retries == known.retries && known.end.is_none());
            waiting += usize::from(is_missing);
        }
        Ok((is_used, waiting))
    }

    /// How many retries of the group the job log lacks.
    fn look_at_retries(&self, group: &FrameRef) -> Result<usize, DoctorError> {
        let entries: Vec<RetriedFile> = self.custody.results.entries(group, 0, group.entries as usize)?;
        let mut waiting = 0;
        for entry in entries {
            waiting += usize::from(self.custody.joblog.file(entry.file)?.retries < entry.retries);
        }
        Ok(waiting)
    }

    fn note_batch(&mut self, batch: BatchId, remedy: Remedy, what: &str) {
        let finding = Finding::new(Kind::BytesWithoutRecords, remedy, format!("Batch {batch} {what}."));
        self.findings.push(Finding { batch: Some(batch), ..finding });
    }

    fn look_at_segment(
        &mut self,
        name: StoreName,
        segment: &ExaminedSegment,
        is_kept: bool,
    ) -> Result<(), DoctorError> {
        let told = format!("Segment {} of the {}", segment.id, told(name));
        let is_owned = self.living.is_in(name, segment.id);
        if segment.is == SegmentUse::Unreadable {
            // Records lead to what lives in it, but a log that is made anew would not find it.
            let remedy = if is_owned { Remedy::Backup } else { Remedy::Restore };
            self.findings.push(Finding::new(Kind::TornRecord, remedy, format!("{told} has a damaged header.")));
            return Ok(());
        }
        if is_kept {
            let message = format!("{told} holds something that cannot be read.");
            self.findings.push(Finding::new(Kind::TornRecord, Remedy::Restore, message));
            return Ok(());
        }
        match segment.is {
            SegmentUse::Stock | SegmentUse::Unreadable => {}
            // What it lacks was said of its batches.
            SegmentUse::Unmade | SegmentUse::Own if is_owned => {}
            SegmentUse::Unmade | SegmentUse::Own => {
                self.note_bytes(Remedy::Start, &told, segment.disk_bytes, "of an upload that never ended");
            }
            SegmentUse::Shared => {
                for torn in segment.torn.iter().filter(|torn| !self.living.owns(name, segment.id, **torn)) {
                    let message = format!("{told} has a frame at byte {torn} that is not whole.");
                    let remedy = self.remedy_of_torn(name, segment, *torn)?;
                    self.findings.push(Finding::new(Kind::TornRecord, remedy, message));
                }
                for gap in self.living.gaps(name, self.store(name), segment)? {
                    self.note_bytes(Remedy::Repair, &told, gap.bytes, "that nobody owns");
                }
            }
        }
        Ok(())
    }

    /// A group that a crash cut short is at the end of a segment that was in use, and is cut off; any other torn frame may
    /// have been acknowledged.
    fn remedy_of_torn(&self, name: StoreName, segment: &ExaminedSegment, torn: u64) -> Result<Remedy, DoctorError> {
        let checkpoint = self.custody.joblog.checkpoint(name)?;
        let is_last = segment.frames.last().is_none_or(|last| last.end() <= torn);
        let was_in_use = checkpoint > 0 && (segment.id >= checkpoint || !self.living.is_in(name, segment.id));
        Ok(if is_last && was_in_use { Remedy::Start } else { Remedy::Restore })
    }

    fn note_bytes(&mut self, remedy: Remedy, told: &str, bytes: u64, whose: &str) {
        let message = format!("{told} holds {} {whose}.", ByteSize(bytes));
        let finding = Finding::new(Kind::BytesWithoutRecords, remedy, message);
        self.findings.push(Finding { bytes: Some(bytes), ..finding });
    }

    fn store(&self, name: StoreName) -> &SegmentStore {
        match name {
            StoreName::Spool => self.custody.spool.store(),
            StoreName::Results => &self.custody.results,
        }
    }
}

fn told(name: StoreName) -> &'static str {
    match name {
        StoreName::Spool => "spool",
        StoreName::Results => "results",
    }
}
