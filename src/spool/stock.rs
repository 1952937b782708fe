//! A small stock of segments that are ready for use: created, preallocated, and their directory synced.
//!
//! A keeper thread fills it, so that no answer waits for a segment to be made. When the stock is empty a segment is made
//! on the spot, and its failure is the caller's.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::segment::{Segment, SegmentKind, sync_dir};

/// How long the keeper leaves a disk alone on which it could not make a segment.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Where segments come from.
#[derive(Debug)]
pub struct Stock {
    shelf: Arc<Shelf>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shelf {
    dir: PathBuf,
    segment_bytes: u64,
    ready_min: usize,
    next_id: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Segment>,
    closed: bool,
}

impl Stock {
    /// A stock of `ready_min` segments of `segment_bytes` in `dir`, the first of them with the id `next_id`.
    pub fn open(dir: PathBuf, next_id: u64, segment_bytes: u64, ready_min: usize) -> io::Result<Self> {
        let shelf = Arc::new(Shelf {
            dir,
            segment_bytes,
            ready_min,
            next_id: AtomicU64::new(next_id),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let kept = Arc::clone(&shelf);
        let keeper = std::thread::Builder::new().name("stock".into()).spawn(move || kept.keep())?;
        Ok(Self { shelf, keeper: Some(keeper) })
    }

    /// Takes a segment out of the stock; blocks while one is made if there is none.
    pub fn take(&self, kind: SegmentKind) -> io::Result<Segment> {
        let ready = self.shelf.lock().ready.pop_front();
        self.shelf.changed.notify_all();
        ready.map_or_else(|| self.shelf.make(), Ok)?.take_for(kind)
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        self.shelf.lock().closed = true;
        self.shelf.changed.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

impl Shelf {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self) -> io::Result<Segment> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let segment = Segment::create(&self.dir, id, self.segment_bytes)?;
        sync_dir(&self.dir)?;
        Ok(segment)
    }

    /// The keeper's loop: makes segments while there are too few, and waits.
    fn keep(&self) {
        let mut state = self.lock();
        while !state.closed {
            if state.ready.len() >= self.ready_min {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            let made = self.make();
            state = self.lock();
            match made {
                Ok(segment) => state.ready.push_back(segment),
                Err(error) => {
                    log::warn!("no segment could be made ahead of need: {error}");
                    let waited = self.changed.wait_timeout_while(state, RETRY_AFTER, |state| !state.closed);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}
