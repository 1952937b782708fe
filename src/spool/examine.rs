//! What lies in a store's segments, looked at and left as it is: for those who examine a data directory that nobody uses.

use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::SpoolError;
use super::extent::Extent;
use super::frame::{FrameRef, PRELUDE_BYTES};
use super::segment::{self, Segment, SegmentKind};
use super::store::SegmentStore;
use super::survey::{Found, last_frame, walk};

/// What a segment is, as far as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentUse {
    /// A crash came while it was made: it has no header and never held anything.
    Unmade,
    /// Its header is damaged, so that nothing in it can be believed.
    Unreadable,
    /// Made ready, and empty.
    Stock,
    /// Many regions.
    Shared,
    /// One large batch.
    Own,
}

/// What an examination saw of one segment.
#[derive(Debug, Clone)]
pub struct ExaminedSegment {
    pub id: u64,
    pub is: SegmentUse,
    /// The frames that are whole, in order of their places.
    pub frames: Vec<FrameRef>,
    /// Where frames begin that are not whole.
    pub torn: Vec<u64>,
    /// The file's length in bytes.
    pub length: u64,
    /// The bytes that the segment takes on the disk.
    pub disk_bytes: u64,
}

impl SegmentStore {
    /// Looks at every segment, whatever the job log says of it. Reads all shared ones from beginning to end.
    ///
    /// # Errors
    /// When the directory or a segment cannot be read.
    pub fn examine(&self) -> Result<Vec<ExaminedSegment>, SpoolError> {
        let ids = segment::list(self.dir()).map_err(|error| SpoolError::from_io(&error))?;
        ids.into_iter().map(|id| self.examine_one(id).map_err(|error| SpoolError::from_io(&error))).collect()
    }

    fn examine_one(&self, id: u64) -> io::Result<ExaminedSegment> {
        let metadata = segment::path(self.dir(), id).metadata()?;
        let (is, found) = match Segment::open(self.dir(), id) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => (SegmentUse::Unmade, Found::default()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (SegmentUse::Unreadable, Found::default()),
            Err(error) => return Err(error),
            Ok(segment) => match segment.kind {
                SegmentKind::Stock => (SegmentUse::Stock, Found::default()),
                SegmentKind::Shared => (SegmentUse::Shared, walk(&segment)?),
                SegmentKind::Own => {
                    let found = last_frame(&segment)?;
                    (SegmentUse::Own, if found.frames.is_empty() { walk(&segment)? } else { found })
                }
            },
        };
        let Found { frames, torn } = found;
        Ok(ExaminedSegment { id, is, frames, torn, length: metadata.len(), disk_bytes: metadata.blocks() * 512 })
    }

    /// Whether a region was erased with its batch: its segment is gone, or its frame is overwritten.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn is_erased(&self, place: &FrameRef) -> Result<bool, SpoolError> {
        let prelude = Extent { segment: place.segment, start: place.frame, length: PRELUDE_BYTES as u64 };
        let prelude = self.content(&prelude).map(|content| content.read_all());
        match prelude {
            Ok(Ok(bytes)) => Ok(bytes.iter().all(|byte| *byte == 0)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            Ok(Err(error)) => Err(SpoolError::from_io(&error)),
            Err(SpoolError::Missing) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The bytes of an extent that take room on the disk: holes do not.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn data_bytes(&self, extent: &Extent) -> Result<u64, SpoolError> {
        let (file, start, end) = (self.file(extent.segment)?, extent.start, extent.end());
        let next = |from: SeekFrom| match seek(&*file, from) {
            Ok(at) => Ok(Some(at)),
            // Past the last byte of this kind.
            Err(Errno::NXIO) => Ok(None),
            Err(error) => Err(SpoolError::from_io(&error.into())),
        };
        let (mut at, mut bytes) = (start, 0);
        while at < end
            && let Some(data) = next(SeekFrom::Data(at))?.filter(|data| *data < end)
        {
            let hole = next(SeekFrom::Hole(data))?.unwrap_or(end).min(end);
            bytes += hole - data;
            at = hole;
        }
        Ok(bytes)
    }
}
