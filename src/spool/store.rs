//! A directory of segments: regions go in at the end, are read by their place, and are erased with their batch.
//!
//! The spool is one, the results are another. Reading needs no lock on writing: what a frame vouches for never changes.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::committer::{Append, COMMIT_QUEUE_MAX, Committer, OnCommitted};
use super::content::Content;
use super::extent::Extent;
use super::frame::{self, FrameBody, FrameRef, Prelude};
use super::segment::{self, Segment, SegmentKind};
use super::stock::{Stock, StockOptions};
use super::{SpoolError, SyncObserver};

/// Segments that are kept open for reading; past it all are closed and opened again on demand.
const OPEN_SEGMENTS_MAX: usize = 256;

/// How a store is set up.
#[derive(Clone)]
pub struct StoreOptions {
    /// A shared segment takes no more regions once it has this many bytes.
    pub segment_bytes: u64,
    /// How many segments are kept ready.
    pub stock_segments: usize,
    /// Ids up to and including this one are never given again, even if their segments are gone.
    pub used_id_max: u64,
    /// The store has no room once less than this is free on the disk, in bytes.
    pub free_bytes_min: u64,
    /// Told of each sync and how long it took.
    pub observe_sync: SyncObserver,
}

/// A directory of segments.
pub struct SegmentStore {
    dir: PathBuf,
    first_new_id: u64,
    free_bytes_min: u64,
    active_id: Arc<AtomicU64>,
    stock: Arc<Stock>,
    observe_sync: SyncObserver,
    appends: Option<mpsc::Sender<Append>>,
    committer: Option<JoinHandle<()>>,
    open: Mutex<HashMap<u64, Arc<File>>>,
}

