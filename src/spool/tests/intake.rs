//! Batches on their way in, and the segments that they get.

use sha2::{Digest, Sha256};

use super::*;

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
        let first = intake.keep_file().await.unwrap();
        intake.write(&bytes(9, refused)).await.unwrap();
        intake.cut_file();
        intake.write(b"second").await.unwrap();
        let second = intake.keep_file().await.unwrap();
        assert_eq!((second.offset, second.length), (5, 6));
        let files = vec![sealed_file("first", first), sealed_file("second", second)];
        let batch = intake.seal(header(), files, Box::new(|_| Ok(()))).await.unwrap();
        assert_eq!(content(&spool, &batch, 0), b"first");
        assert_eq!(content(&spool, &batch, 1), b"second");
    }
}

#[tokio::test]
async fn a_large_file_has_its_digest_whoever_makes_it() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let mut intake = spool.receive();
    let files = [bytes(1, 10), bytes(2, 6 << 20), bytes(3, 300_000), bytes(4, 9 << 20)];
    let (mut kept, mut expected) = (Vec::new(), Vec::new());
    for file in &files {
        intake.write(&bytes(9, 5 << 20)).await.unwrap();
        intake.cut_file();
        for chunk in file.chunks(100_000) {
            intake.write(chunk).await.unwrap();
        }
        let digest = <[u8; 32]>::from(Sha256::digest(file));
        assert_eq!(intake.sha256().await.unwrap(), digest, "before its end");
        kept.push(sealed_file("a", intake.keep_file().await.unwrap()));
        expected.push(digest);
    }
    intake.digest(&mut kept);
    assert!(kept.iter().map(|file| file.sha256).eq(expected));
    let batch = intake.seal(header(), kept, Box::new(|_| Ok(()))).await.unwrap();
    for (index, file) in files.iter().enumerate() {
        assert!(content(&spool, &batch, index) == *file);
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

#[test]
fn segments_are_taken_in_the_order_of_their_ids_whoever_is_quick() {
    let dir = TempDir::new().unwrap();
    let options = stock::StockOptions { dir: dir.path().into(), first_id: 1, segment_bytes: 4096, ready_min: 1 };
    let stock = stock::Stock::open(options).unwrap();
    let ids: Vec<u64> = (0..50).map(|_| stock.take(segment::SegmentKind::Shared).unwrap().id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
}

#[tokio::test]
async fn a_batch_that_the_job_log_refuses_is_not_acknowledged() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    for length in [10, 500_000] {
        let mut intake = spool.receive();
        intake.write(&bytes(1, length)).await.unwrap();
        let files = vec![sealed_file("a", intake.keep_file().await.unwrap())];
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
        let files = vec![sealed_file("a", intake.keep_file().await.unwrap())];
        let batch = intake.seal(header(), files, Box::new(|_| Ok(()))).await.unwrap();
        assert!(content(&spool, &batch, 0) == bytes(seed, SMALL_BYTES_MAX));
    }
}

#[test]
fn the_first_region_lies_behind_the_header() {
    assert_eq!(Segment::FIRST_REGION, BLOCK_BYTES);
}
