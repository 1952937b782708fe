//! A batch that is too large for memory, written block by block to a segment of its own on a blocking thread.
//!
//! The digest of a large file is made here, too, so that its bytes are received and hashed at the same time.
//!
//! What a crash leaves before the seal is synced: a segment whose end is no frame, which the next start unlinks.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::SpoolError;
use super::committer::OnCommitted;
use super::frame::{FrameBody, FrameRef};
use super::segment::{self, Segment};
use super::store::SegmentStore;
use crate::fault::{self, DurableStep};

/// The size of a write: large enough for the disk, small enough that hundreds of uploads can hold one each.
const BLOCK_BYTES: usize = 256 << 10;

/// Blocks that may wait for the disk; past it the client waits.
const BLOCK_QUEUE_MAX: usize = 4;

/// Write-back is started each time that this much has been written.
const WRITEBACK_BYTES: u64 = 16 << 20;

/// The async side of a stream into a segment.
pub struct StreamWriter {
    orders: mpsc::Sender<Order>,
    writer: JoinHandle<Result<(), SpoolError>>,
    block: Vec<u8>,
    /// Where the block in hand begins in the region.
    block_at: u64,
    /// Whether what is in hand is hashed where it is written.
    hashes: bool,
}

enum Order {
    Block {
        at: u64,
        bytes: Vec<u8>,
        is_hashed: bool,
    },
    /// The blocks that are hashed go on with this digest.
    Hash(Sha256),
    /// The digest is wanted back, with all blocks so far.
    Hashed(oneshot::Sender<Sha256>),
    LetGo {
        start: u64,
        end: u64,
    },
    Seal {
        length: u64,
        frame: FrameBody,
        on_committed: OnCommitted,
    },
}

impl StreamWriter {
    /// Takes a segment and waits for blocks.
    pub fn start(store: Arc<SegmentStore>) -> Self {
        let (orders, queue) = mpsc::channel(BLOCK_QUEUE_MAX);
        let writer = tokio::task::spawn_blocking(move || run(&store, queue));
        Self { orders, writer, block: Vec::with_capacity(BLOCK_BYTES), block_at: 0, hashes: false }
    }

    /// Appends bytes.
    pub async fn write(&mut self, mut chunk: &[u8]) -> Result<(), SpoolError> {
        while !chunk.is_empty() {
            let taken = chunk.len().min(BLOCK_BYTES - self.block.len());
            self.block.extend_from_slice(&chunk[..taken]);
            chunk = &chunk[taken..];
            if self.block.len() == BLOCK_BYTES {
                self.send_block().await?;
            }
        }
        Ok(())
    }

    /// Forgets everything from `length` on, and its digest; what is on the disk already is written over.
    pub fn cut(&mut self, length: u64) {
        self.hashes = false;
        if let Some(kept) = length.checked_sub(self.block_at) {
            self.block.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        } else {
            self.block.clear();
            self.block_at = length;
        }
    }

    /// Has everything that follows hashed where it is written, from what was hashed so far.
    pub async fn hash(&mut self, hasher: Sha256) -> Result<(), SpoolError> {
        self.send_block().await?;
        self.hashes = true;
        self.send(Order::Hash(hasher)).await
    }

    /// The digest that was handed over, with everything since; what follows is not hashed.
    pub async fn hashed(&mut self) -> Result<Sha256, SpoolError> {
        self.send_block().await?;
        let (answer, hashed) = oneshot::channel();
        self.send(Order::Hashed(answer)).await?;
        self.hashes = false;
        match hashed.await {
            Ok(digest) => Ok(digest),
            Err(_) => Err(self.failure().await),
        }
    }

    /// Gives the blocks between two places of the region back, once all before is written.
    pub async fn let_go(&mut self, start: u64, end: u64) -> Result<(), SpoolError> {
        self.send_block().await?;
        self.send(Order::LetGo { start, end }).await
    }

    /// Hands over the last block and the seal; `on_committed` is told when they are durable.
    pub async fn seal(mut self, frame: FrameBody, on_committed: OnCommitted) -> Result<(), SpoolError> {
        self.send_block().await?;
        self.send(Order::Seal { length: self.block_at, frame, on_committed }).await
    }

    async fn send_block(&mut self) -> Result<(), SpoolError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES));
        let at = self.block_at;
        self.block_at += bytes.len() as u64;
        self.send(Order::Block { at, bytes, is_hashed: self.hashes }).await
    }

    async fn send(&mut self, order: Order) -> Result<(), SpoolError> {
        match self.orders.send(order).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }

    /// Why the writer has stopped listening.
    async fn failure(&mut self) -> SpoolError {
        match (&mut self.writer).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => SpoolError::Closed,
        }
    }
}

/// The blocking side: writes until the seal, or until nobody sends any more, and then leaves no segment behind.
fn run(store: &SegmentStore, mut queue: mpsc::Receiver<Order>) -> Result<(), SpoolError> {
    let segment = store.take_own().map_err(|error| SpoolError::from_io(&error))?;
    let sealed = write_until_sealed(store, &segment, &mut queue);
    if !matches!(sealed, Ok(true)) {
        store.unlink(segment.id)?;
    }
    sealed.map(|_| ())
}

fn write_until_sealed(
    store: &SegmentStore,
    segment: &Segment,
    queue: &mut mpsc::Receiver<Order>,
) -> Result<bool, SpoolError> {
    let mut written_back = 0;
    let mut hasher = Sha256::new();
    while let Some(order) = queue.blocking_recv() {
        match order {
            Order::Block { at, bytes, is_hashed } => {
                if is_hashed {
                    hasher.update(&bytes);
                }
                fault::write(DurableStep::BlockAppend, &segment.file, &bytes, Segment::FIRST_REGION + at)
                    .map_err(|error| SpoolError::from_io(&error))?;
                let end = at + bytes.len() as u64;
                if end >= written_back + WRITEBACK_BYTES {
                    store.has_room()?;
                    segment.start_writeback(Segment::FIRST_REGION + written_back, end - written_back);
                    written_back = end;
                }
            }
            Order::Hash(begun) => hasher = begun,
            Order::Hashed(answer) => {
                // Whoever asked is gone when the upload was broken off.
                let _ = answer.send(hasher.clone());
            }
            Order::LetGo { start, end } => {
                segment::punch(&segment.file, Segment::FIRST_REGION + start, Segment::FIRST_REGION + end);
            }
            Order::Seal { length, frame, on_committed } => {
                let sealed = seal(store, segment, length, &frame).map_err(|error| SpoolError::from_io(&error));
                let durable = sealed.is_ok();
                on_committed(sealed);
                return Ok(durable);
            }
        }
    }
    Ok(false)
}

/// Writes the frame behind the data, ends the file there and makes both durable.
fn seal(store: &SegmentStore, segment: &Segment, length: u64, frame: &FrameBody) -> io::Result<FrameRef> {
    let place = frame.place(segment.id, Segment::FIRST_REGION, length);
    // The padding, too: bytes of a file that was cut off may lie there.
    let data_end = Segment::FIRST_REGION + length;
    let padding = usize::try_from(place.frame - data_end).expect("padding is shorter than a block");
    let mut bytes = vec![0; padding];
    frame.write(&place, &segment.nonce, &mut bytes);
    fault::write(DurableStep::SealAppend, &segment.file, &bytes, data_end)?;
    segment.trim(place.frame + u64::from(place.length))?;
    let begun = Instant::now();
    fault::step(DurableStep::SealSync, || segment.file.sync_data())?;
    (store.sync_observer())(begun.elapsed());
    Ok(place)
}
