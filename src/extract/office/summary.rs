//! Title, author and time of creation from the property set of a compound file ([MS-OLEPS] 2.21, 2.25.1).

use super::bytes::{size_at, slice, u16_at, u32_at, u64_at, utf16};
use super::charset_of_page;
use super::compound::Compound;
use crate::extract::{Extracted, time};

/// The same for a file that may be none.
pub(super) fn fill_in_from(bytes: &[u8], extracted: &mut Extracted) {
    if let Ok(file) = Compound::open(bytes) {
        fill_in(&file, extracted);
    }
}

pub(super) fn fill_in(file: &Compound<'_>, extracted: &mut Extracted) {
    let Some(stream) = file.stream_named(Compound::ROOT, "\x05SummaryInformation") else { return };
    let Some(set) = size_at(&stream, 44).and_then(|at| stream.get(at..)) else { return };
    let count = size_at(set, 4).unwrap_or(0).min(256);
    let find = |id: u32| {
        let index = (0..count).find(|index| u32_at(set, 8 + 8 * index) == Some(id))?;
        set.get(size_at(set, 12 + 8 * index)?..)
    };
    let page = find(1).and_then(|value| u16_at(value, 4)).unwrap_or(1252);
    let text = |id: u32| find(id).and_then(|value| string(value, page)).filter(|text| !text.trim().is_empty());
    extracted.title = text(2);
    extracted.author = text(4);
    let created = find(12).filter(|value| u32_at(value, 0) == Some(0x40));
    extracted.created = created.and_then(|value| u64_at(value, 4)).and_then(time::from_filetime);
}

/// A string of one-byte or two-byte characters, by the type before it.
fn string(value: &[u8], page: u16) -> Option<String> {
    let length = size_at(value, 4)?;
    match u32_at(value, 0)? {
        0x1e if page == 1200 => Some(utf16(slice(value, 8, length)?)),
        0x1e => {
            let bytes = slice(value, 8, length)?;
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            let encoding = charset_of_page(i64::from(page)).unwrap_or(encoding_rs::WINDOWS_1252);
            Some(encoding.decode_without_bom_handling(&bytes[..end]).0.into_owned())
        }
        0x1f => Some(utf16(slice(value, 8, length.checked_mul(2)?)?)),
        _ => None,
    }
}
