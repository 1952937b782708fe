//! Outcomes and removals: who is told of them, and what is left.

use super::*;

#[tokio::test]
async fn a_second_outcome_is_dropped() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    let file = files(&batch)[0];
    end(&custody, &[file]).await;
    let (mut entries, place) = append_results(&custody, &[file], false).await;
    let again = Change::End { file, record: Box::new(file_record(entries.remove(0), place)) };
    assert_eq!(custody.joblog.commit(vec![again]).await.unwrap().ended, []);
    let tally = custody.joblog.batch(batch.header.batch).unwrap().unwrap().tally;
    assert_eq!((tally.succeeded, tally.pending()), (1, 1));
}

#[tokio::test]
async fn a_removed_batch_leaves_neither_records_nor_bytes() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let (gone, kept) = (store(&custody, 2, true).await, store(&custody, 2, true).await);
    end(&custody, &files(&gone)).await;
    end(&custody, &files(&kept)).await;
    let before = custody.spool.store().disk_bytes().unwrap();
    assert_eq!(custody.remove(gone.header.batch).await.unwrap(), Removal::Removed);
    assert_eq!(custody.remove(gone.header.batch).await.unwrap(), Removal::Unknown);
    assert!(custody.batch(gone.header.batch).unwrap().is_none());
    assert!(custody.file(files(&gone)[0]).unwrap().is_none());
    assert!(custody.spool.store().disk_bytes().unwrap() < before, "its blocks are given back");
    drop(custody);

    let custody = open(&dir);
    assert_eq!(custody.recover().await.unwrap().entered, 0);
    assert_eq!(states(&custody, kept.header.batch), [FileState::Succeeded; 2]);
    assert_eq!(text(&custody, files(&kept)[1]), b"a text");
}

/// The number beside the log is taken from the answer, and not from the log: that may show the next removal already,
/// which a crash can still undo.
#[tokio::test]
async fn each_removal_is_told_its_own_number() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut doomed = Vec::new();
    for _ in 0..3 {
        let batch = store(&custody, 1, true).await;
        end(&custody, &files(&batch)).await;
        doomed.push(batch.header.batch);
    }
    let doom = |batch: BatchId| custody.joblog.commit(vec![Change::Doom { batch }]);
    let (first, second, third) = tokio::join!(doom(doomed[0]), doom(doomed[1]), doom(doomed[2]));
    assert_eq!([first, second, third].map(|committed| committed.unwrap().removals), [Some(1), Some(2), Some(3)]);
    assert_eq!(custody.joblog.commit(Vec::new()).await.unwrap().removals, None);
}

#[tokio::test]
async fn a_removal_that_a_crash_cut_short_is_finished() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 1, true).await;
    end(&custody, &files(&batch)).await;
    custody.joblog.commit(vec![Change::Doom { batch: batch.header.batch }]).await.unwrap();
    drop(custody);

    let custody = open(&dir);
    custody.recover().await.unwrap();
    assert!(custody.joblog.batch(batch.header.batch).unwrap().is_none());
    assert!(custody.joblog.doomed_batches().unwrap().is_empty());
    drop(custody);
    let recovered = open(&dir).recover().await.unwrap();
    assert_eq!((recovered.entered, recovered.outcomes), (0, 0));
}

#[tokio::test]
async fn a_batch_with_files_to_do_is_not_removed() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    end(&custody, &files(&batch)[..1]).await;
    assert_eq!(custody.remove(batch.header.batch).await.unwrap(), Removal::NotCompleted);
    assert_eq!(custody.remove(BatchId::new()).await.unwrap(), Removal::Unknown);
}

#[tokio::test]
async fn whoever_waits_for_a_batch_is_woken_by_its_last_outcome() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    let completion = custody.joblog.completion(batch.header.batch).unwrap().unwrap();
    end(&custody, &files(&batch)).await;
    completion.reached().await;
    let record = custody.joblog.batch(batch.header.batch).unwrap().unwrap();
    assert_eq!(record.finished_ms, Some(2));
    assert_eq!(custody.joblog.open_count(), 0);
    assert!(custody.joblog.completion(batch.header.batch).unwrap().is_none());
    assert!(custody.joblog.completion(BatchId::new()).unwrap().is_none());
}

#[tokio::test]
async fn a_new_log_goes_on_counting_removals_where_the_one_before_it_was() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    for _ in 0..2 {
        let batch = store(&custody, 1, true).await;
        end(&custody, &files(&batch)).await;
        custody.remove(batch.header.batch).await.unwrap();
    }
    drop(custody);
    std::fs::remove_dir_all(dir.path().join(JOB_LOG)).unwrap();

    let custody = open(&dir);
    custody.recover().await.unwrap();
    assert_eq!(custody.joblog.removals().unwrap(), 2);
}
