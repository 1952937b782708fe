//! Starts on what a crash left, and removals: the job log and the disk agree afterwards, and a second start changes nothing.

use tempfile::TempDir;

use super::*;
use crate::batch::{BatchId, FileErrorCode, FileId, FileState, Outcome, TextInfo, Tokenizer};
use crate::config::Config;
use crate::joblog::{Change, Claim, ClaimedFile};
use crate::spool::{
    FrameBody, FrameKind, FrameRef, ResultEntry, ResultsHeader, SealHeader, SealedBatch, SealedFile, Timings,
};

fn open(dir: &TempDir) -> Custody {
    let lock = DirectoryLock::take(dir.path()).unwrap().unwrap();
    let options = CustodyOptions { spool: Config::default().spool, free_bytes_min: 0 };
    Custody::open(lock, dir.path(), &options, Arc::new(Metrics::new())).unwrap()
}

/// Makes a batch of `files` files durable; enters it in the job log only if told to.
async fn store(custody: &Custody, files: u8, is_entered: bool) -> SealedBatch {
    let mut intake = custody.spool.receive();
    let mut sealed = Vec::new();
    for index in 0..files {
        intake.write(&[index; 5_000]).await.unwrap();
        let kept = intake.keep_file();
        sealed.push(SealedFile {
            name: format!("{index}.txt"),
            media_type: "text/plain".into(),
            offset: kept.offset,
            length: kept.length,
            sha256: kept.sha256,
            upload_ms: 0,
            refused: None,
        });
    }
    let batch = BatchId::new();
    let header = SealHeader { batch, created_ms: 1, owner: "local".into(), metadata: None, bytes_total: 0 };
    let batch = intake.seal(header, sealed, Box::new(|_| Ok(()))).await.unwrap();
    if is_entered {
        custody.enter(&batch).unwrap();
    }
    batch
}

/// Makes the results of some files of one batch durable, without a word to the job log.
async fn append_results(custody: &Custody, files: &[FileId]) -> (Vec<ResultEntry>, FrameRef) {
    let text = b"a text";
    let entry = |(at, file): (usize, &FileId)| ResultEntry {
        file: *file,
        attempts: 1,
        outcome: Outcome::Succeeded(TextInfo {
            chars: 6,
            tokens: 2,
            tokenizer: Tokenizer::Cl100kBase,
            pages: None,
            title: None,
            author: None,
            created: None,
            language: None,
            truncated: false,
            warnings: Vec::new(),
            engine: "test".into(),
        }),
        ended_ms: 2,
        timings: Timings::default(),
        text_offset: (at * text.len()) as u64,
        text_length: text.len() as u64,
        text_crc: crc32fast::hash(text),
    };
    let entries: Vec<ResultEntry> = files.iter().enumerate().map(entry).collect();
    let frame = FrameBody::encode(FrameKind::Results, &ResultsHeader { batch: files[0].batch() }, &entries);
    let (answer, place) = tokio::sync::oneshot::channel();
    let on_committed = Box::new(move |committed| answer.send(committed).unwrap());
    custody.results.append(text.repeat(files.len()), frame, on_committed).await.unwrap();
    (entries, place.await.unwrap().unwrap())
}

/// Ends files as the pipeline does.
async fn end(custody: &Custody, files: &[FileId]) {
    let (entries, place) = append_results(custody, files).await;
    for entry in &entries {
        custody.joblog.replay(entry.file, &entry.outcome).unwrap();
    }
    let change = |entry: ResultEntry| Change::End { file: entry.file, record: Box::new(file_record(entry, place)) };
    custody.joblog.commit(entries.into_iter().map(change).collect()).await.unwrap();
}

fn files(batch: &SealedBatch) -> Vec<FileId> {
    (0..batch.files.len()).map(|index| batch.header.batch.file(index)).collect()
}

fn states(custody: &Custody, batch: BatchId) -> Vec<FileState> {
    let record = custody.joblog.batch(batch).unwrap().unwrap();
    custody.files(batch, &record, 0, usize::MAX).unwrap().into_iter().map(|file| file.state).collect()
}

