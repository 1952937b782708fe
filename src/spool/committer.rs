//! Group commit: one thread appends whatever regions are waiting to the active segment and syncs once for all of them.
//!
//! What a crash leaves: before the sync, regions that nobody was told of, whole or torn; after it, regions whose frames
//! prove them. A sync that fails is never repeated as if nothing had happened: the group is refused, cut off, and the next
//! one goes to another segment.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;

use super::frame::{FrameBody, FrameKind, FrameRef};
use super::segment::{Segment, SegmentKind};
use super::stock::Stock;
use super::{SpoolError, SyncObserver};
use crate::fault::{self, DurableStep};

/// Regions that may wait for the committer; past it, appending waits. Each is at most a small batch or a group of results.
pub const COMMIT_QUEUE_MAX: usize = 64;

/// A group is closed when it holds this many bytes, so that those who wait first are not kept by those who come last.
const GROUP_BYTES_MAX: usize = 64 << 20;

/// Called by the committer, in the order of the regions in the segment, when a region is durable or refused.
pub type OnCommitted = Box<dyn FnOnce(Result<FrameRef, SpoolError>) + Send>;

/// A region to append.
pub struct Append {
    pub data: Vec<u8>,
    pub frame: FrameBody,
    pub on_committed: OnCommitted,
}

/// The committer's state, on its own thread.
pub struct Committer {
    queue: mpsc::Receiver<Append>,
    stock: Arc<Stock>,
    segment_bytes: u64,
    observe_sync: SyncObserver,
    active: Option<Active>,
    /// The active segment's id, for those who must leave it alone.
    active_id: Arc<AtomicU64>,
}

struct Active {
    segment: Segment,
    end: u64,
}

impl Committer {
    pub fn new(
        queue: mpsc::Receiver<Append>,
        stock: Arc<Stock>,
        segment_bytes: u64,
        observe_sync: SyncObserver,
        active_id: Arc<AtomicU64>,
    ) -> Self {
        Self { queue, stock, segment_bytes, observe_sync, active: None, active_id }
    }

    /// Commits groups until every sender is gone.
    pub fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut bytes = first.data.len();
            let mut group = vec![first];
            while bytes < GROUP_BYTES_MAX
                && let Ok(next) = self.queue.try_recv()
            {
                bytes += next.data.len();
                group.push(next);
            }
            self.commit(group);
        }
        if let Some(active) = self.active.take() {
            active.retire();
        }
    }

    fn commit(&mut self, group: Vec<Append>) {
        let (regions, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|append| ((append.data, append.frame), append.on_committed)).unzip();
        match self.write_and_sync(regions) {
            Ok(places) => {
                for (answer, place) in answers.into_iter().zip(places) {
                    answer(Ok(place));
                }
            }
            Err(error) => {
                log::error!("a group of {} regions could not be made durable: {error}", answers.len());
                // Before anybody is told, so that whoever tries again finds it known.
                self.stock.note(&error);
                for answer in answers {
                    answer(Err(SpoolError::from_io(&error)));
                }
            }
        }
    }

    fn write_and_sync(&mut self, regions: Vec<(Vec<u8>, FrameBody)>) -> io::Result<Vec<FrameRef>> {
        let mut active = match self.active.take() {
            Some(active) if active.end < self.segment_bytes => active,
            spent => {
                if let Some(spent) = spent {
                    spent.retire();
                }
                let segment = self.stock.take(SegmentKind::Shared)?;
                self.active_id.store(segment.id, Ordering::Release);
                Active { segment, end: Segment::FIRST_REGION }
            }
        };
        let start = active.end;
        let sync = regions.first().map_or(DurableStep::SealSync, |(_, frame)| steps_of(frame).1);
        let committed = append_all(&mut active, regions).and_then(|places| {
            let begun = Instant::now();
            fault::step(sync, || active.segment.file.sync_data())?;
            (self.observe_sync)(begun.elapsed());
            Ok(places)
        });
        match committed {
            Ok(places) => {
                self.active = Some(active);
                Ok(places)
            }
            Err(error) => {
                // Synced, so that a refused group does not come back after a power cut.
                if let Err(error) = active.segment.trim(start).and_then(|()| active.segment.file.sync_data()) {
                    log::error!("segment {}: a refused group could not be cut off: {error}", active.segment.id);
                }
                Err(error)
            }
        }
    }
}

impl Active {
    /// Gives back the room behind the last region; nothing more is appended.
    fn retire(self) {
        if let Err(error) = self.segment.trim(self.end) {
            log::warn!("segment {}: its spare room is kept: {error}", self.segment.id);
        }
    }
}

/// The steps that make a region durable: its writing and its sync.
const fn steps_of(frame: &FrameBody) -> (DurableStep, DurableStep) {
    match frame.kind() {
        FrameKind::Seal => (DurableStep::SealAppend, DurableStep::SealSync),
        FrameKind::Results => (DurableStep::ResultAppend, DurableStep::ResultSync),
    }
}

/// Writes the regions one after the other and moves the segment's end behind them.
fn append_all(active: &mut Active, regions: Vec<(Vec<u8>, FrameBody)>) -> io::Result<Vec<FrameRef>> {
    let mut places = Vec::with_capacity(regions.len());
    for (mut bytes, frame) in regions {
        let place = frame.place(active.segment.id, active.end, bytes.len() as u64);
        let frame_at = usize::try_from(place.frame - place.region).expect("a region in memory fits its address space");
        bytes.resize(frame_at, 0);
        frame.write(&place, &active.segment.nonce, &mut bytes);
        fault::write(steps_of(&frame).0, &active.segment.file, &bytes, active.end)?;
        active.end = place.end();
        places.push(place);
    }
    Ok(places)
}
