//! Records: eight bytes of kind and length, then content, which in containers is records again ([MS-PPT] 2.3.1).

use crate::extract::office::bytes::{size_at, slice, u16_at};

/// The kinds of records that text hangs on.
pub(super) mod kind {
    pub const DOCUMENT: u16 = 0x03e8;
    pub const SLIDE: u16 = 0x03ee;
    pub const SLIDE_ATOM: u16 = 0x03ef;
    pub const NOTES: u16 = 0x03f0;
    pub const SLIDE_PERSIST: u16 = 0x03f3;
    pub const DRAWING: u16 = 0x040c;
    pub const OUTLINE_REFERENCE: u16 = 0x0f9e;
    pub const TEXT_HEADER: u16 = 0x0f9f;
    pub const TEXT_CHARACTERS: u16 = 0x0fa0;
    pub const TEXT_BYTES: u16 = 0x0fa8;
    pub const SLIDE_LIST: u16 = 0x0ff0;
    pub const USER_EDIT: u16 = 0x0ff5;
    pub const PERSIST_DIRECTORY: u16 = 0x1772;
    pub const TEXT_BOX: u16 = 0xf00d;
}

/// Real documents nest about ten deep.
const DEPTH_MAX: usize = 40;

#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub kind: u16,
    /// Tells lists of one kind apart.
    pub instance: u16,
    is_container: bool,
    pub content: &'a [u8],
}

/// The records that lie side by side in these bytes.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let record = record_at(rest, 0)?;
        rest = &rest[(8 + record.content.len()).min(rest.len())..];
        Some(record)
    })
}

/// The record at an offset; one that is cut off has what is left of it.
pub(super) fn record_at(bytes: &[u8], at: usize) -> Option<Record<'_>> {
    let head = slice(bytes, at, 8)?;
    let version = u16_at(head, 0)?;
    let rest = &bytes[at + 8..];
    let content = &rest[..size_at(head, 4)?.min(rest.len())];
    Some(Record { kind: u16_at(head, 2)?, instance: version >> 4, is_container: version & 15 == 15, content })
}

impl<'a> Record<'a> {
    pub fn child(self, kind: u16) -> Option<Record<'a>> {
        records(self.content).find(|record| record.kind == kind)
    }

    /// The text of a text atom.
    pub fn text(self) -> String {
        if self.kind == kind::TEXT_CHARACTERS {
            let units = self.content.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        } else {
            // One byte for each character is the lower half of UTF-16, which is Latin-1.
            self.content.iter().copied().map(char::from).collect()
        }
    }
}

/// All records of some kinds inside another, in order.
pub(super) fn find<'a>(record: Record<'a>, kinds: &[u16], found: &mut Vec<Record<'a>>) {
    find_below(record, kinds, found, 0);
}

fn find_below<'a>(record: Record<'a>, kinds: &[u16], found: &mut Vec<Record<'a>>, depth: usize) {
    for child in records(record.content) {
        if kinds.contains(&child.kind) {
            found.push(child);
        } else if child.is_container && depth < DEPTH_MAX {
            find_below(child, kinds, found, depth + 1);
        }
    }
}
