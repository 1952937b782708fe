//! What lies in the segments at start: the frames that the job log may not know yet, and what nobody owns.
//!
//! Runs before anything is written. Frames are found by walking a segment's blocks, so that damage to one costs no other;
//! a segment of its own is read from its end. A killed process may have left a frame in the kernel's memory alone, so it
//! is synced before it is told of. What is dead is swept on the way, and a crash in the sweep only leaves it to the next
//! start. Where there is no job log to ask, what looks damaged is kept, then and later: it may have been
//! acknowledged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::SpoolError;
use super::frame::{BLOCK_BYTES, FrameRef, PRELUDE_BYTES, Prelude, trailer};
use super::segment::{self, Segment, SegmentKind};
use super::store::SegmentStore;
use crate::fault::{self, DurableStep};

/// Blocks that are read in one go while a segment is walked.
const WALK_BYTES: usize = 1 << 20;

/// What the job log knows of a store's segments.
pub trait Known {
    /// The segment from which on frames may be missing in the log; 0 when the log is new.
    fn checkpoint(&self) -> u64;
    /// Whether any batch has a region in the segment.
    fn is_alive(&self, segment: u64) -> bool;
    /// Where the last region that the log knows of ends in the segment, in bytes.
    fn end(&self, segment: u64) -> u64;
    /// Whether an earlier survey found something damaged in the segment, for which it is kept.
    fn is_kept(&self, segment: u64) -> bool;
}

/// What a survey found and did.
#[derive(Debug, Default)]
pub struct Survey {
    /// Every whole frame in the segments that were looked at, in order of segment and place.
    pub frames: Vec<FrameRef>,
    /// Segments without a frame.
    empty: Vec<u64>,
    /// Segments whose frames were looked for from beginning to end, and where the last one ends.
    walked: Vec<(u64, u64)>,
    /// Segments in which something that may have been acknowledged cannot be read, and that are to be kept for it.
    pub damaged: Vec<u64>,
}

/// What one segment holds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) frames: Vec<FrameRef>,
    /// Where a frame begins and is not whole: cut short by a crash, or damaged later.
    pub(super) torn: Vec<u64>,
}

