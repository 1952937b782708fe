//! Records: eight bytes of kind and length, then content, which in containers is records again ([MS-PPT] 2.3.1).

use crate::extract::office::bytes::{size_at, slice, u16_at};

/// The kinds of records that text hangs on.
pub(super) mod kind {
    pub const DOCUMENT: u16 = 0x03e8;
    pub const SLIDE: u16 = 0x03ee;
    pub const SLIDE_ATOM: u16 = 0x03ef;
    pub const NOTES: u16 = 0x03f0;
    pub const SLIDE_PERSIST: u16 = 0x03f3;
    pub const EXTERNAL_OBJECTS: u16 = 0x0409;
    pub const DRAWING: u16 = 0x040c;
    pub const PLACEHOLDER: u16 = 0x0bc3;
    pub const OUTLINE_REFERENCE: u16 = 0x0f9e;
    pub const TEXT_HEADER: u16 = 0x0f9f;
    pub const TEXT_CHARACTERS: u16 = 0x0fa0;
    pub const TEXT_STYLE: u16 = 0x0fa1;
    pub const TEXT_BYTES: u16 = 0x0fa8;
    pub const STRING: u16 = 0x0fba;
    pub const LINK: u16 = 0x0fd7;
    pub const LINK_ATOM: u16 = 0x0fd3;
    pub const SLIDE_NUMBER: u16 = 0x0fd8;
    pub const MARGINS: u16 = 0x0fd9;
    pub const MARGINS_ATOM: u16 = 0x0fda;
    pub const ACTION_RANGE: u16 = 0x0fdf;
    pub const SLIDE_LIST: u16 = 0x0ff0;
    pub const ACTION: u16 = 0x0ff2;
    pub const ACTION_ATOM: u16 = 0x0ff3;
    pub const USER_EDIT: u16 = 0x0ff5;
    pub const DATE: u16 = 0x0ff7;
    pub const GENERIC_DATE: u16 = 0x0ff8;
    pub const HEADER: u16 = 0x0ff9;
    pub const FOOTER: u16 = 0x0ffa;
    pub const FORMATTED_DATE: u16 = 0x1015;
    pub const TAGS: u16 = 0x1388;
    pub const BINARY_TAG: u16 = 0x138a;
    pub const BINARY_TAG_DATA: u16 = 0x138b;
    pub const PERSIST_DIRECTORY: u16 = 0x1772;
    pub const COMMENT: u16 = 0x2ee0;
    pub const GROUP: u16 = 0xf003;
    pub const SHAPE: u16 = 0xf004;
    pub const OPTIONS: u16 = 0xf00b;
    pub const TEXT_BOX: u16 = 0xf00d;
    pub const CHILD_ANCHOR: u16 = 0xf00f;
    pub const CLIENT_DATA: u16 = 0xf011;
    pub const MORE_OPTIONS: u16 = 0xf122;
}

/// Real documents nest about ten deep.
const DEPTH_MAX: usize = 40;

#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub kind: u16,
    /// Tells records of one kind apart; in some it is a number of its own.
    pub instance: u16,
    pub is_container: bool,
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

impl Record<'_> {
    pub fn children(self) -> impl Iterator<Item = Self> {
        records(self.content)
    }

    pub fn children_of(self, kind: u16) -> impl Iterator<Item = Self> {
        self.children().filter(move |record| record.kind == kind)
    }

    pub fn child(self, kind: u16) -> Option<Self> {
        self.children_of(kind).next()
    }

    /// The string that a container has under a number.
    pub fn string(self, instance: u16) -> Option<String> {
        self.children_of(kind::STRING).find(|string| string.instance == instance).map(Self::text)
    }

    /// The UTF-16 units of a text or a string.
    pub fn units(self) -> Vec<u16> {
        if self.kind == kind::TEXT_BYTES {
            // One byte for each unit is its lower half.
            self.content.iter().copied().map(u16::from).collect()
        } else {
            self.content.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
        }
    }

    pub fn text(self) -> String {
        String::from_utf16_lossy(&self.units())
    }
}

/// All records of some kinds inside another, in order.
pub(super) fn find<'a>(record: Record<'a>, kinds: &[u16], found: &mut Vec<Record<'a>>) {
    find_below(record, kinds, found, 0);
}

fn find_below<'a>(record: Record<'a>, kinds: &[u16], found: &mut Vec<Record<'a>>, depth: usize) {
    for child in record.children() {
        if kinds.contains(&child.kind) {
            found.push(child);
        } else if child.is_container && depth < DEPTH_MAX {
            find_below(child, kinds, found, depth + 1);
        }
    }
}
