//! RTF 1.9.1 as Markdown: paragraphs, emphasis, links, tables, notes and code pages.
//!
//! Destinations that are no text of the document (fonts, pictures, styles) are skipped, and so is what stands behind its
//! last brace. Comments, headers and footers are remarks (`<!-- … -->`), each once.

pub(crate) mod charsets;
mod text;
mod words;

use std::collections::HashMap;

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
    let [year, month, day] = reader.created;
    let is_date = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    extracted.created = is_date.then(|| format!("{year:04}-{month:02}-{day:02}"));
    Ok(extracted)
}

/// What stands beside the text, in the order in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Remark {
    Comment,
    Header,
    Footer,
}

/// Where text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    Note,
    Remark(Remark),
    /// The author of the next comment.
    Commentator,
    /// The name of a property of a shape.
    Property,
    /// A text that is drawn as a picture.
    Art,
    /// The code of a field, as `HYPERLINK "…"`.
    FieldCode,
    Title,
    Author,
    /// When the document was made.
    Created,
    Fonts,
    Styles,
    /// The mark of a list item, as its writer put it: `1.⇥`.
    ListMark,
    Skip,
}

#[derive(Debug, Clone)]
struct Group {
    destination: Destination,
    style: Style,
    hidden: bool,
    /// How many bytes stand for a `\u` in readers that do not know it.
    fallback_bytes: usize,
    /// None is the default font.
    font: Option<i64>,
    in_table: bool,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    groups: Vec<Group>,
    /// How many groups are open.
    depth: usize,
    encoding: &'static Encoding,
    fonts: HashMap<i64, &'static Encoding>,
    default_font: Option<i64>,
    /// Bytes of a code page that wait for the rest of their character.
    pending: Vec<u8>,
    high_surrogate: Option<u16>,
    skip_bytes: usize,
    /// Whether the next group is skipped.
    skip_group: bool,
    inline: Inline,
    note: String,
    notes: Vec<String>,
    /// The remark that is being read, and those before it, as they are written.
    remark: String,
    remarks: Vec<(Remark, String)>,
    commentator: String,
    property: String,
    field_code: String,
    row: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The mark of the list item that is being read.
    list_mark: Option<String>,
    /// How deep the paragraph is in its list.
    level: usize,
    outline: Option<usize>,
    /// The style that is being defined, and the levels of those that are headings.
    style: Option<i64>,
    outlines: HashMap<i64, usize>,
    writer: Writer,
    /// Up to where the text is whole and within its limit.
    whole: Mark,
    title: String,
    author: String,
    /// Year, month and day.
    created: [i64; 3],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let group = Group {
            destination: Destination::Body,
            style: Style::default(),
            hidden: false,
            fallback_bytes: 1,
            font: None,
            in_table: false,
        };
        let writer = Writer::default();
        Self {
            bytes,
            at: 0,
            groups: vec![group],
            depth: 0,
            encoding: encoding_rs::WINDOWS_1252,
            fonts: HashMap::new(),
            default_font: None,
            pending: Vec::new(),
            high_surrogate: None,
            skip_bytes: 0,
            skip_group: false,
            inline: Inline::default(),
            note: String::new(),
            notes: Vec::new(),
            remark: String::new(),
            remarks: Vec::new(),
            commentator: String::new(),
            property: String::new(),
            field_code: String::new(),
            row: Vec::new(),
            rows: Vec::new(),
            list_mark: None,
            level: 0,
            outline: None,
            style: None,
            outlines: HashMap::new(),
            whole: writer.mark(),
            writer,
            title: String::new(),
            author: String::new(),
            created: [0; 3],
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
                    self.open();
                }
                b'}' => {
                    self.settle();
                    self.close();
                    if self.depth == 0 {
                        break;
                    }
                }
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

    fn open(&mut self) {
        self.depth += 1;
        if self.groups.len() < GROUPS_MAX {
            let copy = self.group().clone();
            self.groups.push(copy);
        }
        if std::mem::take(&mut self.skip_group) {
            self.group().destination = Destination::Skip;
        }
    }

