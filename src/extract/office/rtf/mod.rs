//! RTF 1.9.1 as Markdown: paragraphs, emphasis, links, tables, notes and code pages.
//!
//! Destinations that are no text of the document (fonts, pictures, styles) are skipped.

pub(crate) mod charsets;
mod text;
mod words;

use encoding_rs::Encoding;

use crate::extract::markdown::{Inline, Mark, Style, Writer};
use crate::extract::{ExtractError, Extracted, Room};

const ENGINE: &str = "consign-rtf 1";

/// Groups nested deeper are read at this depth.
const GROUPS_MAX: usize = 1000;

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let start = bytes.iter().position(|byte| *byte == b'{').unwrap_or(0);
    if !bytes[start..].starts_with(b"{\\rtf") {
        return Err(ExtractError::parse("no RTF header"));
    }
    let mut reader = Reader::new(&bytes[start..]);
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    if let Err(error) = reader.run(room).and_then(|()| reader.end(room)) {
        reader.writer.rewind(reader.whole);
        extracted.end_at(error, reader.writer.len() > 0)?;
    }
    extracted.text = reader.writer.finish();
    extracted.title = Some(reader.title);
    extracted.author = Some(reader.author);
    Ok(extracted)
}

/// Where text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    Note,
    /// The code of a field, as `HYPERLINK "…"`.
    FieldCode,
    Title,
    Author,
    Fonts,
    Skip,
}

#[derive(Debug, Clone)]
struct Group {
    destination: Destination,
    style: Style,
    hidden: bool,
    /// How many bytes stand for a `\u` in readers that do not know it.
    fallback_bytes: usize,
    font: i32,
    in_table: bool,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    groups: Vec<Group>,
    encoding: &'static Encoding,
    fonts: Vec<(i32, &'static Encoding)>,
    /// Bytes of a code page that wait for the rest of their character.
    pending: Vec<u8>,
    high_surrogate: Option<u16>,
    skip_bytes: usize,
    inline: Inline,
    note: String,
    notes: Vec<String>,
    field_code: String,
    row: Vec<String>,
    rows: Vec<Vec<String>>,
    list_text: bool,
    outline: Option<usize>,
    writer: Writer,
    /// Up to where the text is whole and within its limit.
    whole: Mark,
    title: String,
    author: String,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let group = Group {
            destination: Destination::Body,
            style: Style::default(),
            hidden: false,
            fallback_bytes: 1,
            font: -1,
            in_table: false,
        };
        let writer = Writer::default();
        Self {
            bytes,
            at: 0,
            groups: vec![group],
            encoding: encoding_rs::WINDOWS_1252,
            fonts: Vec::new(),
            pending: Vec::new(),
            high_surrogate: None,
            skip_bytes: 0,
            inline: Inline::default(),
            note: String::new(),
            notes: Vec::new(),
            field_code: String::new(),
            row: Vec::new(),
            rows: Vec::new(),
            list_text: false,
            outline: None,
            whole: writer.mark(),
            writer,
            title: String::new(),
            author: String::new(),
        }
    }

    fn group(&mut self) -> &mut Group {
        self.groups.last_mut().expect("the outermost group is never closed")
    }

    fn run(&mut self, room: &mut Room<'_>) -> Result<(), ExtractError> {
        let (mut reported, mut written) = (0, 0);
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if self.writer.len() > written || self.at - reported > 256 << 10 {
                (reported, written) = (self.at, self.writer.len());
                self.step(room)?;
            }
            self.at += 1;
            match byte {
                b'{' => {
                    self.settle();
                    if self.groups.len() < GROUPS_MAX {
                        let copy = self.group().clone();
                        self.groups.push(copy);
                    }
                }
                b'}' => self.close(),
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(byte),
            }
        }
        Ok(())
    }

    /// Ends the reading when the text is over its limit; otherwise it is whole so far.
    fn step(&mut self, room: &mut Room<'_>) -> Result<(), ExtractError> {
        room.step(self.writer.len())?;
        self.whole = self.writer.mark();
        Ok(())
    }

    fn close(&mut self) {
        self.settle();
        let closed = self.group().destination;
        if self.groups.len() > 1 {
            self.groups.pop();
        }
        let outer = self.group().destination;
        if closed == Destination::Note && outer != Destination::Note {
            let note = std::mem::take(&mut self.note);
            self.notes.push(note.split_whitespace().collect::<Vec<_>>().join(" "));
            let mark = format!("[^{}]", self.notes.len());
            self.inline.push_plain(&mark);
        }
    }

    fn control(&mut self) {
        let Some(first) = self.bytes.get(self.at).copied() else {
            return;
        };
        if !first.is_ascii_alphabetic() {
            self.at += 1;
            self.symbol(first);
            return;
        }
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take(40).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = std::str::from_utf8(&rest[..length]).expect("letters are ASCII").to_owned();
        let digits = &rest[length..];
        let sign = usize::from(digits.first() == Some(&b'-'));
        let count = digits[sign..].iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
        let number = (count > 0).then(|| std::str::from_utf8(&digits[..sign + count]).ok()).flatten();
        let number = number.and_then(|number| number.parse::<i64>().ok());
        self.at += length + if count > 0 { sign + count } else { 0 };
        if self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        self.word(&word, number);
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::tests::read;
    use crate::extract::{ExtractError, Limits, extract};

    fn text(rtf: &str) -> String {
        read(rtf.as_bytes(), "application/rtf").text
    }

    #[test]
    fn text_emphasis_and_unicode_are_read() {
        let rtf = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title T}}a {\b bold} caf\'e9 \u8364?.\par second\par}";
        assert_eq!(text(rtf), "a **bold** café €.\n\nsecond\n");
    }

    #[test]
    fn table_and_note_are_read() {
        let rtf =
            r"{\rtf1 \trowd\intbl a\cell b\cell\row\trowd\intbl c\cell d\cell\row\pard end{\footnote the note}\par}";
        assert_eq!(text(rtf), "| a | b |\n| --- | --- |\n| c | d |\n\nend[^1]\n\n[^1]: the note\n");
    }

    #[test]
    fn link_is_read_from_a_field() {
        let rtf = r#"{\rtf1 {\field{\*\fldinst HYPERLINK "http://x.y"}{\fldrslt there}}\par}"#;
        assert_eq!(text(rtf), "[there](http://x.y)\n");
    }

    #[test]
    fn text_over_the_limit_keeps_the_paragraphs_before_it() {
        let limits = Limits { text_bytes_max: 10, ..Limits::default() };
        let read = |rtf: &[u8]| extract(rtf, "application/rtf", &limits, &mut || ());
        let extracted = read(br"{\rtf1 first\par second\par}").unwrap();
        assert_eq!(extracted.text, "first\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: text_too_large: "));
        assert_eq!(read(br"{\rtf1 longer than ten\par}"), Err(ExtractError::TextTooLarge));
    }
}
