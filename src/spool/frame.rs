//! A frame: the checksummed manifest that closes a region of a segment. A seal is one, a group of results is another.
//!
//! ```text
//! region ─► data … │ pad to 4096 │ prelude 64 │ header + crc │ table (entries + 1) × u32 │ entries, each + crc │ length u64
//! ```
//! All numbers are little-endian. The prelude repeats the segment's nonce, which no client ever sees, so that bytes that a
//! client sends can never pass for a frame; the length at the end finds the frame from the end of a file. The table lets
//! one entry be read without the others.

use std::ops::Range;

use serde::{Serialize, de::DeserializeOwned};

use super::extent::Extent;

/// Regions and frames begin on multiples of this, so that a dead region's blocks can be given back to the filesystem.
pub const BLOCK_BYTES: u64 = 4096;

/// The bytes before a frame's header.
pub const PRELUDE_BYTES: usize = 64;

/// The bytes after a frame's entries: its own length once more.
const TRAILER_BYTES: usize = 8;

/// The longest frame that is believed: 65,535 entries with names of 255 bytes stay below it by far.
const FRAME_BYTES_MAX: u64 = 256 << 20;

const MAGIC: &[u8; 8] = b"CSGNSEAL";
const VERSION: u16 = 1;

/// A number that only the segment's own frames carry.
pub type Nonce = [u8; 16];

/// What a frame is the manifest of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum FrameKind {
    /// The files of a batch.
    Seal = 1,
    /// Outcomes of files of one batch, and their texts.
    Results = 2,
}

/// Where a frame and the region that it closes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
pub struct FrameRef {
    pub segment: u64,
    /// Where the region's data begins in the segment, in bytes.
    pub region: u64,
    /// Where the frame begins in the segment, in bytes.
    pub frame: u64,
    /// The frame's length in bytes, from prelude to trailer.
    pub length: u32,
    pub header_length: u32,
    pub entries: u32,
}

impl FrameRef {
    /// The first byte after the region and its frame that another region may use.
    #[must_use]
    pub const fn end(&self) -> u64 {
        align_up(self.frame + self.length as u64)
    }

    /// The region and its frame.
    #[must_use]
    pub const fn extent(&self) -> Extent {
        Extent { segment: self.segment, start: self.region, length: self.end() - self.region }
    }

    pub(super) const fn header_at(&self) -> u64 {
        self.frame + PRELUDE_BYTES as u64
    }

    pub(super) const fn table_at(&self) -> u64 {
        self.header_at() + self.header_length as u64
    }

    pub(super) const fn entries_at(&self) -> u64 {
        self.table_at() + 4 * (self.entries as u64 + 1)
    }
}

/// The next multiple of [`BLOCK_BYTES`].
#[must_use]
pub const fn align_up(offset: u64) -> u64 {
    offset.next_multiple_of(BLOCK_BYTES)
}

/// A frame before its place is known: everything but the prelude and the trailer.
#[derive(Debug)]
pub struct FrameBody {
    kind: FrameKind,
    header_length: u32,
    entries: u32,
    bytes: Vec<u8>,
}

impl FrameBody {
    /// What the frame closes.
    pub(super) const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Encodes a header and its entries.
    ///
    /// # Panics
    /// When the frame would pass 256 MiB, far above what the limits on names and counts allow.
    pub fn encode<H: Serialize, E: Serialize>(kind: FrameKind, header: &H, entries: &[E]) -> Self {
        let mut bytes = encode_checked(header);
        let header_length = short(bytes.len());
        let mut table = Vec::with_capacity(4 * (entries.len() + 1));
        let mut packed = Vec::new();
        table.extend(0u32.to_le_bytes());
        for entry in entries {
            packed.extend(encode_checked(entry));
            table.extend(short(packed.len()).to_le_bytes());
        }
        bytes.append(&mut table);
        bytes.append(&mut packed);
        assert!(bytes.len() as u64 <= FRAME_BYTES_MAX / 2, "a frame is bounded by the limits on names and counts");
        Self { kind, header_length, entries: short(entries.len()), bytes }
    }

    /// The whole frame's length in bytes.
    #[must_use]
    pub const fn length(&self) -> usize {
        PRELUDE_BYTES + self.bytes.len() + TRAILER_BYTES
    }

    /// Where the frame lies when its region's data begins at `region` and is `data_length` bytes long.
    #[must_use]
    pub fn place(&self, segment: u64, region: u64, data_length: u64) -> FrameRef {
        FrameRef {
            segment,
            region,
            frame: region + align_up(data_length),
            length: short(self.length()),
            header_length: self.header_length,
            entries: self.entries,
        }
    }

