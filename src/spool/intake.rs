//! One batch on its way in: its files' bytes one after the other, then its seal.
//!
//! A small batch is held in memory, out of a budget that all share, and goes to the committer whole. One that grows past
//! the limit, or past what is left of the budget, goes on in a segment of its own. Dropped without a seal, it leaves
//! nothing: the memory is freed, the segment unlinked.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::SpoolError;
use super::digests::digests;
use super::frame::{FrameBody, FrameKind};
use super::seal::{Loan, SealHeader, SealedBatch, SealedFile, Sha256Digest};
use super::store::SegmentStore;
use super::stream::StreamWriter;

/// A file that is larger than this, and not held in memory, is hashed where it is written. Getting its digest back takes as
/// long as the disk takes for what is queued, which a small file is not worth.
const HASHED_HERE_BYTES_MAX: u64 = 4 << 20;

/// The grain of the memory budget: a semaphore counts in 32 bits.
pub const BUDGET_GRAIN_BYTES: usize = 1024;

/// Runs once the seal is durable and before anyone is told; an error keeps the batch from being acknowledged.
pub type OnSealed = Box<dyn FnOnce(&SealedBatch) -> Result<(), SpoolError> + Send>;

/// A batch that is arriving.
pub struct Intake {
    store: Arc<SegmentStore>,
    budget: Arc<Semaphore>,
    small_bytes_max: usize,
    body: Body,
    /// Bytes of the batch so far, the file in hand included.
    length: u64,
    file: FileInHand,
    /// Those that stay, in their order.
    kept: Vec<Kept>,
}

/// A file that stays.
enum Kept {
    /// It lies there in memory, and its digest is to be made.
    In(Range<usize>),
    Hashed(Sha256Digest),
}

enum Body {
    Memory { bytes: Vec<u8>, held: Option<OwnedSemaphorePermit> },
    Stream(StreamWriter),
}

struct FileInHand {
    start: u64,
    /// None of a file in memory, and while the digest is made where the bytes are written.
    hasher: Option<Sha256>,
}

/// A file that has arrived and stays in the batch.
#[derive(Debug, Clone, Copy)]
pub struct KeptFile {
    /// Where the file begins in its batch's region, in bytes.
    pub offset: u64,
    pub length: u64,
}

impl Intake {
    pub(super) fn new(store: Arc<SegmentStore>, budget: Arc<Semaphore>, small_bytes_max: usize) -> Self {
        let body = Body::Memory { bytes: Vec::new(), held: None };
        let file = FileInHand { start: 0, hasher: None };
        Self { store, budget, small_bytes_max, body, length: 0, file, kept: Vec::new() }
    }

