//! How bytes leave a store: dead regions are erased, extents that nobody needs are given back, empty segments unlinked.

use std::fs::File;
use std::io;

use super::SpoolError;
use super::extent::Extent;
use super::frame::{FrameRef, PRELUDE_BYTES};
use super::segment;
use super::store::SegmentStore;
use crate::fault::{self, DurableStep};

impl SegmentStore {
    /// Makes regions dead: their frames first, durably, so that no later start finds them, then their blocks.
    ///
    /// Blocking; one sync for each segment. A crash in between leaves whole regions, to be erased again, or dead bytes.
    ///
    /// # Errors
    /// When a frame could not be overwritten and synced. A segment that is gone is no error.
    pub fn erase(&self, places: &[FrameRef]) -> Result<(), SpoolError> {
        self.erase_but(places, &[])
    }

    /// Makes regions dead, but for the blocks that `lent` touches, which others need.
    ///
    /// # Errors
    /// As [`SegmentStore::erase`].
    pub fn erase_but(&self, places: &[FrameRef], lent: &[Extent]) -> Result<(), SpoolError> {
        let mut ids: Vec<u64> = places.iter().map(|place| place.segment).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            match self.file(id) {
                Ok(file) => {
                    let places = places.iter().filter(|place| place.segment == id);
                    erase_in(&file, places, lent).map_err(|error| SpoolError::from_io(&error))?;
                }
                Err(SpoolError::Missing) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the whole blocks inside an extent back, leaving the region's frame alone.
    ///
    /// # Errors
    /// When the segment cannot be opened.
    pub fn punch(&self, extent: &Extent) -> Result<(), SpoolError> {
        segment::punch(&*self.file(extent.segment)?, extent.start, extent.end());
        Ok(())
    }

    /// Unlinks a segment in which nothing is alive.
    ///
    /// # Errors
    /// When the segment is there and cannot be removed.
    pub fn unlink(&self, segment: u64) -> Result<(), SpoolError> {
        self.lock().remove(&segment);
        match fault::step(DurableStep::Unlink, || std::fs::remove_file(segment::path(self.dir(), segment))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::from_io(&error)),
            _ => Ok(()),
        }
    }
}

fn erase_in<'a>(file: &File, places: impl Iterator<Item = &'a FrameRef> + Clone, lent: &[Extent]) -> io::Result<()> {
    let length = file.metadata()?.len();
    for place in places.clone().filter(|place| place.frame < length) {
        fault::write(DurableStep::FrameErase, file, &[0; PRELUDE_BYTES], place.frame)?;
    }
    fault::step(DurableStep::EraseSync, || file.sync_data())?;
    for part in places.flat_map(|place| place.extent().without(lent)) {
        segment::punch(file, part.start, part.end());
    }
    Ok(())
}
