//! A small stock of segments that are ready for use: created, preallocated, and their directory synced.
//!
//! One keeper thread makes them all, so that their ids rise in the order in which they are taken, and no answer waits for
//! a segment to be made unless the stock has run out. When none can be made, whoever waits is told why.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::segment::{Segment, SegmentKind, sync_dir};

/// How long the keeper leaves a disk alone on which it could not make a segment, unless somebody asks for one.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Where segments come from.
#[derive(Debug)]
pub struct Stock {
    shelf: Arc<Shelf>,
    keeper: Option<JoinHandle<()>>,
}

/// How a stock is set up.
#[derive(Debug)]
pub struct StockOptions {
    pub dir: PathBuf,
    /// The id of the first segment.
    pub first_id: u64,
    /// The room that a segment is preallocated with.
    pub segment_bytes: u64,
    /// How many segments are kept ready.
    pub ready_min: usize,
}

#[derive(Debug)]
struct Shelf {
    options: StockOptions,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the disk refused a write because it is read-only, and has not let a segment be made since.
    is_read_only: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Segment>,
    made: u64,
    /// Those who wait for a segment and have not been told yet that none can be made.
    asking: usize,
    /// How often none could be made, and why the last time.
    failures: u64,
    failure: Option<io::ErrorKind>,
    closed: bool,
}

impl Stock {
    /// Starts the keeper.
    pub fn open(options: StockOptions) -> io::Result<Self> {
        let shelf = Arc::new(Shelf {
            options,
            state: Mutex::default(),
            changed: Condvar::new(),
            is_read_only: AtomicBool::new(false),
        });
        let kept = Arc::clone(&shelf);
        let keeper = std::thread::Builder::new().name("stock".into()).spawn(move || kept.keep())?;
        Ok(Self { shelf, keeper: Some(keeper) })
    }

    /// Takes a segment out of the stock; blocks while one is made if there is none.
    pub fn take(&self, kind: SegmentKind) -> io::Result<Segment> {
        self.shelf.take()?.take_for(kind)
    }

    /// Notes what the disk said to a write.
    pub fn note(&self, refusal: &io::Error) {
        self.shelf.note(refusal);
    }

    /// Whether the disk takes no writes, as far as is known.
    pub fn is_read_only(&self) -> bool {
        self.shelf.is_read_only.load(Ordering::Acquire)
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> io::Result<Segment> {
        let mut state = self.lock();
        let failures_before = state.failures;
        state.asking += 1;
        self.changed.notify_all();
        let taken = loop {
            if let Some(segment) = state.ready.pop_front() {
                break Ok(segment);
            }
            if state.closed || state.failures > failures_before {
                break Err(state.failure.unwrap_or(io::ErrorKind::Other).into());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        if taken.is_ok() {
            state.asking = state.asking.saturating_sub(1);
            self.changed.notify_all();
        }
        taken
    }

    fn note(&self, refusal: &io::Error) {
        if refusal.kind() == io::ErrorKind::ReadOnlyFilesystem {
            self.is_read_only.store(true, Ordering::Release);
        }
    }

    fn make(&self, id: u64) -> io::Result<Segment> {
        let segment = Segment::create(&self.options.dir, id, self.options.segment_bytes)?;
        sync_dir(&self.options.dir)?;
        Ok(segment)
    }

    /// The keeper's loop: makes segments while there are too few, and waits.
    fn keep(&self) {
        let mut state = self.lock();
        while !state.closed {
            if state.ready.len() >= self.options.ready_min {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let id = self.options.first_id + state.made;
            state.made += 1;
            drop(state);
            let made = self.make(id);
            state = self.lock();
            match made {
                Ok(segment) => {
                    self.is_read_only.store(false, Ordering::Release);
                    state.ready.push_back(segment);
                    self.changed.notify_all();
                }
                Err(error) => {
                    log::warn!("segment {id} could not be made: {error}");
                    self.note(&error);
                    state.failures += 1;
                    state.failure = Some(error.kind());
                    // All of them are told; whoever asks from now on is worth another try.
                    state.asking = 0;
                    self.changed.notify_all();
                    let is_idle = |state: &mut State| !state.closed && state.asking == 0;
                    let waited = self.changed.wait_timeout_while(state, RETRY_AFTER, is_idle);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}
