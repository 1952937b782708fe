//! Starts on what a crash left, and on logs that are gone, old or at odds with themselves.

use super::*;

#[tokio::test]
async fn a_sealed_batch_that_the_job_log_lacks_is_entered_once() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let entered = store(&custody, 2, true).await.header.batch;
    let missing = store(&custody, 3, false).await.header.batch;
    drop(custody);

    let custody = open(&dir);
    let recovered = custody.recover().await.unwrap();
    assert_eq!((recovered.entered, recovered.waiting), (1, 5));
    assert_eq!(recovered.open, [entered, missing]);
    assert_eq!(states(&custody, missing), [FileState::Stored; 3]);
    drop(custody);

    assert_eq!(open(&dir).recover().await.unwrap().entered, 0);
}

#[tokio::test]
async fn a_durable_result_that_the_job_log_lacks_is_entered_once() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    append_results(&custody, &files(&batch), false).await;
    drop(custody);

    let custody = open(&dir);
    let recovered = custody.recover().await.unwrap();
    assert_eq!((recovered.outcomes, recovered.open.len()), (2, 0));
    assert_eq!(states(&custody, batch.header.batch), [FileState::Succeeded; 2]);
    assert_eq!(text(&custody, files(&batch)[1]), b"a text");
    drop(custody);

    assert_eq!(open(&dir).recover().await.unwrap().outcomes, 0);
}

#[tokio::test]
async fn a_job_log_that_is_gone_is_made_anew_from_seals_and_results() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let done = store(&custody, 2, true).await;
    end(&custody, &files(&done)).await;
    let waiting = store(&custody, 1, true).await.header.batch;
    drop(custody);
    std::fs::remove_dir_all(dir.path().join("joblog")).unwrap();

    let custody = open(&dir);
    let recovered = custody.recover().await.unwrap();
    assert_eq!((recovered.entered, recovered.outcomes), (2, 2));
    assert_eq!(recovered.open, [waiting]);
    assert_eq!(text(&custody, files(&done)[0]), b"a text");
}

#[tokio::test]
async fn a_job_log_that_does_not_open_is_put_aside_and_made_anew() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 1, true).await.header.batch;
    drop(custody);
    std::fs::write(dir.path().join("joblog").join("conf"), "not a log's").unwrap();

    let custody = open(&dir);
    assert_eq!(custody.recover().await.unwrap().open, [batch]);
    let aside = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().starts_with("joblog.damaged-")
    };
    assert!(std::fs::read_dir(dir.path()).unwrap().any(aside));
}

#[tokio::test]
async fn a_result_that_was_cut_short_is_not_entered() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 1, true).await;
    let (_, place) = append_results(&custody, &files(&batch), false).await;
    drop(custody);
    overwrite(&dir, "results", place.segment, place.region);

    let custody = open(&dir);
    let recovered = custody.recover().await.unwrap();
    assert_eq!((recovered.outcomes, recovered.waiting), (0, 1));
    assert_eq!(states(&custody, batch.header.batch), [FileState::Stored]);
}

#[tokio::test]
async fn a_file_claimed_alone_has_had_its_attempt_and_its_neighbours_have_not() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 3, true).await;
    let [first, second, third] = files(&batch)[..] else { unreachable!() };
    let claimed = |file, attempt| ClaimedFile { file, retries: 0, attempt };
    let window = Claim { files: vec![claimed(first, 1), claimed(second, 2)], is_alone: false };
    let alone = Claim { files: vec![claimed(third, 1)], is_alone: true };
    let changes = vec![Change::Claim { window: 1, claim: window }, Change::Claim { window: 2, claim: alone }];
    custody.joblog.commit(changes).await.unwrap();
    drop(custody);

    let custody = open(&dir);
    assert_eq!(custody.recover().await.unwrap().interrupted, 3);
    let attempts = [first, second, third].map(|file| custody.joblog.file(file).unwrap().attempts);
    assert_eq!(attempts, [0, 1, 1]);
    assert!(custody.joblog.file(first).unwrap().is_suspect);
    assert!(custody.joblog.claims().unwrap().is_empty());
    drop(custody);

    assert_eq!(open(&dir).recover().await.unwrap().interrupted, 0);
}

#[tokio::test]
async fn a_large_batch_whose_entering_a_crash_cut_short_is_entered_and_a_mark_without_a_batch_forgotten() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut intake = custody.spool.receive();
    let large = usize::try_from(Config::default().spool.small_batch_bytes_max).unwrap() + 1;
    intake.write(&vec![7; large]).await.unwrap();
    let kept = intake.keep_file().await.unwrap();
    let file = SealedFile { offset: kept.offset, length: kept.length, ..SealedFile::default() };
    let header = SealHeader::plain(BatchId::new(), "");
    let mut files = vec![file];
    intake.digest(&mut files);
    let batch = intake.seal(header, files, Box::new(|_| Ok(()))).await.unwrap();
    assert!(custody.spool.store().is_own(batch.seal.segment).unwrap());
    custody.joblog.enter_in_part(&batch).unwrap();
    let erased = store(&custody, 1, false).await;
    custody.joblog.enter_in_part(&erased).unwrap();
    custody.spool.store().erase(&[erased.seal]).unwrap();
    drop(custody);

    let custody = open(&dir);
    let recovered = custody.recover().await.unwrap();
    assert_eq!((recovered.entered, recovered.open), (1, vec![batch.header.batch]));
    assert!(custody.joblog.check().strays.is_empty());
}

#[tokio::test]
async fn a_log_that_contradicts_itself_or_has_lost_a_removal_is_not_worked_with() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 1, true).await;
    end(&custody, &files(&batch)).await;
    custody.removals.raise(1).unwrap();
    assert_eq!(custody.recover().await.unwrap_err(), JobLogError::Outdated.into());
    assert_eq!(custody.remove(batch.header.batch).await.unwrap(), Removal::Removed);
    let other = store(&custody, 1, true).await;
    end(&custody, &files(&other)).await;
    custody.recover().await.unwrap();
    custody.joblog.lose_record_of(other.header.batch);
    assert_eq!(custody.recover().await.unwrap_err(), JobLogError::Damaged.into());
}
