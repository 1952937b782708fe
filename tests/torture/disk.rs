//! What lies in the data directory of a server that was stopped, read by the format that ARCHITECTURE.md describes and
//! with none of the server's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::findings::{Fault, Findings};
use super::ledger::{Ledger, Standing};
use super::plan::Plan;

const BLOCK_BYTES: usize = 4096;
const PRELUDE_BYTES: usize = 64;

/// The segments that each store keeps ready.
const STOCK_SEGMENTS: usize = 1;

/// The kinds of segments and of frames.
const STOCK: u16 = 0;
const SEAL: u16 = 1;
const RESULTS: u16 = 2;

/// A whole frame.
struct Frame {
    kind: u16,
    batch: Uuid,
    /// The files whose outcomes these are; none in a seal.
    files: Vec<Uuid>,
    /// The bytes that a seal's files have on loan from other batches.
    loans: Vec<Loan>,
}

/// Bytes on loan: segment, first byte, length, digest.
struct Loan {
    segment: u64,
    start: u64,
    length: u64,
    sha256: [u8; 32],
}

/// A file's entry in a seal, in postcard's encoding.
#[derive(Deserialize)]
struct SealedFile {
    _name: String,
    _media_type: String,
    _offset: u64,
    length: u64,
    sha256: [u8; 32],
    _upload_ms: u32,
    _refused: Option<(u32, Option<String>)>,
    loan: Option<SealedLoan>,
}

#[derive(Deserialize)]
struct SealedLoan {
    _lender: Vec<u8>,
    /// Segment and first byte; none in the batch's own region.
    place: Option<(u64, u64)>,
}

/// Counts what belongs to no batch, and what is there twice. The server has been stopped without a kill.
pub fn look(data: &Path, ledger: &Ledger, seed: u64) {
    let findings = &ledger.findings;
    let mut frames = Vec::new();
    for entry in fs::read_dir(data).expect("the data directory can be read") {
        let entry = entry.expect("the data directory can be read");
        match entry.file_name().to_str() {
            Some("LOCK" | "REMOVALS" | "joblog") => {}
            Some("spool") => {
                let (found, empty) = frames_in(&entry.path());
                look_at_loans(&entry.path(), &found, &empty, findings);
                frames.extend(found);
            }
            Some("results") => {
                let (found, empty) = frames_in(&entry.path());
                for path in empty {
                    findings.note(Fault::Orphan, format!("nothing is in it: {}", path.display()));
                }
                frames.extend(found);
            }
            name => findings.note(Fault::Orphan, format!("left in the data directory: {name:?}")),
        }
    }
    let mut expected: BTreeMap<Uuid, usize> = BTreeMap::new();
    for (key, id) in ledger.keys(|record| record.standing == Standing::Promised) {
        let id = Uuid::parse_str(&id).expect("a batch's id is a UUID");
        expected.insert(id, Plan::of(seed, key).results());
    }
    compare(&frames, &expected, findings);
}

/// Compares what is there with the batches that may be there, and how many outcomes each of them has.
fn compare(frames: &[Frame], expected: &BTreeMap<Uuid, usize>, findings: &Findings) {
    let mut found: BTreeMap<Uuid, (usize, Vec<Uuid>)> = BTreeMap::new();
    for frame in frames {
        if !expected.contains_key(&frame.batch) {
            findings.note(Fault::Orphan, format!("a frame of kind {} of {}, which is gone", frame.kind, frame.batch));
        }
        let (seals, files) = found.entry(frame.batch).or_default();
        *seals += usize::from(frame.kind == SEAL);
        files.extend(&frame.files);
    }
    for (batch, results) in expected {
        let (seals, mut files) = found.remove(batch).unwrap_or_default();
        files.sort_unstable();
        let twice = files.windows(2).filter(|pair| pair[0] == pair[1]).count() + seals.saturating_sub(1);
        if twice > 0 {
            findings.note_many(Fault::Duplicated, twice, format!("{batch}: {seals} seals, or outcomes twice"));
        }
        files.dedup();
        let missing = results.saturating_sub(files.len()) + usize::from(seals == 0);
        if missing > 0 {
            findings.note_many(
                Fault::Lost,
                missing,
                format!("{batch}: {seals} seals, {} of {results} outcomes", files.len()),
            );
        }
    }
}