    /// Appends the frame's bytes, ready for its place.
    pub fn write(&self, place: &FrameRef, nonce: &Nonce, out: &mut Vec<u8>) {
        out.reserve(self.length());
        let start = out.len();
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend((self.kind as u16).to_le_bytes());
        out.extend(self.entries.to_le_bytes());
        out.extend(nonce);
        out.extend(place.region.to_le_bytes());
        out.extend(place.frame.to_le_bytes());
        out.extend(self.header_length.to_le_bytes());
        out.extend(place.length.to_le_bytes());
        out.extend(crc32fast::hash(&self.bytes).to_le_bytes());
        let prelude_crc = crc32fast::hash(&out[start..]);
        out.extend(prelude_crc.to_le_bytes());
        out.extend(&self.bytes);
        out.extend(u64::from(place.length).to_le_bytes());
    }
}

/// What a prelude says of the frame behind it.
#[derive(Debug, Clone, Copy)]
pub struct Prelude {
    pub place: FrameRef,
    body_crc: u32,
}

impl Prelude {
    /// Reads a prelude that was found at `at`; none when these bytes are not one of this segment's.
    pub fn decode(bytes: &[u8], segment: u64, nonce: &Nonce, at: u64) -> Option<Self> {
        let bytes: &[u8; PRELUDE_BYTES] = bytes.first_chunk()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let genuine = bytes.starts_with(MAGIC)
            && u16_at(8) == VERSION
            && [FrameKind::Seal as u16, FrameKind::Results as u16].contains(&u16_at(10))
            && bytes[16..32] == *nonce
            && u32_at(60) == crc32fast::hash(&bytes[..60]);
        let place = FrameRef {
            segment,
            region: u64_at(32),
            frame: u64_at(40),
            header_length: u32_at(48),
            length: u32_at(52),
            entries: u32_at(12),
        };
        let sound = place.frame == at
            && place.region <= place.frame
            && u64::from(place.length) <= FRAME_BYTES_MAX
            && place.entries_at() + TRAILER_BYTES as u64 <= place.frame + u64::from(place.length);
        (genuine && sound).then_some(Self { place, body_crc: u32_at(56) })
    }

    /// Reads the prelude of a frame whose place is known, whatever nonce it carries; none when it is not that frame's.
    pub fn of(bytes: &[u8], place: &FrameRef) -> Option<Self> {
        let nonce = bytes.get(16..)?.first_chunk()?;
        Self::decode(bytes, place.segment, nonce, place.frame).filter(|prelude| prelude.place == *place)
    }

    /// Whether `frame`, the whole frame's bytes, is what the prelude promises.
    pub fn vouches_for(&self, frame: &[u8]) -> bool {
        let length = self.place.length as usize;
        frame.len() == length
            && crc32fast::hash(&frame[PRELUDE_BYTES..length - TRAILER_BYTES]) == self.body_crc
            && frame[length - TRAILER_BYTES..] == u64::from(self.place.length).to_le_bytes()
    }
}

/// The length of the frame that ends with these bytes, if they are a trailer.
pub fn trailer(bytes: &[u8]) -> Option<u64> {
    let length = u64::from_le_bytes(*bytes.last_chunk()?);
    (PRELUDE_BYTES as u64..=FRAME_BYTES_MAX).contains(&length).then_some(length)
}

/// Decodes one entry, `bytes` being its encoding and checksum.
pub fn decode_checked<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (encoded, crc) = bytes.split_last_chunk()?;
    if crc32fast::hash(encoded) != u32::from_le_bytes(*crc) {
        return None;
    }
    postcard::from_bytes(encoded).ok()
}

/// Where entries lie among all of a frame of `length` bytes: from the first to the end of the last. `table` is their part
/// of the frame's table, one number more than entries.
pub fn entries_span(table: &[u8], length: u32) -> Option<Range<u32>> {
    let offsets = table.as_chunks().0;
    let span = u32::from_le_bytes(*offsets.first()?)..u32::from_le_bytes(*offsets.last()?);
    (span.start <= span.end && span.end <= length).then_some(span)
}

/// Decodes the entries that a part of the table names, `bytes` being what lies in their [`entries_span`].
pub fn decode_entries<E: DeserializeOwned>(table: &[u8], bytes: &[u8]) -> Option<Vec<E>> {
    let offsets: Vec<u32> = table.as_chunks().0.iter().map(|offset| u32::from_le_bytes(*offset)).collect();
    let first = *offsets.first()?;
    let entry = |bounds: &[u32]| {
        let start = bounds[0].checked_sub(first)? as usize;
        let end = bounds[1].checked_sub(first)? as usize;
        decode_checked(bytes.get(start..end)?)
    };
    offsets.windows(2).map(entry).collect()
}

