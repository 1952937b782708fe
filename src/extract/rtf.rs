//! RTF 1.9.1 as Markdown: paragraphs, emphasis, links, tables, notes and code pages.
//!
//! Destinations that are no text of the document (fonts, pictures, styles) are skipped.

use encoding_rs::Encoding;

use super::markdown::{Inline, Style, Writer};
use super::{ExtractError, Extracted, Room};

const ENGINE: &str = "consign-rtf 1";

/// Groups nested deeper are read at this depth.
const GROUPS_MAX: usize = 1000;

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let start = bytes.iter().position(|byte| *byte == b'{').unwrap_or(0);
    if !bytes[start..].starts_with(b"{\\rtf") {
        return Err(ExtractError::parse("no RTF header"));
    }
    let mut reader = Reader::new(&bytes[start..]);
    reader.run(room)?;
    Ok(reader.finish())
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
            writer: Writer::default(),
            title: String::new(),
            author: String::new(),
        }
    }

    fn group(&mut self) -> &mut Group {
        self.groups.last_mut().expect("the outermost group is never closed")
    }

    fn run(&mut self, room: &mut Room<'_>) -> Result<(), ExtractError> {
        let mut reported = 0;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if self.at - reported > 256 << 10 {
                reported = self.at;
                room.step(self.writer.len())?;
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

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let code = self.bytes.get(self.at..self.at + 2).and_then(|pair| std::str::from_utf8(pair).ok());
                if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            b'*' => {
                // A destination that a reader may skip; the few that hold text are named.
                let rest = &self.bytes[self.at..];
                let known: [&[u8]; 4] = [b"\\shptxt", b"\\shpinst", b"\\fldinst", b"\\footnote"];
                if !known.iter().any(|word| rest.trim_ascii_start().starts_with(word)) {
                    self.group().destination = Destination::Skip;
                }
            }
            b'~' => self.push("\u{a0}"),
            b'_' => self.push("\u{2011}"),
            b'\r' | b'\n' => self.paragraph(),
            b'\\' | b'{' | b'}' => self.byte(symbol),
            _ => {}
        }
    }

    fn word(&mut self, word: &str, number: Option<i64>) {
        if word == "u" {
            self.unicode(number.unwrap_or(0));
            return;
        }
        self.settle();
        self.skip_bytes = 0;
        let on = number != Some(0);
        match word {
            "bin" => {
                self.at = self.at.saturating_add(usize::try_from(number.unwrap_or(0)).unwrap_or(0));
            }
            "uc" => self.group().fallback_bytes = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(16),
            "ansicpg" => self.encoding = code_page(number.unwrap_or(1252)).unwrap_or(self.encoding),
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "f" => self.group().font = i32::try_from(number.unwrap_or(-1)).unwrap_or(-1),
            "fcharset" => self.font_charset(number.unwrap_or(0)),
            "b" => self.group().style.bold = on,
            "i" => self.group().style.italic = on,
            "strike" | "striked" => self.group().style.strike = on,
            "v" => self.group().hidden = on,
            "plain" => {
                let group = self.group();
                group.style = Style { link: group.style.link.take(), ..Style::default() };
                group.hidden = false;
            }
            "pard" => {
                self.group().in_table = false;
                self.outline = None;
                self.list_text = false;
            }
            "intbl" => self.group().in_table = true,
            "outlinelevel" => {
                self.outline = number.and_then(|level| usize::try_from(level).ok()).filter(|level| *level < 9);
            }
            "ls" | "pntext" | "listtext" if word != "ls" => self.list_text = true,
            "par" | "sect" => self.paragraph(),
            "page" | "column" | "line" => self.push("\n"),
            "tab" => self.push("\t"),
            "cell" | "nestcell" => self.cell(),
            "row" | "nestrow" => self.end_row(),
            _ => self.destination_or_character(word),
        }
    }

    fn destination_or_character(&mut self, word: &str) {
        let destination = match word {
            "footnote" => Destination::Note,
            "fldinst" => {
                self.field_code.clear();
                Destination::FieldCode
            }
            "fldrslt" => {
                let link = self.field_code.trim().strip_prefix("HYPERLINK").and_then(|rest| rest.split('"').nth(1));
                let link = link.filter(|link| !link.is_empty()).map(str::to_owned);
                self.group().style.link = link;
                return;
            }
            "title" => Destination::Title,
            "author" => Destination::Author,
            "fonttbl" => Destination::Fonts,
            "colortbl" | "stylesheet" | "listtable" | "listoverridetable" | "info" | "pict" | "object" | "header"
            | "headerl" | "headerr" | "headerf" | "footer" | "footerl" | "footerr" | "footerf" | "nonshppict"
            | "filetbl" | "revtbl" | "rsidtbl" | "xmlnstbl" | "mmathPr" | "themedata" | "datastore" | "atnid"
            | "atnauthor" | "annotation" | "bkmkstart" | "bkmkend" | "xe" | "tc" | "nonesttables" => Destination::Skip,
            "field" => return self.group().style.link = None,
            _ => {
                if let Some(text) = character(word) {
                    self.push(text);
                }
                return;
            }
        };
        // Inside what is skipped nothing counts, but the information group has the title and author in it.
        let outer = self.group().destination;
        if outer != Destination::Skip || matches!(destination, Destination::Title | Destination::Author) {
            self.group().destination = destination;
        }
    }

    fn font_charset(&mut self, charset: i64) {
        if self.group().destination == Destination::Fonts
            && let Some(encoding) = charset_encoding(charset)
        {
            let font = self.group().font;
            self.fonts.push((font, encoding));
        }
    }

    fn unicode(&mut self, number: i64) {
        self.decode_pending();
        self.skip_bytes = self.group().fallback_bytes;
        // The number is a signed 16-bit one; some writers give the code itself.
        let code = if number < 0 { number + 65_536 } else { number };
        let Ok(code) = u32::try_from(code) else { return };
        match (self.high_surrogate.take(), u16::try_from(code)) {
            (Some(high), Ok(low @ 0xdc00..=0xdfff)) => {
                let text: String = char::decode_utf16([high, low]).filter_map(Result::ok).collect();
                self.push(&text);
            }
            (_, Ok(high @ 0xd800..=0xdbff)) => self.high_surrogate = Some(high),
            _ => {
                if let Some(c) = char::from_u32(code).filter(|c| !('\u{e000}'..='\u{f8ff}').contains(c)) {
                    self.push(c.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skip_bytes > 0 {
            self.skip_bytes -= 1;
        } else {
            self.pending.push(byte);
        }
    }

    fn settle(&mut self) {
        self.decode_pending();
        self.skip_bytes = 0;
    }

    fn decode_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        let font = self.group().font;
        let encoding =
            self.fonts.iter().rev().find(|(id, _)| *id == font).map_or(self.encoding, |(_, encoding)| *encoding);
        let text = encoding.decode_without_bom_handling(&bytes).0.into_owned();
        self.push(&text);
    }

    fn push(&mut self, text: &str) {
        self.decode_pending();
        let group = self.group();
        if group.hidden {
            return;
        }
        let style = group.style.clone();
        match group.destination {
            Destination::Body => self.inline.push(&style, text),
            Destination::Note => self.note.push_str(text),
            Destination::FieldCode => self.field_code.push_str(text),
            Destination::Title => self.title.push_str(text),
            Destination::Author => self.author.push_str(text),
            Destination::Fonts | Destination::Skip => {}
        }
    }

    fn paragraph(&mut self) {
        self.settle();
        let Group { destination, in_table, .. } = *self.group();
        match destination {
            Destination::Body if in_table => self.inline.push_plain("\n"),
            Destination::Body => self.end_paragraph(),
            Destination::Note => self.note.push('\n'),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        self.end_table();
        let text = std::mem::take(&mut self.inline).markdown();
        let list = std::mem::take(&mut self.list_text);
        let (mark, rest) = if list { list_mark(&text) } else { (String::new(), text.as_str()) };
        match self.outline {
            Some(level) => self.writer.heading(level + 1, &text),
            None if !mark.is_empty() => self.writer.item(0, &mark, rest),
            None => self.writer.paragraph(&text),
        }
    }

    fn cell(&mut self) {
        if self.group().destination == Destination::Body {
            let text = std::mem::take(&mut self.inline).markdown();
            self.row.push(text);
        }
    }

    fn end_row(&mut self) {
        if !self.row.is_empty() {
            let row = std::mem::take(&mut self.row);
            self.rows.push(row);
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        let rows = std::mem::take(&mut self.rows);
        self.writer.table(&rows);
    }

    fn finish(mut self) -> Extracted {
        self.settle();
        self.end_paragraph();
        for (index, note) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            self.writer.paragraph(&format!("[^{}]: {note}", index + 1));
        }
        Extracted {
            text: self.writer.finish(),
            title: Some(self.title),
            author: Some(self.author),
            engine: ENGINE,
            ..Extracted::default()
        }
    }
}

/// Splits the mark that the writer put before a list item (`\listtext`) from the item: `1.⇥text`.
fn list_mark(text: &str) -> (String, &str) {
    match text.split_once('\t') {
        Some((mark, rest)) if mark.trim().chars().any(|c| c.is_ascii_alphanumeric()) => (mark.trim().to_owned(), rest),
        Some((_, rest)) => ("-".to_owned(), rest),
        None => (String::new(), text),
    }
}

fn character(word: &str) -> Option<&'static str> {
    Some(match word {
        "emdash" => "—",
        "endash" => "–",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "bullet" => "•",
        "emspace" | "enspace" | "qmspace" => " ",
        "zwj" => "\u{200d}",
        "zwnj" => "\u{200c}",
        _ => return None,
    })
}

fn code_page(number: i64) -> Option<&'static Encoding> {
    let label = match number {
        65001 => "utf-8".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10_000 => "macintosh".to_owned(),
        10_007 => "x-mac-cyrillic".to_owned(),
        866 => "ibm866".to_owned(),
        874 | 1250..=1258 => format!("windows-{number}"),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

/// The encoding of a font's `\fcharset`; none for the default and for symbols.
fn charset_encoding(charset: i64) -> Option<&'static Encoding> {
    let page = match charset {
        0 => 1252,
        77 => 10_000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    code_page(page)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

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
}