/// Compares bytes on loan with their digests. A segment without a frame is to be there only for those.
fn look_at_loans(store: &Path, frames: &[Frame], empty: &[PathBuf], findings: &Findings) {
    let path = |segment: u64| store.join(format!("{segment:012}.seg"));
    let mut lending = BTreeSet::new();
    for (batch, loan) in frames.iter().flat_map(|frame| frame.loans.iter().map(|loan| (frame.batch, loan))) {
        let mut bytes = vec![0; usize::try_from(loan.length).expect("it was sent from memory")];
        let path = path(loan.segment);
        let read = fs::File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, loan.start));
        if read.is_err() || Sha256::digest(&bytes)[..] != loan.sha256 {
            findings.note(Fault::Lost, format!("{batch}: bytes on loan in {}: {read:?}", path.display()));
        }
        lending.insert(path);
    }
    for path in empty.iter().filter(|path| !lending.contains(*path)) {
        findings.note(Fault::Orphan, format!("nothing is in it: {}", path.display()));
    }
}

/// The frames of a store's segments, and the segments without any but for the last run's stock.
fn frames_in(store: &Path) -> (Vec<Frame>, Vec<PathBuf>) {
    let (mut frames, mut empty) = (Vec::new(), Vec::new());
    let mut stock = 0;
    for entry in fs::read_dir(store).expect("a store can be read") {
        let path = entry.expect("a store can be read").path();
        let segment = fs::read(&path).expect("a segment can be read");
        let is_segment = segment.starts_with(b"CSGNSEGM") && segment.len() >= 40;
        if is_segment && u16_at(&segment, 10) == STOCK && stock < STOCK_SEGMENTS {
            stock += 1;
            continue;
        }
        let found = if is_segment { walk(&segment) } else { Vec::new() };
        if found.is_empty() {
            empty.push(path);
        }
        frames.extend(found);
    }
    (frames, empty)
}

/// Every whole frame of a segment.
fn walk(segment: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut at = BLOCK_BYTES;
    while at + PRELUDE_BYTES <= segment.len() {
        let frame = frame_at(segment, at);
        at += frame.as_ref().map_or(BLOCK_BYTES, |(_, length)| length.next_multiple_of(BLOCK_BYTES));
        frames.extend(frame.map(|(frame, _)| frame));
    }
    frames
}

/// The frame that begins here, and its length.
fn frame_at(segment: &[u8], at: usize) -> Option<(Frame, usize)> {
    let prelude = &segment[at..at + PRELUDE_BYTES];
    let nonce = &segment[20..36];
    let is_prelude = prelude.starts_with(b"CSGNSEAL")
        && prelude[16..32] == *nonce
        && u32_at(prelude, 60) as usize == crc32fast::hash(&prelude[..60]) as usize;
    if !is_prelude {
        return None;
    }
    let (entries, header, length) = (u32_at(prelude, 12), u32_at(prelude, 48), u32_at(prelude, 52));
    let (entries, header, length) = (entries as usize, header as usize, length as usize);
    let body = segment.get(at + PRELUDE_BYTES..at + length - 8)?;
    if crc32fast::hash(body) != u32_at(prelude, 56) {
        return None;
    }
    let kind = u16_at(prelude, 10);
    let (table, packed) = (header, header + 4 * (entries + 1));
    let entry = |index: usize| packed + u32_at(body, table + 4 * index) as usize;
    let (mut files, mut loans) = (Vec::new(), Vec::new());
    if kind == RESULTS {
        files.extend((0..entries).map(|index| id_at(body, entry(index))));
    } else {
        loans.extend((0..entries).filter_map(|index| loan_at(body, entry(index))));
    }
    Some((Frame { kind, batch: id_at(body, 0), files, loans }, length))
}

/// What the file whose entry begins here has on loan from another batch.
fn loan_at(bytes: &[u8], at: usize) -> Option<Loan> {
    let (file, _) = postcard::take_from_bytes::<SealedFile>(&bytes[at..]).expect("an entry can be read");
    let (segment, start) = file.loan?.place?;
    Some(Loan { segment, start, length: file.length, sha256: file.sha256 })
}

/// An id in postcard's encoding: its length, and its bytes.
fn id_at(bytes: &[u8], at: usize) -> Uuid {
    assert_eq!(bytes[at], 16, "an id has 16 bytes");
    Uuid::from_slice(&bytes[at + 1..at + 17]).expect("an id has 16 bytes")
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
