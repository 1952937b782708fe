//! Which parts of the segments belong to somebody, and what lies between them.

use std::collections::HashMap;

use crate::custody::{Custody, CustodyError};
use crate::joblog::StoreName;
use crate::spool::{ExaminedSegment, Extent, SegmentStore, SpoolError};

/// The first byte of a segment that a region may use; the header comes before it.
const FIRST_REGION: u64 = crate::spool::BLOCK_BYTES;

/// The ranges of each segment that a record names, in bytes.
#[derive(Debug, Default)]
pub struct Living(HashMap<(u8, u64), Vec<(u64, u64)>>);

/// A part of a segment that takes room on the disk and that nobody owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub extent: Extent,
    /// Those of its bytes that take room.
    pub bytes: u64,
}

impl Living {
    /// What the job log names.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn of(custody: &Custody) -> Result<Self, CustodyError> {
        let mut living = Self::default();
        let mut before = None;
        while let Some((id, record)) = custody.joblog.batch_before(before)? {
            before = Some(id);
            living.add(StoreName::Spool, &record.seal.extent());
            for borrower in custody.joblog.borrowers_of(id)? {
                living.add(StoreName::Spool, &borrower.extent.outward());
            }
            for (_, file) in custody.joblog.files(id, 0, record.seal.entries as usize)? {
                if let Some(end) = file.end {
                    living.add(StoreName::Results, &end.results.extent());
                }
            }
        }
        Ok(living)
    }

    /// Says that an extent belongs to somebody.
    pub fn add(&mut self, store: StoreName, extent: &Extent) {
        self.0.entry((store as u8, extent.segment)).or_default().push((extent.start, extent.end()));
    }

    /// Whether anything in the segment belongs to somebody.
    #[must_use]
    pub fn is_in(&self, store: StoreName, segment: u64) -> bool {
        self.0.contains_key(&(store as u8, segment))
    }

    /// Whether the byte at `at` belongs to somebody.
    #[must_use]
    pub fn owns(&self, store: StoreName, segment: u64, at: u64) -> bool {
        let ranges = self.0.get(&(store as u8, segment));
        ranges.is_some_and(|ranges| ranges.iter().any(|(start, end)| (*start..*end).contains(&at)))
    }

    /// What takes room between the living parts of a segment. A gap with a frame in it, whole or torn, is none: it may have
    /// been acknowledged.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn gaps(
        &self,
        name: StoreName,
        store: &SegmentStore,
        segment: &ExaminedSegment,
    ) -> Result<Vec<Gap>, SpoolError> {
        let mut ranges = self.0.get(&(name as u8, segment.id)).cloned().unwrap_or_default();
        ranges.sort_unstable();
        ranges.push((segment.length, segment.length));
        let (mut gaps, mut start) = (Vec::new(), FIRST_REGION);
        for (next, end) in ranges {
            let frames = segment.frames.iter().map(|place| place.frame).chain(segment.torn.iter().copied());
            if start < next && !frames.into_iter().any(|frame| (start..next).contains(&frame)) {
                let extent = Extent { segment: segment.id, start, length: next - start };
                let bytes = store.data_bytes(&extent)?;
                if bytes > 0 {
                    gaps.push(Gap { extent, bytes });
                }
            }
            start = start.max(end);
        }
        Ok(gaps)
    }
}
