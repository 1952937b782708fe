//! The file information block: where the text lies, and how much of it is body, notes and margins.

use encoding_rs::Encoding;

use super::is_word;
use crate::extract::ExtractError;
use crate::extract::office::bytes::{size_at, u16_at};

/// The first version with Unicode and a table stream: Word 97.
const WORD_97: u16 = 0xc0;

/// Lengths of the parts of the text in characters, in the order in which they lie.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lengths {
    pub body: usize,
    pub footnotes: usize,
    pub margins: usize,
    pub macros: usize,
    pub comments: usize,
    pub endnotes: usize,
    pub boxes: usize,
}

#[derive(Debug)]
pub(super) struct Header {
    pub is_97: bool,
    second_table: bool,
    pub lengths: Lengths,
    /// Offset and length of the piece table.
    pub pieces: (usize, usize),
    /// Offset and length of the indices to the properties of characters and paragraphs.
    pub character_pages: (usize, usize),
    pub paragraph_pages: (usize, usize),
    /// Offset and length of the lists and of their overrides.
    pub lists: (usize, usize),
    pub overrides: (usize, usize),
    /// Offset and length of the references to comments, and of the names of their authors.
    pub comments: (usize, usize),
    pub authors: (usize, usize),
    /// Where the text lies when there is no piece table.
    pub text_start: usize,
    pub encoding: &'static Encoding,
}

impl Header {
    pub fn read(main: &[u8]) -> Result<Self, ExtractError> {
        if !is_word(main) {
            return Err(ExtractError::parse("no Word document"));
        }
        let flags = u16_at(main, 0x0a).unwrap_or(0);
        if flags & 0x0100 != 0 {
            return Err(ExtractError::PasswordProtected);
        }
        let is_97 = u16_at(main, 2).is_some_and(|version| version >= WORD_97);
        let number = |at| size_at(main, at).unwrap_or(0);
        let pair = |at| (number(at), number(at + 4));
        // The same lengths in the same order, in two places.
        let first = if is_97 { 0x4c } else { 0x34 };
        let length = |index: usize| number(first + 4 * index);
        let lengths = Lengths {
            body: length(0),
            footnotes: length(1),
            margins: length(2),
            macros: length(3),
            comments: length(4),
            endnotes: length(5),
            boxes: length(6),
        };
        Ok(Self {
            is_97,
            second_table: flags & 0x0200 != 0,
            lengths,
            pieces: if is_97 { pair(0x1a2) } else { pair(0x160) },
            character_pages: if is_97 { pair(0xfa) } else { (0, 0) },
            paragraph_pages: if is_97 { pair(0x102) } else { (0, 0) },
            lists: if is_97 { pair(0x2e2) } else { (0, 0) },
            overrides: if is_97 { pair(0x2ea) } else { (0, 0) },
            comments: if is_97 { pair(0xba) } else { (0, 0) },
            authors: if is_97 { pair(0x1ba) } else { (0, 0) },
            text_start: number(0x18),
            encoding: encoding_of(u16_at(main, 6).unwrap_or(0)),
        })
    }

    /// The stream that tables lie in; before Word 97 they are in the main stream.
    pub fn table_stream(&self) -> Option<&'static str> {
        self.is_97.then_some(if self.second_table { "1Table" } else { "0Table" })
    }
}

/// The encoding of one-byte text by the document's language.
fn encoding_of(language: u16) -> &'static Encoding {
    match language & 0x3ff {
        0x01 | 0x29 | 0x20 => encoding_rs::WINDOWS_1256,
        0x02 | 0x19 | 0x22 | 0x23 | 0x2f => encoding_rs::WINDOWS_1251,
        0x05 | 0x0e | 0x15 | 0x18 | 0x1a | 0x1b | 0x1c | 0x24 => encoding_rs::WINDOWS_1250,
        0x08 => encoding_rs::WINDOWS_1253,
        0x0d => encoding_rs::WINDOWS_1255,
        0x1f => encoding_rs::WINDOWS_1254,
        0x25..=0x27 => encoding_rs::WINDOWS_1257,
        0x11 => encoding_rs::SHIFT_JIS,
        0x12 => encoding_rs::EUC_KR,
        0x04 if language == 0x0404 => encoding_rs::BIG5,
        0x04 => encoding_rs::GBK,
        0x1e => encoding_rs::WINDOWS_874,
        _ => encoding_rs::WINDOWS_1252,
    }
}
