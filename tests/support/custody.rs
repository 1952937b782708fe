//! A data directory without a server: batches, outcomes and removals through the library, as the pipeline makes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use consign::batch::{BatchId, FileId, FileState, Outcome, TextInfo, Tokenizer};
use consign::config::Config;
use consign::custody::{Custody, CustodyError, CustodyOptions, Removal, file_record};
use consign::joblog::{Change, Claim, ClaimedFile};
use consign::metrics::Metrics;
use consign::spool::{
    DirectoryLock, FrameBody, FrameKind, GroupKind, ResultEntry, ResultsHeader, SealHeader, SealedFile, Timings,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::oneshot;

/// Segments far smaller than a server's, so that a short history fills many.
const SEGMENT_BYTES: u64 = 128 << 10;
const SMALL_BATCH_BYTES_MAX: u64 = 32 << 10;

/// The settings for a directory of such segments.
pub fn config(dir: &Path) -> Config {
    let mut config = Config { data_dir: dir.to_owned(), ..Config::default() };
    config.spool.segment_bytes = SEGMENT_BYTES;
    config.spool.small_batch_bytes_max = SMALL_BATCH_BYTES_MAX;
    config.spool.stock_segments = 1;
    config.limits.disk_free_bytes_min = 0;
    config
}

/// Opens a directory as a start does.
pub fn open(dir: &Path) -> Result<Custody, CustodyError> {
    let lock = DirectoryLock::take(dir).expect("a directory can be locked").expect("nobody else has it");
    let options = CustodyOptions { spool: config(dir).spool, free_bytes_min: 0 };
    Custody::open(lock, dir, &options, Arc::new(Metrics::new()))
}

/// What a history must have left: each batch's files, of which some have ended, and what was removed.
#[derive(Debug, Default, Clone)]
pub struct Expected {
    pub batches: BTreeMap<BatchId, Vec<bool>>,
    pub removed: Vec<BatchId>,
}

/// Stores a batch of files of this size.
pub async fn store(custody: &Custody, files: usize, bytes: usize) -> BatchId {
    let mut intake = custody.spool.receive();
    let mut sealed = Vec::new();
    for index in 0..files {
        intake.write(&content(index, bytes)).await.expect("the spool takes bytes");
        let kept = intake.keep_file().await.expect("the disk takes it");
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
    let sealed = intake.seal(header, sealed, Box::new(|_| Ok(()))).await.expect("the spool seals");
    custody.enter(&sealed).expect("the job log takes a batch");
    batch
}

fn content(index: usize, bytes: usize) -> Vec<u8> {
    let byte = u8::try_from(index % 251).expect("below 251");
    vec![b'a'.wrapping_add(byte); bytes]
}

fn text(file: FileId) -> String {
    format!("the text of {file}")
}

/// Ends files of one batch, as the pipeline does.
pub async fn end(custody: &Custody, files: &[FileId]) {
    end_with(custody, files, text).await;
}

/// Ends files of one batch with these texts.
pub async fn end_with(custody: &Custody, files: &[FileId], text: impl Fn(FileId) -> String) {
    let mut texts = String::new();
    let mut entries = Vec::new();
    for file in files {
        let text = text(*file);
        entries.push(ResultEntry {
            file: *file,
            retries: 0,
            attempts: 1,
            outcome: Outcome::Succeeded(TextInfo {
                chars: text.len() as u64,
                tokens: 2,
                warnings: vec!["odd: a record of the usual size has some hundred bytes ".repeat(4)],
                engine: "test".into(),
                ..TextInfo::default()
            }),
            ended_ms: file.batch().created_ms(),
            timings: Timings::default(),
            text_offset: texts.len() as u64,
            text_length: text.len() as u64,
            text_crc: crc32fast::hash(text.as_bytes()),
            are_bytes_dead: false,
            made_with: 0,
            is_deduplicated: false,
        });
        texts.push_str(&text);
    }
    let frame = FrameBody::encode(
        FrameKind::Results,
        &ResultsHeader { batch: files[0].batch(), holds: GroupKind::Outcomes },
        &entries,
    );
    let (answer, place) = oneshot::channel();
    let on_committed = Box::new(move |committed| answer.send(committed).expect("the test waits"));
    custody.results.append(texts.into_bytes(), frame, on_committed).await.expect("the results take a group");
    let place = place.await.expect("the committer answers").expect("the group is durable");
    for entry in &entries {
        custody.joblog.replay(entry.file, &entry.outcome).expect("the file has not ended");
    }
    let change = |entry: ResultEntry| Change::End { file: entry.file, record: Box::new(file_record(entry, place)) };
    custody.joblog.commit(entries.into_iter().map(change).collect()).await.expect("the job log takes outcomes");
}

/// Some batches more, of which most end and some are removed; the last leaves a claim open.
pub async fn live(custody: &Custody, batches: usize, with_removals: bool, seed: u64, expected: &mut Expected) {
    let mut chance = StdRng::seed_from_u64(seed);
    for number in 0..batches {
        let files = chance.random_range(1..5);
        let bytes = if chance.random_range(0..12) == 0 { 20_000 } else { 500 };
        let id = store(custody, files, bytes).await;
        let ended = if chance.random_range(0..4) > 0 { files } else { chance.random_range(0..files) };
        for index in 0..ended {
            end(custody, &[id.file(index)]).await;
        }
        expected.batches.insert(id, (0..files).map(|index| index < ended).collect());
        let completed = expected.batches.iter().filter(|(_, ends)| ends.iter().all(|is_ended| *is_ended));
        let victim = completed.map(|(id, _)| *id).nth(chance.random_range(0..3));
        if let Some(victim) = victim.filter(|_| with_removals && number % 4 == 3) {
            assert_eq!(custody.remove(victim).await.expect("a removal succeeds"), Removal::Removed);
            expected.batches.remove(&victim);
            expected.removed.push(victim);
        }
    }
    let id = store(custody, 1, 500).await;
    expected.batches.insert(id, vec![false]);
    let claim = Claim { files: vec![ClaimedFile { file: id.file(0), retries: 0, attempt: 1 }], is_alone: false };
    custody.joblog.commit(vec![Change::Claim { window: seed, claim }]).await.expect("the job log takes a claim");
}

/// Copies a directory, which is what a `kill -9` at this moment leaves if somebody has it open.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("a directory can be read") {
        let entry = entry.expect("an entry can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// Asserts that all that was acknowledged is there, with the bytes and texts that it had, and nothing else.
pub fn assert_all_there(custody: &Custody, expected: &Expected) {
    let mut listed = Vec::new();
    let mut before = None;
    while let Some((id, _)) = custody.joblog.batch_before(before).expect("the job log lists its batches") {
        before = Some(id);
        listed.push(id);
    }
    listed.reverse();
    assert_eq!(listed, expected.batches.keys().copied().collect::<Vec<_>>(), "the batches are those that were stored");
    let open: Vec<_> = expected.batches.iter().filter(|(_, ends)| !ends.iter().all(|is_ended| *is_ended)).collect();
    let open: Vec<_> = open.into_iter().map(|(id, _)| *id).collect();
    assert_eq!(custody.joblog.open_batches().expect("the job log says what is open"), open);
    for (id, ends) in &expected.batches {
        let record = custody.joblog.batch(*id).expect("a record can be read").expect("the batch is listed");
        let files = custody.files(*id, &record, 0, usize::MAX).expect("a seal can be read");
        assert_eq!(files.len(), ends.len());
        for (index, (file, is_ended)) in files.iter().zip(ends).enumerate() {
            let stored = custody
                .content(&record, &file.sealed)
                .and_then(|content| content.read_all().map_err(|error| consign::spool::SpoolError::from_io(&error)));
            let length = usize::try_from(file.sealed.length).expect("small");
            assert!(stored.expect("the bytes are there") == content(index, length), "the bytes are those stored");
            assert_eq!(file.state, if *is_ended { FileState::Succeeded } else { FileState::Stored });
            if let Some(end) = &file.end {
                let read = custody.text(end).expect("the text is whole").read_all().expect("the text can be read");
                assert_eq!(String::from_utf8_lossy(&read), text(file.id));
            }
        }
    }
}