/// A value and its checksum.
fn encode_checked<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = postcard::to_allocvec(value).expect("plain data with known lengths always encodes");
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("a frame is far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const NONCE: Nonce = [7; 16];

    fn frame() -> (FrameRef, Vec<u8>) {
        let body = FrameBody::encode(FrameKind::Seal, &"header", &["one", "two"]);
        let place = body.place(3, 8192, 5000);
        let mut bytes = Vec::new();
        body.write(&place, &NONCE, &mut bytes);
        (place, bytes)
    }

    #[test]
    fn a_frame_lies_on_the_block_after_its_data() {
        let (place, bytes) = frame();
        assert_eq!(place.frame, 8192 + 8192);
        assert_eq!(place.end(), 8192 + 8192 + 4096);
        assert_eq!(bytes.len(), place.length as usize);
        assert_eq!(trailer(&bytes), Some(u64::from(place.length)));
    }

    #[test]
    fn a_frame_is_known_by_place_nonce_and_checksum() {
        let (place, bytes) = frame();
        let prelude = Prelude::decode(&bytes, 3, &NONCE, place.frame).expect("genuine");
        assert_eq!(prelude.place, place);
        assert!(prelude.vouches_for(&bytes));
        assert!(Prelude::decode(&bytes, 3, &[8; 16], place.frame).is_none(), "another segment's nonce");
        assert!(Prelude::decode(&bytes, 3, &NONCE, place.frame + BLOCK_BYTES).is_none(), "another place");
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let (place, bytes) = frame();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let believed = Prelude::decode(&damaged, 3, &NONCE, place.frame).is_some_and(|p| p.vouches_for(&damaged));
            assert!(!believed, "a flip at {at} went unnoticed");
        }
    }

    fn table_and_entries<'a>(place: &FrameRef, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let base = |at: u64| usize::try_from(at - place.frame).expect("small");
        (&bytes[base(place.table_at())..base(place.entries_at())], &bytes[base(place.entries_at())..])
    }

    /// The entries that a part of the table names, read as the store does.
    fn read(table: &[u8], entries: &[u8], length: u32) -> Option<Vec<String>> {
        let span = entries_span(table, length)?;
        decode_entries(table, entries.get(span.start as usize..span.end as usize)?)
    }

    #[test]
    fn entries_are_found_by_the_table() {
        let (place, bytes) = frame();
        let (table, entries) = table_and_entries(&place, &bytes);
        assert_eq!(read(table, entries, place.length), Some(vec!["one".into(), "two".into()]));
        assert_eq!(read(&table[4..], entries, place.length), Some(vec!["two".into()]));
        assert_eq!(read(&table[..4], entries, place.length), Some(Vec::new()));
    }

    #[test]
    fn a_table_that_leads_nowhere_is_refused() {
        let (place, bytes) = frame();
        let (_, entries) = table_and_entries(&place, &bytes);
        let table = |offsets: [u32; 3]| offsets.map(u32::to_le_bytes).concat();
        for offsets in [[0, u32::MAX, 16], [16, 8, 0], [8, 0, 16], [0, 8, u32::MAX], [0, 0, 0]] {
            assert_eq!(read(&table(offsets), entries, place.length), None, "{offsets:?}");
        }
        assert_eq!(read(&[], entries, place.length), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_frame_says_what_it_was_given_and_no_changed_byte_is_believed(
            header in ".{0,40}",
            names in vec(".{0,20}", 0..20),
            (segment, block, data_length) in (any::<u64>(), 0..1u64 << 40, 0..1u64 << 40),
            nonce in any::<Nonce>(),
            (at, change) in (any::<Index>(), 1..=u8::MAX),
        ) {
            let body = FrameBody::encode(FrameKind::Results, &header, &names);
            let place = body.place(segment, block * BLOCK_BYTES, data_length);
            let mut bytes = Vec::new();
            body.write(&place, &nonce, &mut bytes);

            let prelude = Prelude::decode(&bytes, segment, &nonce, place.frame).expect("it was just written");
            prop_assert_eq!(prelude.place, place);
            prop_assert!(prelude.vouches_for(&bytes));
            prop_assert_eq!(&bytes[PRELUDE_BYTES..PRELUDE_BYTES + place.header_length as usize], encode_checked(&header));
            let (table, entries) = table_and_entries(&place, &bytes);
            prop_assert_eq!(read(table, entries, place.length), Some(names));

            let cut = at.index(bytes.len());
            prop_assert!(!prelude.vouches_for(&bytes[..cut]), "cut to {cut} bytes");
            bytes[cut] ^= change;
            let believed = Prelude::decode(&bytes, segment, &nonce, place.frame).is_some_and(|p| p.vouches_for(&bytes));
            prop_assert!(!believed, "a change at {cut} went unnoticed");
        }
    }
}
