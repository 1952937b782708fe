//! The fuzz target `frame`: whatever lies in a segment is a whole frame that can be read, or none.

use std::fmt::Debug;
use std::ops::Range;

use serde::de::DeserializeOwned;

use super::frame::{
    BLOCK_BYTES, FrameRef, Nonce, PRELUDE_BYTES, Prelude, decode_checked, decode_entries, entries_span, trailer,
};
use super::{ResultEntry, ResultsHeader, RetriedFile, SealHeader, SealedFile};

const TRAILER_BYTES: usize = 8;

/// Reads the bytes as a frame, as they are and with checksums and lengths that are right.
///
/// # Panics
/// When that does not hold.
pub fn frame(bytes: &[u8]) {
    check(bytes);
    check(&vouched(bytes));
}

fn check(bytes: &[u8]) {
    if let Some(length) = trailer(bytes) {
        assert!(length >= PRELUDE_BYTES as u64);
    }
    let Some(nonce) = bytes.get(16..32).and_then(|nonce| Nonce::try_from(nonce).ok()) else { return };
    let Some(at) = bytes[32..].as_chunks().0.get(1).map(|at| u64::from_le_bytes(*at)) else { return };
    // No file has a place past this.
    if i64::try_from(at).is_err() {
        return;
    }
    let Some(prelude) = Prelude::decode(bytes, 3, &nonce, at) else { return };
    let FrameRef { segment, region, frame, length, .. } = prelude.place;
    assert!(segment == 3 && region <= frame && frame == at, "{:?}", prelude.place);
    assert!(prelude.place.end() >= frame + u64::from(length) && prelude.place.end() % BLOCK_BYTES == 0);
    if prelude.vouches_for(bytes) {
        assert_eq!(trailer(bytes), Some(u64::from(length)));
        read_as::<SealHeader, SealedFile>(&prelude.place, bytes);
        read_as::<ResultsHeader, ResultEntry>(&prelude.place, bytes);
        read_as::<ResultsHeader, RetriedFile>(&prelude.place, bytes);
    }
}

/// Reads header and entries as the store does, all at once and each alone: what both give is the same.
fn read_as<H: DeserializeOwned, E: DeserializeOwned + PartialEq + Debug>(place: &FrameRef, frame: &[u8]) {
    let (header, table, entries) = parts(place, frame).expect("a frame that is believed has room for its parts");
    let _ = decode_checked::<H>(header);
    let read = |table: &[u8]| {
        let span = entries_span(table, place.length)?;
        decode_entries::<E>(table, entries.get(span.start as usize..span.end as usize)?)
    };
    let Some(all) = read(table) else { return };
    assert_eq!(all.len(), place.entries as usize);
    for (entry, bounds) in all.iter().zip(table.chunks(4).zip(table.chunks(4).skip(1))) {
        let alone = read(&[bounds.0, bounds.1].concat()).expect("an entry can be read without the others");
        assert_eq!(alone.as_slice(), std::slice::from_ref(entry));
    }
}

/// The header, the table, and all that lies behind them.
fn parts<'a>(place: &FrameRef, frame: &'a [u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let offset = |at: u64| usize::try_from(at - place.frame).ok();
    let (header, table, entries) = (offset(place.header_at())?, offset(place.table_at())?, offset(place.entries_at())?);
    Some((frame.get(header..table)?, frame.get(table..entries)?, frame.get(entries..)?))
}

/// The same bytes with the frame's length and all checksums made right, for a fuzzer does not guess them.
fn vouched(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let Some(trailer_at) = bytes.len().checked_sub(TRAILER_BYTES).filter(|at| *at >= PRELUDE_BYTES) else {
        return bytes;
    };
    let length = u32::try_from(bytes.len()).expect("inputs are small");
    for entry in entries_in(&bytes, length) {
        vouch(&mut bytes[entry]);
    }
    let body_crc = crc32fast::hash(&bytes[PRELUDE_BYTES..trailer_at]);
    bytes[trailer_at..].copy_from_slice(&u64::from(length).to_le_bytes());
    bytes[52..56].copy_from_slice(&length.to_le_bytes());
    bytes[56..60].copy_from_slice(&body_crc.to_le_bytes());
    vouch(&mut bytes[..PRELUDE_BYTES]);
    bytes
}

/// Writes the checksum of these bytes into the last four of them.
fn vouch(bytes: &mut [u8]) {
    if let Some((bytes, crc)) = bytes.split_last_chunk_mut() {
        *crc = crc32fast::hash(bytes).to_le_bytes();
    }
}

/// Where the table says that entries lie, each with its checksum, as far as the frame has room for them.
fn entries_in(frame: &[u8], length: u32) -> Vec<Range<usize>> {
    let number = |at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().expect("four bytes"));
    let place = FrameRef { segment: 0, region: 0, frame: 0, length, header_length: number(48), entries: number(12) };
    let Some((_, table, entries)) = parts(&place, frame) else { return Vec::new() };
    let first = frame.len() - entries.len();
    let offsets: Vec<usize> = table.as_chunks().0.iter().map(|at| u32::from_le_bytes(*at) as usize).collect();
    let inside = offsets.windows(2).filter(|bounds| bounds[0] <= bounds[1] && bounds[1] <= entries.len());
    inside.map(|bounds| first + bounds[0]..first + bounds[1]).collect()
}
