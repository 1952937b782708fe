//! The spool as a whole: what goes in comes out, what broke off leaves nothing, what a crash left is found or swept.

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
    SealHeader { batch: BatchId::new(), created_ms: 1, owner: "local".into(), metadata: None, bytes_total: 0 }
}

fn sealed_file(name: &str, kept: KeptFile) -> SealedFile {
    let KeptFile { offset, length, sha256 } = kept;
    SealedFile { name: name.into(), media_type: String::new(), offset, length, sha256, upload_ms: 0, refused: None }
}

/// Takes a batch in whose files are these.
async fn store(spool: &Spool, files: &[Vec<u8>]) -> SealedBatch {
    let mut intake = spool.receive();
    let mut sealed = Vec::new();
    for (index, bytes) in files.iter().enumerate() {
        for chunk in bytes.chunks(10_000) {
            intake.write(chunk).await.unwrap();
        }
        sealed.push(sealed_file(&format!("{index}.txt"), intake.keep_file()));
    }
    intake.seal(header(), sealed, Box::new(|_| Ok(()))).await.unwrap()
}

fn content(spool: &Spool, batch: &SealedBatch, index: usize) -> Vec<u8> {
    let file = &batch.files[index];
    spool.store().content(batch.seal.segment, batch.seal.region + file.offset, file.length).unwrap().read_all().unwrap()
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

/// What the next start finds when the job log knows of these regions.
fn found(dir: &TempDir, known: &[FrameRef]) -> Survey {
    open(dir).store().survey(&Log(known)).unwrap()
}

#[tokio::test]
async fn small_and_large_batches_come_out_as_they_went_in() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    for files in [vec![bytes(1, 0), bytes(2, 100)], vec![bytes(3, 5_000), bytes(4, 300_000), bytes(5, 1)]] {
        let batch = store(&spool, &files).await;
        for (index, file) in files.iter().enumerate() {
            assert!(content(&spool, &batch, index) == *file);
        }
        let entries: Vec<SealedFile> = spool.store().entries(&batch.seal, 0, usize::MAX).unwrap();
        assert_eq!(entries, batch.files);
        let last: Vec<SealedFile> = spool.store().entries(&batch.seal, files.len() - 1, files.len()).unwrap();
        assert_eq!(last.first(), batch.files.last());
        assert_eq!(spool.store().header::<SealHeader>(&batch.seal).unwrap(), batch.header);
    }
}

#[tokio::test]
async fn a_refused_file_is_cut_out_of_small_and_large_batches() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    for refused in [1_000, 500_000] {
        let mut intake = spool.receive();
        intake.write(b"first").await.unwrap();
        let first = intake.keep_file();
        intake.write(&bytes(9, refused)).await.unwrap();
        intake.cut_file();
        intake.write(b"second").await.unwrap();
        let second = intake.keep_file();
        assert_eq!((second.offset, second.length), (5, 6));
        let files = vec![sealed_file("first", first), sealed_file("second", second)];
        let batch = intake.seal(header(), files, Box::new(|_| Ok(()))).await.unwrap();
        assert_eq!(content(&spool, &batch, 0), b"first");
        assert_eq!(content(&spool, &batch, 1), b"second");
    }
}

#[tokio::test]
async fn a_batch_that_breaks_off_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    for length in [1_000, 500_000] {
        let mut intake = spool.receive();
        intake.write(&bytes(1, length)).await.unwrap();
        drop(intake);
    }
    drop(spool);
    assert!(found(&dir, &[]).frames.is_empty());
}

#[tokio::test]
async fn a_start_finds_every_sealed_batch_and_sweeps_the_rest() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let mut seals = Vec::new();
    for length in [10, 500_000, 2_000, 700_000] {
        seals.push(store(&spool, &[bytes(1, length)]).await.seal);
    }
    drop(spool);
    let mut survey = found(&dir, &[]);
    survey.frames.sort_by_key(|seal| seals.iter().position(|known| known == seal));
    assert_eq!(survey.frames, seals);
    let mut alive: Vec<u64> = seals.iter().map(|seal| seal.segment).collect();
    alive.sort_unstable();
    alive.dedup();
    let again = found(&dir, &seals).frames;
    assert!(again.len() < seals.len(), "what the job log knows for certain is not looked at again");
    assert!(alive.iter().all(|segment| segments(&dir).contains(segment)));
}

#[tokio::test]
async fn a_group_cut_short_by_a_crash_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let seal = store(&spool, &[bytes(1, 100)]).await.seal;
    drop(spool);
    let path = segment::path(&dir.path().join("spool"), seal.segment);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&bytes(7, 20_000), seal.end()).unwrap();
    assert_eq!(found(&dir, &[]).frames, [seal]);
    assert_eq!(file.metadata().unwrap().len(), seal.end());
}

#[tokio::test]
async fn what_the_job_log_knows_is_never_cut_off() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let seals = [store(&spool, &[bytes(1, 100)]).await.seal, store(&spool, &[bytes(2, 9_000)]).await.seal];
    drop(spool);
    damage(&dir, &seals[1]);
    assert_eq!(found(&dir, &seals).frames, [seals[0]]);
    let spool = open(&dir);
    let kept = spool.store().content(seals[1].segment, seals[1].region, 9_000).unwrap().read_all().unwrap();
    assert!(kept == bytes(2, 9_000));
}

