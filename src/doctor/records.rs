//! From the records to the bytes: does everything that the job log names lie in the segments?

use std::collections::{HashMap, HashSet};

use super::DoctorError;
use super::deep::{about, compare};
use super::examine::Examination;
use super::report::{Finding, Kind, Remedy};
use crate::batch::BatchId;
use crate::custody::FileStatus;
use crate::joblog::BatchRecord;
use crate::spool::ExaminedSegment;

/// What the segments of both stores hold, for looking up.
struct Held {
    /// Segment and place of each whole frame.
    seals: HashSet<(u64, u64)>,
    results: HashSet<(u64, u64)>,
    /// The length of each segment.
    spool_lengths: HashMap<u64, u64>,
    results_lengths: HashMap<u64, u64>,
}

impl Examination<'_> {
    /// Notes what records name and the segments do not hold.
    pub(super) fn compare_records(&mut self) -> Result<(), DoctorError> {
        let frames = |segments: &[ExaminedSegment]| {
            segments.iter().flat_map(|segment| &segment.frames).map(|place| (place.segment, place.frame)).collect()
        };
        let lengths = |segments: &[ExaminedSegment]| segments.iter().map(|seen| (seen.id, seen.length)).collect();
        let held = Held {
            seals: frames(&self.spool),
            results: frames(&self.results),
            spool_lengths: lengths(&self.spool),
            results_lengths: lengths(&self.results),
        };
        let mut before = None;
        while let Some((id, record)) = self.custody.joblog.batch_before(before)? {
            before = Some(id);
            if record.is_doomed {
                let message = format!("Batch {id} was to be removed, and a crash cut that short.");
                let finding = Finding::new(Kind::BytesWithoutRecords, Remedy::Start, message);
                self.findings.push(Finding { batch: Some(id), ..finding });
            } else {
                self.compare_batch(id, &record, &held)?;
            }
        }
        Ok(())
    }

    fn compare_batch(&mut self, id: BatchId, record: &BatchRecord, held: &Held) -> Result<(), DoctorError> {
        let segment_length = held.spool_lengths.get(&record.seal.segment);
        let seal = &record.seal;
        // Where a segment's header is damaged no frame is found, but those that the log knows can be looked at.
        if !held.seals.contains(&(seal.segment, seal.frame)) && !self.custody.spool.store().is_whole(seal)? {
            let what = if segment_length.is_some() { "its seal is damaged" } else { "its segment is gone" };
            let message = format!("Batch {id} with {} files: {what}.", record.seal.entries);
            let finding = Finding::new(Kind::RecordsWithoutBytes, Remedy::Upload, message);
            self.findings.push(Finding { batch: Some(id), ..finding });
        }
        if segment_length.is_none() {
            return Ok(());
        }
        for file in self.custody.files(id, record, 0, usize::MAX)? {
            let finding = self.look_at(record, &file, held)?;
            self.findings.extend(finding);
        }
        Ok(())
    }

    fn look_at(&self, record: &BatchRecord, file: &FileStatus, held: &Held) -> Result<Option<Finding>, DoctorError> {
        if !file.is_readable {
            let what = "its entry in the seal is damaged";
            return Ok(Some(about(file, Kind::TornRecord, Remedy::Upload, what)));
        }
        let bytes = file.sealed.extent(&record.seal);
        let is_there = held.spool_lengths.get(&bytes.segment).is_some_and(|length| bytes.end() <= *length);
        if file.has_content() && !is_there {
            return Ok(Some(about(file, Kind::RecordsWithoutBytes, Remedy::Upload, "its bytes are gone")));
        }
        if let Some(end) = &file.end
            && end.text_length > 0
            && held
                .results_lengths
                .get(&end.results.segment)
                .is_none_or(|length| end.text_at + end.text_length > *length)
        {
            return Ok(Some(about(file, Kind::RecordsWithoutBytes, Remedy::Upload, "its text is gone")));
        }
        // What is lost for good comes before what the log still has.
        if self.is_deep
            && let Some(finding) = compare(self.custody, record, file)?
        {
            return Ok(Some(finding));
        }
        match file.end.as_ref().map(|end| end.results) {
            Some(place)
                if !held.results.contains(&(place.segment, place.frame))
                    && !self.custody.results.is_whole(&place)? =>
            {
                let what = "the results hold its outcome no more";
                Ok(Some(about(file, Kind::TornRecord, Remedy::Backup, what)))
            }
            _ => Ok(None),
        }
    }
}