impl SegmentStore {
    /// Looks at every segment that may hold a frame that the job log lacks.
    ///
    /// # Errors
    /// When the directory or a segment cannot be read.
    pub fn survey(&self, known: &dyn Known) -> Result<Survey, SpoolError> {
        let mut survey = Survey::default();
        let ids = segment::list(self.dir()).map_err(|error| SpoolError::from_io(&error))?;
        for id in ids.into_iter().filter(|id| *id < self.first_new_id()) {
            match self.look(id, known) {
                Ok((kind, found)) => survey.add(id, kind, found, known),
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData) => {
                    log::error!("segment {id}: its header is damaged");
                    survey.damaged.push(id);
                }
                Err(error) => return Err(SpoolError::from_io(&error)),
            }
        }
        Ok(survey)
    }

    /// Sweeps what a survey found to hold nothing, and says how many segments that were. What the survey brought to light
    /// is entered by now: frames may need bytes of segments that have none.
    ///
    /// # Errors
    /// When a segment cannot be cut or unlinked.
    pub fn clear(&self, survey: &Survey, known: &dyn Known) -> Result<usize, SpoolError> {
        for (id, end) in &survey.walked {
            self.cut_off_torn_group(*id, *end, known).map_err(|error| SpoolError::from_io(&error))?;
        }
        let mut swept = 0;
        for id in &survey.empty {
            if known.is_alive(*id) {
                // Bytes that came with a batch which is gone, and that others have on loan.
                let cut = self.cut_off_torn_group(*id, Segment::FIRST_REGION, known);
                cut.map_err(|error| SpoolError::from_io(&error))?;
            } else {
                fault::step(DurableStep::Sweep, || self.unlink(*id))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Gives back what lies behind the last region: a group that a crash cut short, of which nobody was told, and the room
    /// that was preallocated.
    fn cut_off_torn_group(&self, id: u64, last_frame_end: u64, known: &dyn Known) -> io::Result<()> {
        let segment = Segment::open(self.dir(), id)?;
        segment.trim(segment.file.metadata()?.len().min(last_frame_end.max(known.end(id))))
    }

    fn look(&self, id: u64, known: &dyn Known) -> io::Result<(SegmentKind, Found)> {
        let segment = match Segment::open(self.dir(), id) {
            Ok(segment) => segment,
            // A crash while it was made: there never was anything in it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok((SegmentKind::Stock, Found::default()));
            }
            Err(error) => return Err(error),
        };
        let found = match segment.kind {
            SegmentKind::Stock => Found::default(),
            SegmentKind::Own if known.is_alive(id) => Found::default(),
            SegmentKind::Own => {
                let found = last_frame(&segment)?;
                // Nothing but a log would say whether its end is damaged or never came.
                if found.frames.is_empty() && known.checkpoint() == 0 { walk(&segment)? } else { found }
            }
            SegmentKind::Shared if is_known(id, known) => Found::default(),
            SegmentKind::Shared => walk(&segment)?,
        };
        if !found.frames.is_empty() {
            fault::step(DurableStep::SurveySync, || segment.file.sync_data())?;
        }
        Ok((segment.kind, found))
    }
}

/// Whether the log has all that a shared segment holds.
fn is_known(id: u64, known: &dyn Known) -> bool {
    known.is_alive(id) && id < known.checkpoint()
}

impl Survey {
    /// Adds what a segment holds, and what is to be done about it.
    fn add(&mut self, id: u64, kind: SegmentKind, found: Found, known: &dyn Known) {
        if !found.torn.is_empty() && known.checkpoint() == 0 {
            log::error!("segment {id}: kept, although something in it cannot be read");
            self.damaged.push(id);
        } else if !known.is_kept(id) {
            if found.frames.is_empty() && !known.is_alive(id) {
                self.empty.push(id);
            } else if kind == SegmentKind::Shared && !is_known(id, known) {
                let end = found.frames.last().map_or(Segment::FIRST_REGION, FrameRef::end);
                self.walked.push((id, end));
            }
        }
        self.frames.extend(found.frames);
    }
}

/// The frame that ends with the file.
pub(super) fn last_frame(segment: &Segment) -> io::Result<Found> {
    let length = segment.file.metadata()?.len();
    let Some(trailer_at) = length.checked_sub(8).filter(|at| *at >= Segment::FIRST_REGION) else {
        return Ok(Found::default());
    };
    let mut bytes = [0; 8];
    segment.file.read_exact_at(&mut bytes, trailer_at)?;
    match trailer(&bytes).and_then(|frame_length| length.checked_sub(frame_length)) {
        Some(at) if at % BLOCK_BYTES == 0 => {
            let mut found = Found::default();
            found.add(at, frame_at(segment, at)?);
            Ok(found)
        }
        _ => Ok(Found::default()),
    }
}

/// Every frame of a segment.
pub(super) fn walk(segment: &Segment) -> io::Result<Found> {
    let mut found = Found::default();
    let mut window_at = Segment::FIRST_REGION;
    let mut window = vec![0; WALK_BYTES];
    loop {
        let read = read_up_to(&segment.file, &mut window, window_at)?;
        if read < PRELUDE_BYTES {
            return Ok(found);
        }
        let (mut at, end) = (window_at, window_at + WALK_BYTES as u64);
        while at < end {
            let bytes = usize::try_from(at - window_at).ok().and_then(|offset| window[..read].get(offset..));
            let begins_here = bytes.and_then(|bytes| Prelude::decode(bytes, segment.id, &segment.nonce, at)).is_some();
            let frame_end = if begins_here { found.add(at, frame_at(segment, at)?) } else { None };
            at = frame_end.unwrap_or(at + BLOCK_BYTES);
        }
        window_at = at;
    }
}

impl Found {
    /// Notes the frame at `at`, whole or torn; says where it ends if it is whole.
    fn add(&mut self, at: u64, frame: Option<FrameRef>) -> Option<u64> {
        self.torn.extend(frame.is_none().then_some(at));
        self.frames.extend(frame);
        frame.map(|frame| frame.end())
    }
}

/// The frame that begins at `at`, if it is whole.
fn frame_at(segment: &Segment, at: u64) -> io::Result<Option<FrameRef>> {
    let mut prelude = [0; PRELUDE_BYTES];
    if read_up_to(&segment.file, &mut prelude, at)? < PRELUDE_BYTES {
        return Ok(None);
    }
    let Some(prelude) = Prelude::decode(&prelude, segment.id, &segment.nonce, at) else { return Ok(None) };
    let mut bytes = vec![0; prelude.place.length as usize];
    let whole = read_up_to(&segment.file, &mut bytes, at)? == bytes.len() && prelude.vouches_for(&bytes);
    Ok(whole.then_some(prelude.place))
}

fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}
