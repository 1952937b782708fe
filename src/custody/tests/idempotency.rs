//! Idempotency keys in the job log: entered with their batches, from the seals again, and gone with them.

use std::time::Duration;

use super::*;
use crate::joblog::KeyedBatch;
use crate::spool::Idempotency;

const DAY: Duration = Duration::from_hours(24);

/// Makes a batch of one file durable that was handed in under a key at this time.
async fn store_under(custody: &Custody, key: u8, created_ms: i64) -> SealedBatch {
    let mut intake = custody.spool.receive();
    intake.write(b"some words").await.unwrap();
    let kept = intake.keep_file().await.unwrap();
    let file = SealedFile { offset: kept.offset, length: kept.length, ..SealedFile::default() };
    let idempotency = Some(Idempotency { key: [key; 32], fingerprint: [9; 32] });
    let plain = SealHeader::plain(BatchId::new(), "local");
    let header = SealHeader { created_ms, bytes_total: 10, idempotency, ..plain };
    let mut files = vec![file];
    intake.digest(&mut files);
    intake.seal(header, files, Box::new(|_| Ok(()))).await.unwrap()
}

fn batch_of(custody: &Custody, key: u8) -> Option<BatchId> {
    assert_eq!(custody.joblog.check().faults, []);
    custody.joblog.keyed(&[key; 32]).unwrap().map(|keyed| keyed.batch)
}

#[tokio::test]
async fn a_key_comes_back_from_its_seal_and_of_two_batches_the_newer_has_it_whatever_comes_first() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let newer_first = [store_under(&custody, 1, 20).await, store_under(&custody, 1, 10).await];
    let older_first = [store_under(&custody, 2, 10).await, store_under(&custody, 2, 20).await];
    let [newer, other_newer] = [newer_first[0].header.batch, older_first[1].header.batch];
    for batch in newer_first.iter().chain(&older_first) {
        custody.enter(batch).unwrap();
    }
    assert_eq!((batch_of(&custody, 1), batch_of(&custody, 2)), (Some(newer), Some(other_newer)));
    drop(custody);
    std::fs::remove_dir_all(dir.path().join("joblog")).unwrap();

    let custody = open(&dir);
    assert_eq!(custody.recover().await.unwrap().entered, 4);
    assert_eq!((batch_of(&custody, 1), batch_of(&custody, 2)), (Some(newer), Some(other_newer)));
    let expected = KeyedBatch { batch: newer, created_ms: 20, fingerprint: [9; 32] };
    assert_eq!(custody.joblog.keyed(&[1; 32]).unwrap(), Some(expected));
}

#[tokio::test]
async fn a_key_is_free_when_its_batch_is_removed_or_its_time_is_over() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let now = jiff::Timestamp::now().as_millisecond();
    let [removed, old, asked_for, young] = [(1, now), (2, 1), (3, 1), (4, now)];
    for (key, created_ms) in [removed, old, asked_for, young] {
        let batch = store_under(&custody, key, created_ms).await;
        custody.enter(&batch).unwrap();
        end(&custody, &files(&batch)).await;
    }
    let removed = batch_of(&custody, 1).unwrap();
    assert_eq!(custody.remove(removed).await.unwrap(), Removal::Removed);
    assert_eq!(batch_of(&custody, 1), None);

    assert_eq!(custody.batch_of_key(&[3; 32], DAY).await.unwrap(), None);
    assert_eq!(batch_of(&custody, 3), None, "it was forgotten before anybody may take it again");
    assert_eq!(custody.forget_old_keys(None, DAY).await.unwrap(), None, "one step looks at all");
    assert_eq!(batch_of(&custody, 2), None);
    assert!(custody.batch_of_key(&[4; 32], DAY).await.unwrap().is_some());
    drop(custody);

    let custody = open(&dir);
    custody.recover().await.unwrap();
    assert_eq!([1, 2, 3, 4].map(|key| batch_of(&custody, key).is_some()), [false, false, false, true]);
    assert_eq!(
        custody
            .batches(
                "local",
                &BatchWalk { among: Among::Owned, before: None, created_after_ms: None, page_max: 9, looks_max: 9 },
                |_| true
            )
            .unwrap()
            .batches
            .len(),
        3,
        "the batches stay"
    );
}

#[tokio::test]
async fn keys_are_walked_over_in_steps() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    for key in 1..=5 {
        custody.enter(&store_under(&custody, key, 1).await).unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = custody.joblog.keys_after(after, 2).unwrap();
        seen.extend(page.keys.iter().map(|(digest, _)| digest[0]));
        after = page.last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_key_that_a_crash_cut_short_is_given_to_its_batch_or_forgotten() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let there = store_under(&custody, 1, 20).await;
    let nowhere = store_under(&custody, 2, 20).await;
    let older = store_under(&custody, 3, 10).await;
    let newer = store_under(&custody, 3, 20).await;
    custody.joblog.enter_key_alone(&there).unwrap();
    custody.joblog.enter_key_alone(&nowhere).unwrap();
    custody.spool.store().erase(&[nowhere.seal]).unwrap();
    custody.enter(&older).unwrap();
    custody.joblog.enter_key_alone(&newer).unwrap();
    custody.spool.store().erase(&[newer.seal]).unwrap();
    let strays: Vec<u8> = custody.joblog.check().stray_keys.iter().map(|(digest, _)| digest[0]).collect();
    assert_eq!(strays, [1, 2, 3]);
    drop(custody);

    let custody = open(&dir);
    custody.recover().await.unwrap();
    assert_eq!([1, 2, 3].map(|key| batch_of(&custody, key)), [Some(there.header.batch), None, None]);
    assert!(custody.joblog.check().stray_keys.is_empty());
}
