//! Control words: what each changes in the state of the reader.

use super::charsets::{charset_encoding, code_page};
use super::{Destination, Reader};
use crate::extract::markdown::Style;

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
