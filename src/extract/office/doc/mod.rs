//! DOC: the text of Word 6 to 2003 as Markdown ([MS-DOC], and the Word 6 file format of 1993).
//!
//! Tables, headings, list items, notes, links and emphasis; deleted and hidden text is left out.

mod comments;
mod header;
mod lists;
mod pieces;
mod properties;
mod text;

use super::bytes::u16_at;
use super::compound::Compound;
use crate::extract::{ExtractError, Extracted, Room};
use comments::Authors;
use header::Header;
use lists::Lists;
use pieces::Pieces;
use properties::Properties;
use text::Document;

const ENGINE: &str = "consign-doc 1";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let file = Compound::open(bytes)?;
    if file.find(Compound::ROOT, "EncryptedPackage").is_some() {
        return Err(ExtractError::PasswordProtected);
    }
    let main = file
        .stream_named(Compound::ROOT, "WordDocument")
        .ok_or_else(|| ExtractError::parse("no WordDocument stream"))?;
    let header = Header::read(&main)?;
    let table = match header.table_stream() {
        Some(name) => file.stream_named(Compound::ROOT, name).unwrap_or_default(),
        None => main.clone(),
    };
    room.step(0)?;
    let pieces = Pieces::read(&header, &main, &table);
    let properties = Properties::read(&header, &main, &table);
    let lists = Lists::read(&header, &table);
    let authors = Authors::read(&header, &table);
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    Document { header, pieces, properties, lists, authors }.write(&mut extracted, room)?;
    super::summary::fill_in(&file, &mut extracted);
    Ok(extracted)
}

/// Whether the first bytes of a stream are those of a Word document.
fn is_word(main: &[u8]) -> bool {
    matches!(u16_at(main, 0), Some(0xa5ec | 0xa5dc | 0xa697..=0xa699))
}

#[cfg(test)]
mod tests {
    use crate::extract::media::DOC;
    use crate::extract::office::compound::write::file_of;
    use crate::extract::tests::read;
    use crate::extract::{ExtractError, Limits, extract};

    /// Where the text lies in the main stream.
    const TEXT_AT: u32 = 1024;

    /// A document of Word 97 with one piece of text, of which `notes` characters are footnotes.
    fn document(text: &[u8], notes: u32, flags: u16) -> Vec<u8> {
        let count = u32::try_from(text.len()).unwrap();
        let mut main = vec![0; TEXT_AT as usize];
        let mut put = |at: usize, bytes: &[u8]| main[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &0xa5ec_u16.to_le_bytes());
        put(2, &0xc1_u16.to_le_bytes());
        put(0x0a, &flags.to_le_bytes());
        put(0x4c, &(count - notes).to_le_bytes());
        put(0x50, &notes.to_le_bytes());
        let pieces: Vec<u8> = [0, count].into_iter().flat_map(u32::to_le_bytes).collect();
        let place = ((TEXT_AT * 2) | 0x4000_0000).to_le_bytes();
        let table = [&[2, 16, 0, 0, 0], pieces.as_slice(), &[0, 0], &place, &[0, 0]].concat();
        put(0x1a6, &u32::try_from(table.len()).unwrap().to_le_bytes());
        main.extend_from_slice(text);
        file_of(&[("WordDocument", &main), ("1Table", &table)])
    }

    #[test]
    fn paragraphs_links_and_notes_are_read() {
        let text = b"One caf\xe9\rsee \x13HYPERLINK \"http://a.b/\"\x14here\x15\x02\r\x02 noted\r";
        let extracted = read(&document(text, 8, 0x0200), DOC);
        assert_eq!(extracted.text, "One café\n\nsee [here](http://a.b/)[^1]\n\n[^1]: noted\n");
    }

    #[test]
    fn cells_become_a_table() {
        let extracted = read(&document(b"a\x07b\x07\x07c\x07d\x07\x07after\r", 0, 0x0200), DOC);
        assert_eq!(extracted.text, "| a | b |\n| --- | --- |\n| c | d |\n\nafter\n");
    }

    #[test]
    fn text_over_the_limit_keeps_the_paragraphs_before_it() {
        let limits = Limits { text_bytes_max: 10, ..Limits::default() };
        let extracted = extract(&document(b"first\rsecond\r", 0, 0x0200), DOC, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "first\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: text_too_large: "));
        let result = extract(&document(b"longer than ten\r", 0, 0x0200), DOC, &limits, &mut || ());
        assert_eq!(result, Err(ExtractError::TextTooLarge));
    }

    #[test]
    fn encrypted_document_asks_for_its_password() {
        let result = extract(&document(b"x\r", 0, 0x0300), DOC, &Limits::default(), &mut || ());
        assert_eq!(result, Err(ExtractError::PasswordProtected));
    }
}