impl SegmentStore {
    /// Opens a directory, which is made if it is not there, and starts its committer.
    ///
    /// # Errors
    /// When the directory cannot be made, read or synced.
    pub fn open(dir: &Path, options: StoreOptions) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        if let Some(parent) = dir.parent() {
            segment::sync_dir(parent)?;
        }
        let StoreOptions { segment_bytes, stock_segments, used_id_max, free_bytes_min, observe_sync } = options;
        let last = segment::list(dir)?.last().copied().unwrap_or(0).max(used_id_max);
        let first_new_id = last + 1;
        let stock = Arc::new(Stock::open(StockOptions {
            dir: dir.to_owned(),
            first_id: first_new_id,
            segment_bytes,
            ready_min: stock_segments,
        })?);
        let active_id = Arc::new(AtomicU64::new(0));
        let (appends, queue) = mpsc::channel(COMMIT_QUEUE_MAX);
        let committer =
            Committer::new(queue, Arc::clone(&stock), segment_bytes, Arc::clone(&observe_sync), Arc::clone(&active_id));
        let committer = std::thread::Builder::new().name("committer".into()).spawn(move || committer.run())?;
        Ok(Self {
            dir: dir.to_owned(),
            first_new_id,
            free_bytes_min,
            active_id,
            stock,
            observe_sync,
            appends: Some(appends),
            committer: Some(committer),
            open: Mutex::default(),
        })
    }

    /// Hands a region to the committer; waits while its queue is full.
    ///
    /// `on_committed` runs on the committer's thread, in the order of the regions.
    ///
    /// # Errors
    /// [`SpoolError::Closed`] when the committer is gone.
    pub async fn append(&self, data: Vec<u8>, frame: FrameBody, on_committed: OnCommitted) -> Result<(), SpoolError> {
        let appends = self.appends.as_ref().ok_or(SpoolError::Closed)?;
        appends.send(Append { data, frame, on_committed }).await.map_err(|_| SpoolError::Closed)
    }

    /// A segment for one stream; blocks while one is made if there is none in stock.
    pub(super) fn take_own(&self) -> io::Result<Segment> {
        self.stock.take(SegmentKind::Own)
    }

    /// Whether more may be written, or would eat what is kept free for others.
    ///
    /// # Errors
    /// [`SpoolError::Full`] when there is no room, or the filesystem's own error when it does not say.
    pub fn has_room(&self) -> Result<(), SpoolError> {
        (super::free_bytes(&self.dir)? >= self.free_bytes_min).then_some(()).ok_or(SpoolError::Full)
    }

    /// Whether regions are still being committed, on a disk that takes writes as far as is known.
    #[must_use]
    pub fn is_working(&self) -> bool {
        !self.stock.is_read_only() && self.appends.as_ref().is_some_and(|appends| !appends.is_closed())
    }

    /// Whether the segment is one stream's own.
    ///
    /// # Errors
    /// When the segment cannot be opened.
    pub fn is_own(&self, segment: u64) -> Result<bool, SpoolError> {
        let segment = Segment::open(&self.dir, segment).map_err(|error| SpoolError::from_io(&error))?;
        Ok(segment.kind == SegmentKind::Own)
    }

    pub(super) fn sync_observer(&self) -> SyncObserver {
        Arc::clone(&self.observe_sync)
    }

    /// The first id that was free when the store was opened.
    pub(super) const fn first_new_id(&self) -> u64 {
        self.first_new_id
    }

    /// Whether regions are being appended to the segment.
    #[must_use]
    pub fn is_active(&self, segment: u64) -> bool {
        self.active_id.load(Ordering::Acquire) == segment
    }

    /// The bytes that the segments take on the disk.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn disk_bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.dir)? {
            match entry?.metadata() {
                Ok(metadata) => bytes += metadata.blocks() * 512,
                // A segment may be unlinked between the two calls.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The header of a frame.
    ///
    /// # Errors
    /// [`SpoolError::Missing`] when the segment is gone, [`SpoolError::Damaged`] when the bytes are not the header's.
    pub fn header<H: DeserializeOwned>(&self, place: &FrameRef) -> Result<H, SpoolError> {
        let bytes = self.read(place.segment, place.header_at(), place.header_length as usize)?;
        frame::decode_checked(&bytes).ok_or(SpoolError::Damaged)
    }

    /// Whether a frame is what was written, whatever the segment's header says. Reads all of it.
    ///
    /// # Errors
    /// When the segment is there and cannot be read.
    pub fn is_whole(&self, place: &FrameRef) -> Result<bool, SpoolError> {
        match self.read(place.segment, place.frame, place.length as usize) {
            Ok(bytes) => Ok(Prelude::of(&bytes, place).is_some_and(|prelude| prelude.vouches_for(&bytes))),
            Err(SpoolError::Damaged | SpoolError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Entries `from` to `to` of a frame, without reading the others.
    ///
    /// # Errors
    /// [`SpoolError::Missing`] when the segment is gone, [`SpoolError::Damaged`] when an entry's checksum is wrong.
    pub fn entries<E: DeserializeOwned>(&self, place: &FrameRef, from: usize, to: usize) -> Result<Vec<E>, SpoolError> {
        let to = to.min(place.entries as usize);
        if from >= to {
            return Ok(Vec::new());
        }
        let table = self.read(place.segment, place.table_at() + 4 * from as u64, 4 * (to - from + 1))?;
        let span = frame::entries_span(&table, place.length).ok_or(SpoolError::Damaged)?;
        let bytes = self.read(place.segment, place.entries_at() + u64::from(span.start), span.len())?;
        frame::decode_entries(&table, &bytes).ok_or(SpoolError::Damaged)
    }

    /// An extent's bytes, to be read piece by piece.
    ///
    /// # Errors
    /// [`SpoolError::Missing`] when the segment is gone.
    pub fn content(&self, extent: &Extent) -> Result<Content, SpoolError> {
        Ok(Content::new(self.file(extent.segment)?, extent.start, extent.length))
    }

    fn read(&self, segment: u64, at: u64, length: usize) -> Result<Vec<u8>, SpoolError> {
        let mut bytes = vec![0; length];
        self.file(segment)?.read_exact_at(&mut bytes, at).map_err(|error| SpoolError::from_io(&error))?;
        Ok(bytes)
    }

    pub(super) fn file(&self, segment: u64) -> Result<Arc<File>, SpoolError> {
        if let Some(file) = self.lock().get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(Segment::open_file(&self.dir, segment).map_err(|error| SpoolError::from_io(&error))?);
        let mut open = self.lock();
        if open.len() >= OPEN_SEGMENTS_MAX {
            open.clear();
        }
        open.insert(segment, Arc::clone(&file));
        Ok(file)
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<File>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SegmentStore {
    /// Lets the committer finish what it was given.
    fn drop(&mut self) {
        self.appends = None;
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}
