//! One segment: an append-only file whose first block names it and whose regions each end in a frame.
//!
//! A segment is created, preallocated and its directory synced ahead of need; what it is for is written into its header
//! when it is taken from the stock. The header needs no sync of its own: the first sync of what follows covers it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};

use super::frame::{BLOCK_BYTES, Nonce};
use crate::fault::{self, DurableStep};

const MAGIC: &[u8; 8] = b"CSGNSEGM";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 40;
const EXTENSION: &str = "seg";

/// What a segment is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum SegmentKind {
    /// Ready for use, and empty.
    Stock = 0,
    /// Many regions, written by the committer.
    Shared = 1,
    /// One region with a stream's bytes; its frame ends at the end of the file.
    Own = 2,
}

/// An open segment.
#[derive(Debug, Clone)]
pub struct Segment {
    pub id: u64,
    pub kind: SegmentKind,
    pub nonce: Nonce,
    pub file: Arc<File>,
}

impl Segment {
    /// Where the first region begins, in bytes.
    pub const FIRST_REGION: u64 = BLOCK_BYTES;

    /// Creates an empty segment with room for `bytes`, durable but for its directory entry.
    pub fn create(dir: &Path, id: u64, bytes: u64) -> io::Result<Self> {
        let create = || OpenOptions::new().read(true).write(true).create_new(true).open(path(dir, id));
        let file = fault::step(DurableStep::SegmentCreate, create)?;
        // Room is a gain in speed, not a promise: a filesystem without it, or without space for it, still takes writes.
        let _ = fault::step(DurableStep::SegmentPreallocate, || {
            fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes).map_err(io::Error::from)
        });
        let segment = Self { id, kind: SegmentKind::Stock, nonce: rand::random(), file: Arc::new(file) };
        segment.write_header()?;
        fault::step(DurableStep::SegmentSync, || segment.file.sync_all())?;
        Ok(segment)
    }

    /// Opens a segment that exists.
    ///
    /// # Errors
    /// `UnexpectedEof` when no header was ever written, `InvalidData` when there is one and it is not this segment's.
    pub fn open(dir: &Path, id: u64) -> io::Result<Self> {
        let file = open(dir, id)?;
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        // Before its header a segment holds nothing; one that holds something has lost it.
        if bytes == [0; HEADER_BYTES] && file.metadata()?.len() <= HEADER_BYTES as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match Header::decode(&bytes) {
            Some(Header { version: VERSION, kind: Some(kind), id: found, nonce }) if found == id => {
                Ok(Self { id, kind, nonce, file: Arc::new(file) })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// The file of a segment in which places are known from elsewhere: a damaged header costs none of them.
    ///
    /// # Errors
    /// `InvalidData` when the header is whole and that of something else.
    pub fn open_file(dir: &Path, id: u64) -> io::Result<File> {
        let file = open(dir, id)?;
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        match Header::decode(&bytes) {
            Some(header) if (header.version, header.id) != (VERSION, id) => Err(io::ErrorKind::InvalidData.into()),
            _ => Ok(file),
        }
    }

    /// Says what the segment is for from now on.
    pub fn take_for(mut self, kind: SegmentKind) -> io::Result<Self> {
        self.kind = kind;
        self.write_header()?;
        Ok(self)
    }

    fn write_header(&self) -> io::Result<()> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend((self.kind as u16).to_le_bytes());
        header.extend(self.id.to_le_bytes());
        header.extend(self.nonce);
        header.extend(crc32fast::hash(&header).to_le_bytes());
        fault::write(DurableStep::SegmentHeader, &self.file, &header, 0)
    }

    /// Starts writing a range back to the disk without waiting for it, so that the sync at the end is short.
    ///
    /// The kernel starts write-back of the dirty pages that it is told will not be needed, and keeps those that are still
    /// dirty: what was just written stays in the page cache for the verifier.
    pub fn start_writeback(&self, offset: u64, length: u64) {
        let _ = fadvise(&*self.file, offset, std::num::NonZeroU64::new(length), Advice::DontNeed);
    }

    /// Ends the file at `end` and gives back the room that was preallocated behind it.
    pub fn trim(&self, end: u64) -> io::Result<()> {
        fault::step(DurableStep::SegmentTrim, || self.file.set_len(end))
    }
}

/// What a header says, if its checksum is right.
struct Header {
    version: u16,
    kind: Option<SegmentKind>,
    id: u64,
    nonce: Nonce,
}

impl Header {
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let is_whole = bytes.starts_with(MAGIC) && bytes[36..] == crc32fast::hash(&bytes[..36]).to_le_bytes();
        let kind = match u16::from_le_bytes([bytes[10], bytes[11]]) {
            0 => Some(SegmentKind::Stock),
            1 => Some(SegmentKind::Shared),
            2 => Some(SegmentKind::Own),
            _ => None,
        };
        is_whole.then(|| Self {
            version: u16::from_le_bytes([bytes[8], bytes[9]]),
            kind,
            id: u64::from_le_bytes(*bytes[12..].first_chunk().expect("the header holds an id")),
            nonce: *bytes[20..].first_chunk().expect("the header holds a nonce"),
        })
    }
}

/// Opens a segment's file, which must be one.
fn open(dir: &Path, id: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path(dir, id))?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Gives the blocks of a segment's file that lie wholly inside a range back to the filesystem, where it can.
pub fn punch(file: &File, start: u64, end: u64) {
    let (start, end) = (start.next_multiple_of(BLOCK_BYTES), end / BLOCK_BYTES * BLOCK_BYTES);
    if start < end {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let punch = || fallocate(file, flags, start, end - start).map_err(io::Error::from);
        if let Err(error) = fault::step(DurableStep::HolePunch, punch) {
            log::debug!("blocks are kept, the filesystem cannot punch holes: {error}");
        }
    }
}

/// The path of a segment.
pub fn path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:012}.{EXTENSION}"))
}

/// The ids of the segments in a directory, ascending.
pub fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let id: Option<u64> = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            ids.extend(id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Makes the directory's entries durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    fault::step(DurableStep::DirectorySync, || File::open(dir)?.sync_all())
}