    /// The bytes of the batch so far.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes to the file in hand; waits while the disk is slower than the client.
    ///
    /// # Errors
    /// When the segment could not be made or written; the batch is lost then.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), SpoolError> {
        if !self.fits_in_memory(chunk.len()) {
            self.spill().await?;
        }
        if let Some(hasher) = &mut self.file.hasher {
            hasher.update(chunk);
        }
        match &mut self.body {
            Body::Memory { bytes, .. } => bytes.extend_from_slice(chunk),
            Body::Stream(stream) => stream.write(chunk).await?,
        }
        self.length += chunk.len() as u64;
        if let Body::Stream(stream) = &mut self.body
            && self.length - self.file.start > HASHED_HERE_BYTES_MAX
            && let Some(hasher) = self.file.hasher.take()
        {
            stream.hash(hasher).await?;
        }
        Ok(())
    }

    /// The SHA-256 of the file in hand so far.
    ///
    /// # Errors
    /// When the segment could not be written; the batch is lost then.
    pub async fn sha256(&mut self) -> Result<Sha256Digest, SpoolError> {
        let stream = match &mut self.body {
            Body::Memory { bytes, .. } => return Ok(Sha256::digest(&bytes[in_memory(self.file.start)..]).into()),
            Body::Stream(stream) => stream,
        };
        let hasher = match self.file.hasher.take() {
            Some(hasher) => hasher,
            None => stream.hashed().await?,
        };
        Ok(self.file.hasher.insert(hasher).clone().finalize().into())
    }

    /// Ends the file in hand; the next byte is the next file's.
    ///
    /// # Errors
    /// When the segment could not be written; the batch is lost then.
    pub async fn keep_file(&mut self) -> Result<KeptFile, SpoolError> {
        let start = self.file.start;
        let kept = match &self.body {
            Body::Memory { .. } => Kept::In(in_memory(start)..in_memory(self.length)),
            Body::Stream(_) => Kept::Hashed(self.sha256().await?),
        };
        self.kept.push(kept);
        self.begin_file();
        Ok(KeptFile { offset: start, length: self.length - start })
    }

    /// Fills in the digests of the batch's files, which are these, in the order in which they were kept.
    pub fn digest(&mut self, files: &mut [SealedFile]) {
        self.hash_kept();
        for (file, kept) in files.iter_mut().zip(&self.kept) {
            if let Kept::Hashed(sha256) = kept {
                file.sha256 = *sha256;
            }
        }
    }

    /// Makes the digests that are to be made.
    fn hash_kept(&mut self) {
        let Body::Memory { bytes, .. } = &self.body else { return };
        let (mut unhashed, mut files) = (Vec::new(), Vec::new());
        for kept in &mut self.kept {
            if let Kept::In(file) = kept {
                files.push(file.clone());
                unhashed.push(kept);
            }
        }
        for (kept, sha256) in unhashed.into_iter().zip(digests(bytes, &files)) {
            *kept = Kept::Hashed(sha256);
        }
    }

    fn begin_file(&mut self) {
        let hasher = matches!(self.body, Body::Stream(_)).then(Sha256::new);
        self.file = FileInHand { start: self.length, hasher };
    }

    /// Takes the file in hand out again, as if it had never come.
    ///
    /// # Panics
    /// Never: what is in memory fits its address space.
    pub fn cut_file(&mut self) {
        self.length = self.file.start;
        self.begin_file();
        match &mut self.body {
            Body::Memory { bytes, .. } => bytes.truncate(in_memory(self.length)),
            Body::Stream(stream) => stream.cut(self.length),
        }
    }

    /// Lets the bytes of those files go that have them on loan, and says where the others lie now.
    ///
    /// # Errors
    /// When the segment could not be written; the batch is lost then.
    ///
    /// # Panics
    /// When a file borrows from one of the batch that comes after it.
    pub async fn let_go(&mut self, files: &mut [SealedFile]) -> Result<(), SpoolError> {
        match &mut self.body {
            Body::Memory { bytes, .. } => {
                close_up(bytes, files);
                self.length = bytes.len() as u64;
            }
            Body::Stream(stream) => {
                for file in files.iter().filter(|file| file.loan.is_some()) {
                    stream.let_go(file.offset, file.offset + file.length).await?;
                }
            }
        }
        for at in 0..files.len() {
            if let Some(Loan { lender, place }) = files[at].loan {
                files[at].offset = if place.is_some() { 0 } else { files[..at][lender.index()].offset };
            }
        }
        Ok(())
    }

    /// Seals the batch and returns when the seal is durable and `on_sealed` has run.
    ///
    /// # Errors
    /// When the bytes or the seal could not be made durable, or `on_sealed` refused; the batch does not exist then.
    pub async fn seal(
        self,
        header: SealHeader,
        files: Vec<SealedFile>,
        on_sealed: OnSealed,
    ) -> Result<SealedBatch, SpoolError> {
        let frame = FrameBody::encode(FrameKind::Seal, &header, &files);
        let (answer, answered) = oneshot::channel();
        let store = Arc::clone(&self.store);
        let on_committed = Box::new(move |committed: Result<_, _>| {
            let sealed = committed.and_then(|seal| {
                let batch = SealedBatch { header, seal, files };
                match on_sealed(&batch) {
                    Ok(()) => Ok(batch),
                    // Nobody will be told of it, so no start may find it.
                    Err(SpoolError::NotEntered) => store.erase(&[seal]).and(Err(SpoolError::NotEntered)),
                    // The log may hold it, so its bytes stay: a batch of which nobody was told, and whole.
                    Err(error) => Err(error),
                }
            });
            // Nobody waits any more when the client has gone; the batch is durable all the same.
            let _ = answer.send(sealed);
        });
        match self.body {
            Body::Memory { bytes, held } => {
                self.store.append(bytes, frame, on_committed).await?;
                let sealed = answered.await.unwrap_or(Err(SpoolError::Closed));
                drop(held);
                sealed
            }
            Body::Stream(stream) => {
                stream.seal(frame, on_committed).await?;
                answered.await.unwrap_or(Err(SpoolError::Closed))
            }
        }
    }

    /// Whether `more` bytes can be held, and takes them out of the budget if so.
    fn fits_in_memory(&mut self, more: usize) -> bool {
        let Body::Memory { bytes, held } = &mut self.body else { return true };
        let wanted = bytes.len() + more;
        if wanted > self.small_bytes_max {
            return false;
        }
        if wanted <= bytes.capacity() {
            return true;
        }
        let capacity = wanted.next_power_of_two().clamp(BUDGET_GRAIN_BYTES, self.small_bytes_max.max(wanted));
        let grains = (capacity - bytes.capacity()).div_ceil(BUDGET_GRAIN_BYTES);
        let grains = u32::try_from(grains).expect("a small batch is below 4 TiB");
        let Ok(permit) = Arc::clone(&self.budget).try_acquire_many_owned(grains) else { return false };
        match held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
        bytes.reserve_exact(capacity - bytes.len());
        true
    }

    /// Goes on in a segment of its own, with what has come so far at its start.
    async fn spill(&mut self) -> Result<(), SpoolError> {
        self.hash_kept();
        if let Body::Memory { bytes, .. } = &mut self.body {
            let bytes = std::mem::take(bytes);
            self.file.hasher = Some(Sha256::new_with_prefix(&bytes[in_memory(self.file.start)..]));
            let mut stream = StreamWriter::start(Arc::clone(&self.store));
            stream.write(&bytes).await?;
            self.body = Body::Stream(stream);
        }
        Ok(())
    }
}

/// A place in a batch that is held in memory.
fn in_memory(at: u64) -> usize {
    usize::try_from(at).expect("what is in memory fits its address space")
}

/// Takes the bytes of borrowers out from between the others'.
fn close_up(bytes: &mut Vec<u8>, files: &mut [SealedFile]) {
    let mut end = 0;
    for file in files.iter_mut().filter(|file| file.loan.is_none()) {
        let start = in_memory(file.offset);
        bytes.copy_within(start..start + in_memory(file.length), end);
        file.offset = end as u64;
        end += in_memory(file.length);
    }
    bytes.truncate(end);
}
