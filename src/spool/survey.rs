//! What lies in the segments at start: the frames that the job log may not know yet, and what nobody owns.
//!
//! Runs before anything is written. Frames are found by walking a segment's blocks, so that damage to one costs no other;
//! a segment of its own is read from its end. What is dead is swept on the way: a crash in the sweep only leaves it to
//! the next one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::SpoolError;
use super::frame::{BLOCK_BYTES, FrameRef, PRELUDE_BYTES, Prelude, trailer};
use super::segment::{self, Segment, SegmentKind};
use super::store::SegmentStore;

/// Blocks that are read in one go while a segment is walked.
const WALK_BYTES: usize = 1 << 20;

/// What a survey found and did.
#[derive(Debug, Default)]
pub struct Survey {
    /// Every whole frame in the segments that were looked at, in order of segment and place.
    pub frames: Vec<FrameRef>,
    /// Segments that were removed because nothing in them is alive.
    pub swept: usize,
    /// Segments that are needed and whose header cannot be read.
    pub damaged: Vec<u64>,
}

impl SegmentStore {
    /// Looks at every segment that may hold a frame that the job log lacks, and sweeps those that hold nothing.
    ///
    /// Shared segments from `from_segment` on are walked. `is_known` says whether the job log refers to a segment.
    ///
    /// # Errors
    /// When the directory or a segment cannot be read.
    pub fn survey(&self, from_segment: u64, is_known: &dyn Fn(u64) -> bool) -> Result<Survey, SpoolError> {
        let mut survey = Survey::default();
        let ids = segment::list(self.dir()).map_err(|error| SpoolError::from_io(&error))?;
        for id in ids.into_iter().filter(|id| *id < self.first_new_id()) {
            let known = is_known(id);
            let found = match Segment::open(self.dir(), id) {
                Ok(segment) => frames_of(&segment, from_segment, known),
                Err(error) => Err(error),
            };
            match found {
                Ok(found) if found.is_empty() && !known => {
                    self.unlink(id)?;
                    survey.swept += 1;
                }
                Ok(mut found) => survey.frames.append(&mut found),
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                    if known {
                        log::error!("segment {id}: its header cannot be read");
                        survey.damaged.push(id);
                    } else {
                        self.unlink(id)?;
                        survey.swept += 1;
                    }
                }
                Err(error) => return Err(SpoolError::from_io(&error)),
            }
        }
        Ok(survey)
    }
}

fn frames_of(segment: &Segment, from_segment: u64, known: bool) -> io::Result<Vec<FrameRef>> {
    match segment.kind {
        SegmentKind::Stock => Ok(Vec::new()),
        SegmentKind::Own if known => Ok(Vec::new()),
        SegmentKind::Own => Ok(last_frame(segment)?.into_iter().collect()),
        SegmentKind::Shared if segment.id < from_segment => Ok(Vec::new()),
        SegmentKind::Shared => {
            let frames = walk(segment)?;
            // A group that was cut short by a crash lies behind the last frame; nobody was told of it.
            let end = frames.last().map_or(Segment::FIRST_REGION, FrameRef::end);
            if segment.file.metadata()?.len() > end {
                segment.trim(end)?;
            }
            Ok(frames)
        }
    }
}

/// The frame that ends with the file.
fn last_frame(segment: &Segment) -> io::Result<Option<FrameRef>> {
    let length = segment.file.metadata()?.len();
    let Some(trailer_at) = length.checked_sub(8).filter(|at| *at >= Segment::FIRST_REGION) else { return Ok(None) };
    let mut bytes = [0; 8];
    segment.file.read_exact_at(&mut bytes, trailer_at)?;
    match trailer(&bytes).and_then(|frame_length| length.checked_sub(frame_length)) {
        Some(at) if at % BLOCK_BYTES == 0 => frame_at(segment, at),
        _ => Ok(None),
    }
}

/// Every whole frame of a shared segment.
fn walk(segment: &Segment) -> io::Result<Vec<FrameRef>> {
    let mut frames: Vec<FrameRef> = Vec::new();
    let mut at = Segment::FIRST_REGION;
    let mut window = vec![0; WALK_BYTES];
    loop {
        let read = read_up_to(&segment.file, &mut window, at)?;
        if read < PRELUDE_BYTES {
            return Ok(frames);
        }
        let step = usize::try_from(BLOCK_BYTES).expect("a block fits the address space");
        let begins_here = (0..read).step_by(step).find_map(|offset| {
            let here = at + offset as u64;
            Prelude::decode(&window[offset..read], segment.id, &segment.nonce, here).map(|_| here)
        });
        let Some(here) = begins_here else {
            at += WALK_BYTES as u64;
            continue;
        };
        match frame_at(segment, here)? {
            Some(frame) => {
                at = frame.end();
                frames.push(frame);
            }
            None => at = here + BLOCK_BYTES,
        }
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