    fn close(&mut self) {
        self.depth -= 1;
        let closed = self.group().destination;
        // Groups that are nested too deep share one.
        if self.groups.len() > self.depth + 1 {
            self.groups.pop();
        }
        let outer = self.group().destination;
        match closed {
            Destination::Note if outer != closed => self.end_note(),
            Destination::Remark(kind) if outer != closed => self.end_remark(kind),
            Destination::Art if outer != closed => self.paragraph(),
            _ => {}
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
    fn information_becomes_metadata() {
        let info = r"{\info{\title T}{\author A}{\creatim\yr2020\mo2\dy9\hr8}{\revtim\yr2021\mo3\dy4}{\doccomm gone}}";
        let extracted = read(format!(r"{{\rtf1{info} x\par}}").as_bytes(), "application/rtf");
        assert_eq!((extracted.title.as_deref(), extracted.author.as_deref()), (Some("T"), Some("A")));
        assert_eq!((extracted.created.as_deref(), extracted.text.as_str()), (Some("2020-02-09"), "x\n"));
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
    fn document_ends_at_its_last_brace() {
        assert_eq!(text(r"{\rtf1 {\b in} it\par} behind {it\par}"), "**in** it\n");
    }

    #[test]
    fn default_font_says_how_bytes_are_read() {
        let fonts = r"{\fonttbl{\f0\fcharset204 A;}{\f1\fcharset0 B;}}";
        let rtf = format!(r"{{\rtf1\ansicpg1252\deff0{fonts}\'e4\f1\'e4\plain\'e4\par}}");
        assert_eq!(text(&rtf), "дäд\n");
    }

    #[test]
    fn boxes_are_read_and_their_properties_are_not() {
        let shape = r"{\shp{\*\shpinst{\sp{\sn shapeType}{\sv 202}}{\shptxt in a box\par}}}";
        let art = r"{\shp{\*\shpinst{\sp{\sn gtextUNICODE}{\sv drawn}}{\sp{\sn fLine}{\sv 0}}}}";
        let old = r"{\*\do\dobxpage{\dptxbxtext old box\par}}{\*\docvar {name}{value}}";
        assert_eq!(text(&format!(r"{{\rtf1 {shape}{art}\par {old}}}")), "in a box\n\ndrawn\n\nold box\n");
    }

    #[test]
    fn objects_show_their_result() {
        let rtf = r"{\rtf1 a {\object\objemb{\*\objclass X}{\*\objdata 00ff}{\result shown}}\par}";
        assert_eq!(text(rtf), "a shown\n");
    }

    #[test]
    fn deleted_and_doubled_text_is_left_out() {
        let rtf = r"{\rtf1 a{\deleted  gone}{\upr{ ansi}{\*\ud { \u252?nicode}}} b\par}";
        assert_eq!(text(rtf), "a ünicode b\n");
    }

    #[test]
    fn remarks_stand_behind_the_text_once() {
        let header = r"{\header\pard top\par}";
        let comment = r"{\*\atnid A}{\*\atnauthor Ann}\chatn{\*\annotation{\*\atndate 5}\pard why?\par}";
        let rtf = format!(r"{{\rtf1 {header}one{comment}\par\sect{header}{{\footerr end}}two\par}}");
        let remarks = "<!-- comment by Ann: why? -->\n\n<!-- header: top -->\n\n<!-- footer: end -->\n";
        assert_eq!(text(&rtf), format!("one\n\ntwo\n\n{remarks}"));
    }

    #[test]
    fn note_in_a_heading_leaves_it_one() {
        let rtf = r"{\rtf1 \pard\outlinelevel1 Head{\footnote\pard note\par}\par}";
        assert_eq!(text(rtf), "## Head[^1]\n\n[^1]: note\n");
    }

    #[test]
    fn items_keep_their_mark_and_depth() {
        let rtf = r"{\rtf1 \pard{\pntext 1.\tab}one\par{\listtext\pard\'b7\tab}\pard\ilvl1 two\par}";
        assert_eq!(text(rtf), "1. one\n    - two\n");
        let cell = r"{\rtf1 \trowd\intbl{\listtext 1.\tab}one\par{\listtext 2.\tab}two\cell\row\pard}";
        assert_eq!(text(cell), "| 1. one 2. two |\n| --- |\n");
    }

    #[test]
    fn styles_say_which_paragraphs_are_headings() {
        let rtf = r"{\rtf1{\stylesheet{\s0 Normal;}{\s4\outlinelevel1 Own;}}\pard\s4 {\listtext 1.\tab}Head\par\pard\s0 x\par}";
        assert_eq!(text(rtf), "## 1. Head\n\nx\n");
    }

    #[test]
    fn table_in_a_cell_gives_lines() {
        let inner = r"\itap2 x\nestcell y\nestcell{\*\nesttableprops\trowd\nestrow}z\nestcell\nestrow";
        let rtf = format!(r"{{\rtf1 \trowd\intbl a\cell {inner}\cell\row\pard}}");
        assert_eq!(text(&rtf), "| a | x y z |\n| --- | --- |\n");
    }

    #[test]
    fn damage_of_any_byte_ends_well() {
        let rtf = br"{\rtf1\ansi\deff0{\fonttbl{\f0\fcharset204 A;}}{\upr{a}{\*\ud{b}}}{\*\annotation c}}{\shp{\sp{\sn d}{\sv e}}}}";
        for at in 0..rtf.len() {
            for value in *b"{}\\\0a" {
                let mut rtf = rtf.to_vec();
                rtf[at] = value;
                let result = extract(&rtf, "application/rtf", &Limits::default(), &mut || ());
                assert!(result.is_ok() || matches!(result, Err(ExtractError::Parse(_))), "{at}: {result:?}");
            }
        }
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
