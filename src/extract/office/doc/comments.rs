//! Who wrote the comments ([MS-DOC] 2.8.7 and 2.9.8): each refers to a place in a list of names.

use super::header::Header;
use crate::extract::office::bytes::{slice, u16_at, utf16};

/// A reference to a comment: initials, and behind them the place of the name.
const REFERENCE_BYTES: usize = 30;
const PLACE_AT: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Authors {
    names: Vec<String>,
    /// Of each comment, in their order.
    places: Vec<u16>,
}

impl Authors {
    pub fn read(header: &Header, table: &[u8]) -> Self {
        let part = |(at, length): (usize, usize)| slice(table, at, length).unwrap_or_default();
        let references = part(header.comments);
        // Positions in the text, one more than there are comments, stand before the references.
        let count = references.len().saturating_sub(4) / (4 + REFERENCE_BYTES);
        let references = references.get(4 * (count + 1)..).unwrap_or_default().chunks_exact(REFERENCE_BYTES);
        let places = references.map(|reference| u16_at(reference, PLACE_AT).unwrap_or(u16::MAX)).collect();
        Self { names: names(part(header.authors)), places }
    }

    /// The author of a comment, counted from 0, if the file says.
    pub fn of(&self, comment: usize) -> Option<&str> {
        self.names.get(usize::from(*self.places.get(comment)?)).map(String::as_str)
    }
}

/// Names that stand one behind another, each with its length before it.
fn names(mut rest: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(units) = u16_at(rest, 0).map(usize::from) {
        let Some(name) = slice(rest, 2, 2 * units) else { break };
        names.push(utf16(name));
        rest = &rest[2 + 2 * units..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a document whose table begins with so many bytes of references, and names behind them.
    fn header(references: u32, names: u32) -> Header {
        let mut main = vec![0; 1024];
        let mut put = |at: usize, number: u32| main[at..at + 4].copy_from_slice(&number.to_le_bytes());
        put(0, 0x00c1_a5ec);
        put(0xbe, references);
        put(0x1ba, references);
        put(0x1be, names);
        Header::read(&main).unwrap()
    }

    #[test]
    fn comments_refer_to_their_authors() {
        let reference = |place: u8| [&[7; PLACE_AT][..], &[place, 0], &[7; 8]].concat();
        let references = [vec![0; 16], reference(1), reference(0), reference(9)].concat();
        let names = b"\x02\0A\0b\0\x01\0C\0\x05\0D\0";
        let table = [&references[..], names].concat();
        let (references, names) = (u32::try_from(references.len()).unwrap(), u32::try_from(names.len()).unwrap());
        let authors = Authors::read(&header(references, names), &table);
        let of = |comment| authors.of(comment);
        assert_eq!([of(0), of(1), of(2), of(3)], [Some("C"), Some("Ab"), None, None]);
        assert_eq!(Authors::read(&header(references, names), &[]).of(0), None);
    }
}