#[tokio::test]
async fn without_a_job_log_what_looks_damaged_is_kept() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let (small, large) = (store(&spool, &[bytes(1, 100)]).await.seal, store(&spool, &[bytes(2, 500_000)]).await.seal);
    drop(spool);
    damage(&dir, &small);
    damage(&dir, &large);
    let survey = found(&dir, &[]);
    assert!(survey.frames.is_empty());
    assert_eq!(survey.damaged, [small.segment, large.segment]);
    assert!([small, large].iter().all(|seal| segments(&dir).contains(&seal.segment)));
}

#[tokio::test]
async fn a_segment_that_the_log_does_not_know_is_walked_wherever_it_lies() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let missing = store(&spool, &[bytes(1, 100)]).await.seal;
    drop(spool);
    let spool = open(&dir);
    let entered = store(&spool, &[bytes(2, 100)]).await.seal;
    drop(spool);
    assert!(missing.segment < entered.segment);
    assert_eq!(found(&dir, &[entered]).frames, [missing, entered]);
}

#[test]
fn segments_are_taken_in_the_order_of_their_ids_whoever_is_quick() {
    let dir = TempDir::new().unwrap();
    let options = stock::StockOptions { dir: dir.path().into(), first_id: 1, segment_bytes: 4096, ready_min: 1 };
    let stock = stock::Stock::open(options).unwrap();
    let ids: Vec<u64> = (0..50).map(|_| stock.take(segment::SegmentKind::Shared).unwrap().id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
}

/// Flips a byte in the middle of a frame.
fn damage(dir: &TempDir, seal: &FrameRef) {
    let path = segment::path(&dir.path().join("spool"), seal.segment);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"?", seal.frame + 70).unwrap();
}

#[tokio::test]
async fn damage_to_one_seal_costs_no_other() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let seals = [store(&spool, &[bytes(1, 100)]).await.seal, store(&spool, &[bytes(2, 9_000)]).await.seal];
    drop(spool);
    damage(&dir, &seals[0]);
    assert_eq!(found(&dir, &[]).frames, [seals[1]]);
}

#[tokio::test]
async fn bytes_of_a_client_never_pass_for_a_seal() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let genuine = store(&spool, &[bytes(1, 100)]).await.seal;
    let path = segment::path(&dir.path().join("spool"), genuine.segment);
    let mut copy = vec![0; genuine.length as usize];
    OpenOptions::new().read(true).open(&path).unwrap().read_exact_at(&mut copy, genuine.frame).unwrap();
    let forged = store(&spool, &[copy]).await.seal;
    drop(spool);
    assert_eq!(found(&dir, &[]).frames, [genuine, forged]);
}

#[tokio::test]
async fn an_erased_batch_is_not_found_again_and_its_blocks_are_free() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let kept = store(&spool, &[bytes(1, 50_000)]).await.seal;
    let erased = store(&spool, &[bytes(2, 50_000)]).await.seal;
    spool.store().erase(&[erased]).unwrap();
    assert_eq!(erased.segment, kept.segment);
    let gone = spool.store().content(erased.segment, erased.region, 50_000).unwrap().read_all().unwrap();
    assert!(gone.iter().all(|byte| *byte == 0));
    drop(spool);
    assert_eq!(found(&dir, &[]).frames, [kept]);
}

#[tokio::test]
async fn a_batch_that_the_job_log_refuses_is_not_acknowledged() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    for length in [10, 500_000] {
        let mut intake = spool.receive();
        intake.write(&bytes(1, length)).await.unwrap();
        let files = vec![sealed_file("a", intake.keep_file())];
        let refused = intake.seal(header(), files, Box::new(|_| Err(SpoolError::NotEntered))).await;
        assert_eq!(refused.unwrap_err(), SpoolError::NotEntered);
    }
}

#[tokio::test]
async fn batches_that_arrive_together_share_their_syncs() {
    let dir = TempDir::new().unwrap();
    let syncs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let observe_sync: SyncObserver = Arc::new(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    let options =
        StoreOptions { segment_bytes: 1 << 20, stock_segments: 1, used_id_max: 0, free_bytes_min: 0, observe_sync };
    let store_of = SegmentStore::open(&dir.path().join("spool"), options).unwrap();
    let spool = Spool::new(Arc::new(store_of), 4 * SMALL_BYTES_MAX, SMALL_BYTES_MAX);
    let files = [bytes(1, 1_000)];
    let batches = futures_util::future::join_all((0..50).map(|_| store(&spool, &files))).await;
    assert_eq!(batches.len(), 50);
    let syncs = syncs.load(std::sync::atomic::Ordering::Relaxed);
    assert!(syncs < 50, "{syncs} syncs");
}

#[tokio::test]
async fn a_full_budget_sends_small_batches_to_the_disk_and_loses_none() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let mut arriving = Vec::new();
    for seed in 0..10 {
        let mut intake = spool.receive();
        intake.write(&bytes(seed, SMALL_BYTES_MAX)).await.unwrap();
        arriving.push(intake);
    }
    for (seed, mut intake) in (0..).zip(arriving) {
        let files = vec![sealed_file("a", intake.keep_file())];
        let batch = intake.seal(header(), files, Box::new(|_| Ok(()))).await.unwrap();
        assert!(content(&spool, &batch, 0) == bytes(seed, SMALL_BYTES_MAX));
    }
}

#[test]
fn the_first_region_lies_behind_the_header() {
    assert_eq!(Segment::FIRST_REGION, BLOCK_BYTES);
}