fn text(custody: &Custody, file: FileId) -> Vec<u8> {
    let end = custody.file(file).unwrap().unwrap().end.unwrap();
    custody.text(&end).unwrap().read_all().unwrap()
}

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
    append_results(&custody, &files(&batch)).await;
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
    let (_, place) = append_results(&custody, &files(&batch)).await;
    drop(custody);
    overwrite(&dir, "results", place.segment, place.region);

    let custody = open(&dir);
    let recovered = custody.recover().await.unwrap();
    assert_eq!((recovered.outcomes, recovered.waiting), (0, 1));
    assert_eq!(states(&custody, batch.header.batch), [FileState::Stored]);
}

#[tokio::test]
async fn a_text_that_was_damaged_later_is_not_served() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 1, true).await;
    let file = files(&batch)[0];
    end(&custody, &[file]).await;
    let end = custody.file(file).unwrap().unwrap().end.unwrap();
    overwrite(&dir, "results", end.results.segment, end.text_at);
    assert_eq!(custody.text(&end).unwrap_err(), SpoolError::Damaged);
}

#[tokio::test]
async fn a_damaged_entry_of_a_seal_costs_its_file_only() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 3, true).await;
    // The last entry ends just before its checksum and the frame's own length.
    let last = batch.seal.frame + u64::from(batch.seal.length) - 8 - 4 - 1;
    overwrite(&dir, "spool", batch.seal.segment, last);
    let record = custody.joblog.batch(batch.header.batch).unwrap().unwrap();
    let statuses = custody.files(batch.header.batch, &record, 0, 3).unwrap();
    assert_eq!(statuses.iter().map(|file| file.is_readable).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(statuses[1].sealed, batch.files[1]);
}

#[tokio::test]
async fn a_refused_file_that_ends_again_because_its_entry_is_damaged_counts_once() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut batch = store(&custody, 3, false).await;
    batch.files[0].refused = Some(FileErrorCode::UnsupportedType.into());
    custody.enter(&batch).unwrap();
    let record = || custody.joblog.batch(batch.header.batch).unwrap().unwrap();
    end(&custody, &files(&batch)[..2]).await;
    let finished_ms = record().finished_ms;
    assert_eq!((record().tally.pending(), finished_ms.is_some()), (0, true));
    end(&custody, &files(&batch)[2..]).await;
    assert_eq!((record().tally.succeeded, record().tally.rejected, record().tally.pending()), (3, 0, 0));
    assert_eq!((record().finished_ms, custody.joblog.open_count()), (finished_ms, 0));
}

/// Changes one byte of a segment.
fn overwrite(dir: &TempDir, store: &str, segment: u64, at: u64) {
    use std::os::unix::fs::FileExt;
    let path = dir.path().join(store).join(format!("{segment:012}.seg"));
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

#[tokio::test]
async fn a_second_outcome_is_dropped() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    let file = files(&batch)[0];
    end(&custody, &[file]).await;
    let (mut entries, place) = append_results(&custody, &[file]).await;
    let again = Change::End { file, record: Box::new(file_record(entries.remove(0), place)) };
    assert_eq!(custody.joblog.commit(vec![again]).await.unwrap().ended, []);
    let tally = custody.joblog.batch(batch.header.batch).unwrap().unwrap().tally;
    assert_eq!((tally.succeeded, tally.pending()), (1, 1));
}

#[tokio::test]
async fn a_file_claimed_alone_has_had_its_attempt_and_its_neighbours_have_not() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 3, true).await;
    let [first, second, third] = files(&batch)[..] else { unreachable!() };
    let claimed = |file, attempt| ClaimedFile { file, attempt };
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
async fn a_large_batch_whose_entering_a_crash_cut_short_is_entered_and_a_mark_without_a_batch_forgotten() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut intake = custody.spool.receive();
    let large = usize::try_from(Config::default().spool.small_batch_bytes_max).unwrap() + 1;
    intake.write(&vec![7; large]).await.unwrap();
    let kept = intake.keep_file();
    let file = SealedFile { offset: kept.offset, length: kept.length, sha256: kept.sha256, ..SealedFile::default() };
    let header =
        SealHeader { batch: BatchId::new(), created_ms: 1, owner: String::new(), metadata: None, bytes_total: 0 };
    let batch = intake.seal(header, vec![file], Box::new(|_| Ok(()))).await.unwrap();
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
    custody.recover().await.unwrap();
    custody
        .joblog
        .commit(vec![Change::Attempts { file: BatchId::new().file(0), attempts: 1, is_suspect: true }])
        .await
        .unwrap();
    assert_eq!(custody.recover().await.unwrap_err(), JobLogError::Damaged.into());
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
