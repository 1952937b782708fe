//! Control words: what each changes in the state of the reader.

use super::charsets::{charset_encoding, code_page};
use super::{Destination, Reader, Remark};
use crate::extract::markdown::Style;
use crate::extract::office::fields::link_of;

/// Paragraphs of this level and above are text.
const OUTLINE_LEVELS: usize = 9;

/// Destinations that hold text of the document, although older readers may skip them.
const NOT_SKIPPED: [&[u8]; 9] =
    [b"shptxt", b"shpinst", b"fldinst", b"footnote", b"annotation", b"atnauthor", b"do", b"ud", b"nesttableprops"];

impl Reader<'_> {
    pub(super) fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let code = self.bytes.get(self.at..self.at + 2).and_then(|pair| std::str::from_utf8(pair).ok());
                if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            b'*' => {
                // A destination that a reader may skip.
                let rest = self.bytes[self.at..].trim_ascii_start();
                let word =
                    rest.strip_prefix(b"\\").and_then(|rest| rest.split(|byte| !byte.is_ascii_alphabetic()).next());
                if !word.is_some_and(|word| NOT_SKIPPED.contains(&word)) {
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

    pub(super) fn word(&mut self, word: &str, number: Option<i64>) {
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
            "f" => self.group().font = number,
            "deff" => self.default_font = number,
            "fcharset" => self.font_charset(number.unwrap_or(0)),
            "b" => self.group().style.bold = on,
            "i" => self.group().style.italic = on,
            "strike" | "striked" => self.group().style.strike = on,
            "v" | "deleted" => self.group().hidden = on,
            "plain" => {
                let group = self.group();
                group.style = Style { link: group.style.link.take(), ..Style::default() };
                group.hidden = false;
                group.font = None;
            }
            "pard" | "s" | "intbl" | "outlinelevel" | "ilvl" => self.paragraph_property(word, number),
            "yr" => self.date(0, number),
            "mo" => self.date(1, number),
            "dy" => self.date(2, number),
            "par" | "sect" => self.paragraph(),
            // A table inside a cell gives a line for each of its rows.
            "page" | "column" | "line" | "nestrow" => self.push("\n"),
            "tab" | "nestcell" => self.push("\t"),
            "cell" => self.cell(),
            "row" => self.end_row(),
            // The same text twice, for older readers and as Unicode: the first is skipped.
            "upr" => self.skip_group = true,
            _ => self.destination_or_character(word),
        }
    }

    /// A property of paragraphs of the body, or of a style. What notes and headers set is their own.
    fn paragraph_property(&mut self, word: &str, number: Option<i64>) {
        let level = number.and_then(|level| usize::try_from(level).ok());
        let outline = level.filter(|level| *level < OUTLINE_LEVELS);
        match (self.group().destination, word) {
            (Destination::Styles, "s") => self.style = number,
            (Destination::Styles, "outlinelevel") => {
                if let (Some(style), Some(outline)) = (self.style, outline) {
                    self.outlines.insert(style, outline);
                }
            }
            (Destination::Body, "pard") => {
                self.group().in_table = false;
                self.outline = None;
                self.level = 0;
            }
            (Destination::Body, "s") => self.outline = number.and_then(|style| self.outlines.get(&style).copied()),
            (Destination::Body, "outlinelevel") => self.outline = outline,
            (Destination::Body, "ilvl") => self.level = level.unwrap_or(0),
            (Destination::Body, "intbl") => self.group().in_table = true,
            _ => {}
        }
    }

    /// A part of the date at which the document was made: year, month or day.
    fn date(&mut self, part: usize, number: Option<i64>) {
        if self.group().destination == Destination::Created {
            self.created[part] = number.unwrap_or(0);
        }
    }

    fn destination_or_character(&mut self, word: &str) {
        let destination = match word {
            "footnote" => Destination::Note,
            "header" | "headerl" | "headerr" | "headerf" => Destination::Remark(Remark::Header),
            "footer" | "footerl" | "footerr" | "footerf" => Destination::Remark(Remark::Footer),
            "annotation" => Destination::Remark(Remark::Comment),
            "atnauthor" => {
                self.commentator.clear();
                Destination::Commentator
            }
            "fldinst" => {
                self.field_code.clear();
                Destination::FieldCode
            }
            "fldrslt" => {
                let link = link_of(&self.field_code);
                self.group().style.link = link;
                return;
            }
            "title" => Destination::Title,
            "author" => Destination::Author,
            "creatim" => Destination::Created,
            "fonttbl" => Destination::Fonts,
            "stylesheet" => Destination::Styles,
            "pntext" | "listtext" => {
                self.list_mark = Some(String::new());
                Destination::ListMark
            }
            "sn" => {
                self.property.clear();
                Destination::Property
            }
            // Of the properties of a shape, only a text that is drawn as a picture is text.
            "sv" if self.property.trim() == "gtextUNICODE" => Destination::Art,
            "sv" | "colortbl" | "listtable" | "listoverridetable" | "info" | "pict" | "objdata" | "objclass"
            | "objname" | "nonshppict" | "filetbl" | "revtbl" | "rsidtbl" | "xmlnstbl" | "mmathPr" | "themedata"
            | "datastore" | "atnid" | "atndate" | "bkmkstart" | "bkmkend" | "xe" | "tc" | "nonesttables" => {
                Destination::Skip
            }
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
        if outer != Destination::Skip
            || matches!(destination, Destination::Title | Destination::Author | Destination::Created)
        {
            self.group().destination = destination;
        }
    }

    fn font_charset(&mut self, charset: i64) {
        if self.group().destination == Destination::Fonts
            && let Some(encoding) = charset_encoding(charset)
            && let Some(font) = self.group().font
        {
            self.fonts.insert(font, encoding);
        }
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
