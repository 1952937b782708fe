//! The spool as a whole: what goes in comes out, what broke off leaves nothing, what a crash left is found or swept.

mod intake;
mod survey;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tempfile::TempDir;

use super::segment::{self, Segment};
use super::*;
use crate::batch::BatchId;

const SMALL_BYTES_MAX: usize = 64 << 10;

fn open(dir: &TempDir) -> Spool {
    let options = StoreOptions {
        segment_bytes: 1 << 20,
        stock_segments: 1,
        used_id_max: 0,
        free_bytes_min: 0,
        observe_sync: Arc::new(|_| {}),
    };
    let store = SegmentStore::open(&dir.path().join("spool"), options).unwrap();
    Spool::new(Arc::new(store), 4 * SMALL_BYTES_MAX, SMALL_BYTES_MAX)
}

fn header() -> SealHeader {
    SealHeader::plain(BatchId::new(), "local")
}

fn sealed_file(name: &str, kept: KeptFile) -> SealedFile {
    let KeptFile { offset, length } = kept;
    SealedFile {
        name: name.into(),
        media_type: String::new(),
        offset,
        length,
        sha256: Sha256Digest::default(),
        upload_ms: 0,
        refused: None,
        loan: None,
    }
}

/// Takes a batch in whose files are these.
async fn store(spool: &Spool, files: &[Vec<u8>]) -> SealedBatch {
    let mut intake = spool.receive();
    let mut sealed = Vec::new();
    for (index, bytes) in files.iter().enumerate() {
        for chunk in bytes.chunks(10_000) {
            intake.write(chunk).await.unwrap();
        }
        sealed.push(sealed_file(&format!("{index}.txt"), intake.keep_file().await.unwrap()));
    }
    intake.digest(&mut sealed);
    intake.seal(header(), sealed, Box::new(|_| Ok(()))).await.unwrap()
}

fn content(spool: &Spool, batch: &SealedBatch, index: usize) -> Vec<u8> {
    let file = &batch.files[index];
    spool.store().content(&file.extent(&batch.seal)).unwrap().read_all().unwrap()
}

fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..=u8::MAX).map(|at| at.wrapping_mul(31).wrapping_add(seed)).cycle().take(length).collect()
}

fn segments(dir: &TempDir) -> Vec<u64> {
    segment::list(&dir.path().join("spool")).unwrap()
}

/// A job log that knows of these regions, or of none.
struct Log<'a>(&'a [FrameRef]);

impl Known for Log<'_> {
    fn checkpoint(&self) -> u64 {
        self.0.iter().map(|seal| seal.segment).max().unwrap_or(0)
    }

    fn is_alive(&self, segment: u64) -> bool {
        self.0.iter().any(|seal| seal.segment == segment)
    }

    fn end(&self, segment: u64) -> u64 {
        self.0.iter().filter(|seal| seal.segment == segment).map(FrameRef::end).max().unwrap_or(0)
    }

    fn is_kept(&self, _: u64) -> bool {
        false
    }
}

/// What the next start finds when the job log knows of these regions, and clears away.
fn found(dir: &TempDir, known: &[FrameRef]) -> Survey {
    let spool = open(dir);
    let survey = spool.store().survey(&Log(known)).unwrap();
    spool.store().clear(&survey, &Log(known)).unwrap();
    survey
}
