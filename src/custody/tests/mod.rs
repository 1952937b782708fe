//! Starts on what a crash left, and removals: the job log and the disk agree afterwards, and a second start changes nothing.

mod damage;
mod events;
mod idempotency;
mod outcomes;
mod recovery;
mod sharing;
mod walk;

use tempfile::TempDir;

use super::*;
use crate::batch::{BatchId, FileErrorCode, FileId, FileState, Outcome, TextInfo};
use crate::config::Config;
use crate::joblog::{Change, Claim, ClaimedFile};
use crate::spool::{
    FrameBody, FrameKind, FrameRef, GroupKind, KeptFile, ResultEntry, ResultsHeader, SealHeader, SealedBatch,
    SealedFile, Timings,
};

/// What the texts of these tests are made with.
const MADE_WITH: u32 = 7;

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
        let kept = intake.keep_file().await.unwrap();
        sealed.push(SealedFile {
            name: format!("{index}.txt"),
            media_type: "text/plain".into(),
            offset: kept.offset,
            length: kept.length,
            ..SealedFile::default()
        });
    }
    intake.digest(&mut sealed);
    let batch = BatchId::new();
    let header = SealHeader::plain(batch, "local");
    let batch = intake.seal(header, sealed, Box::new(|_| Ok(()))).await.unwrap();
    if is_entered {
        custody.enter(&batch).unwrap();
    }
    batch
}

/// Makes the results of some files of one batch durable, without a word to the job log.
async fn append_results(custody: &Custody, files: &[FileId], are_bytes_dead: bool) -> (Vec<ResultEntry>, FrameRef) {
    let text = b"a text";
    let entry = |(at, file): (usize, &FileId)| ResultEntry {
        file: *file,
        retries: 0,
        attempts: 1,
        outcome: Outcome::Succeeded(TextInfo { chars: 6, tokens: 2, engine: "test".into(), ..TextInfo::default() }),
        ended_ms: 2,
        timings: Timings::default(),
        text_offset: (at * text.len()) as u64,
        text_length: text.len() as u64,
        text_crc: crc32fast::hash(text),
        are_bytes_dead,
        made_with: MADE_WITH,
        is_deduplicated: false,
    };
    let entries: Vec<ResultEntry> = files.iter().enumerate().map(entry).collect();
    let frame = FrameBody::encode(
        FrameKind::Results,
        &ResultsHeader { batch: files[0].batch(), holds: GroupKind::Outcomes },
        &entries,
    );
    let (answer, place) = tokio::sync::oneshot::channel();
    let on_committed = Box::new(move |committed| answer.send(committed).unwrap());
    custody.results.append(text.repeat(files.len()), frame, on_committed).await.unwrap();
    (entries, place.await.unwrap().unwrap())
}

/// Ends files as the pipeline does.
async fn end(custody: &Custody, files: &[FileId]) {
    end_with(custody, files, false).await;
}

/// Ends files whose bytes are given back with that, or are not.
async fn end_with(custody: &Custody, files: &[FileId], are_bytes_dead: bool) {
    let (entries, place) = append_results(custody, files, are_bytes_dead).await;
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

/// Changes one byte of a segment.
fn overwrite(dir: &TempDir, store: &str, segment: u64, at: u64) {
    use std::os::unix::fs::FileExt;
    let path = dir.path().join(store).join(format!("{segment:012}.seg"));
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}
