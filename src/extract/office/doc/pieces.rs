//! The piece table: which bytes of the file are which characters of the text ([MS-DOC] 2.8.35).

use super::header::Header;
use crate::extract::office::bytes::{size_at, slice, u8_at, u16_at};

/// The text as UTF-16 units or characters of a code page, each with the offset at which it lies.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub characters: Vec<(char, u32)>,
}

impl Pieces {
    pub fn read(header: &Header, main: &[u8], table: &[u8]) -> Self {
        let mut pieces = Self::default();
        let found = slice(table, header.pieces.0, header.pieces.1).and_then(piece_table);
        if let Some(list) = found {
            pieces.read_list(list, header, main);
        } else {
            let lengths = header.lengths;
            let all = [lengths.body, lengths.footnotes, lengths.margins, lengths.macros, lengths.comments];
            let count = all.iter().fold(lengths.endnotes, |sum, length| sum.saturating_add(*length));
            pieces.read_bytes(main, header.text_start, count, header);
        }
        pieces
    }

    /// Positions in the text, one more than there are pieces, then eight bytes for each piece.
    fn read_list(&mut self, list: &[u8], header: &Header, main: &[u8]) {
        let count = list.len().saturating_sub(4) / 12;
        for index in 0..count {
            let (Some(from), Some(to)) = (size_at(list, 4 * index), size_at(list, 4 * index + 4)) else { break };
            let Some(place) = size_at(list, 4 * (count + 1) + 8 * index + 2) else { break };
            // Overlapping pieces are an attack: a text is never longer than its file.
            let length = to.saturating_sub(from).min(main.len().saturating_sub(self.characters.len()));
            if !header.is_97 {
                self.read_bytes(main, place, length, header);
            } else if place & 0x4000_0000 != 0 {
                self.read_bytes(main, (place & 0x3fff_ffff) / 2, length, header);
            } else {
                self.read_units(main, place & 0x3fff_ffff, length);
            }
        }
    }

    fn read_bytes(&mut self, main: &[u8], at: usize, count: usize, header: &Header) {
        let end = main.len().min(at.saturating_add(count));
        let bytes = main.get(at..end).unwrap_or_default();
        // Compressed text of Word 97 is always of this code page; older text is of the document's language.
        let encoding = if header.is_97 { encoding_rs::WINDOWS_1252 } else { header.encoding };
        if encoding.is_single_byte() {
            let text = encoding.decode_without_bom_handling(bytes).0;
            self.characters.extend(text.chars().zip((at..).map(offset)));
        } else {
            let text = encoding.decode_without_bom_handling(bytes).0;
            self.characters.extend(text.chars().map(|c| (c, offset(at))));
        }
    }

    fn read_units(&mut self, main: &[u8], at: usize, count: usize) {
        let end = main.len().min(at.saturating_add(count.saturating_mul(2)));
        let bytes = main.get(at..end).unwrap_or_default();
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let mut place = at;
        for c in char::decode_utf16(units) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.characters.push((c, offset(place)));
            // Positions count units, so the second half of a pair takes a place of its own.
            if c.len_utf16() == 2 {
                self.characters.push(('\0', offset(place)));
            }
            place += 2 * c.len_utf16();
        }
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The list of pieces, behind the property lists that may stand before it.
fn piece_table(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while u8_at(bytes, at)? == 1 {
        at += 3 + usize::from(u16_at(bytes, at + 1)?);
    }
    (u8_at(bytes, at)? == 2)
        .then(|| slice(bytes, at + 5, size_at(bytes, at + 1)?))
        .flatten()
        .filter(|list| list.len() >= 16)
}
