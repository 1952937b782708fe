//! A text: its characters, and beside them, counted in units of UTF-16, how they look, where links lead, and which of them
//! stand for something else.

use std::collections::HashMap;

use super::outline::Margins;
use super::records::{Record, kind};
use super::style::{ParagraphStyle, styles};
use crate::extract::markdown::{Inline, Style, Writer};
use crate::extract::office::bytes::{size_at, u32_at};

/// The kinds of texts ([MS-PPT] 2.13.33).
mod text_kind {
    pub const TITLE: u32 = 0;
    pub const BODY: u32 = 1;
    pub const NOTES: u32 = 2;
    pub const OTHER: u32 = 4;
    pub const CENTRED_TITLE: u32 = 6;
    pub const HALF_BODY: u32 = 7;
    pub const QUARTER_BODY: u32 = 8;
}

#[derive(Debug, Clone)]
pub(super) struct Text<'a> {
    kind: u32,
    characters: Option<Record<'a>>,
    style: &'a [u8],
    /// Units that stand for what the kind of their record says.
    fields: Vec<(usize, u16)>,
    /// Where links begin and end, and their ids.
    links: Vec<(usize, usize, u32)>,
}

/// What texts of a slide refer to.
pub(super) struct Setting<'s> {
    pub links: &'s HashMap<u32, String>,
    pub margins: Margins,
}

/// A paragraph, ready to be written.
struct Paragraph {
    text: String,
    style: ParagraphStyle,
}

/// The texts among the records of a text box or a list: each begins with a header.
pub(super) fn texts<'a>(records: impl Iterator<Item = Record<'a>>) -> Vec<Text<'a>> {
    let mut texts: Vec<Text<'a>> = Vec::new();
    let mut link = None;
    for record in records {
        let is_text = matches!(record.kind, kind::TEXT_CHARACTERS | kind::TEXT_BYTES);
        if record.kind == kind::TEXT_HEADER || (is_text && texts.is_empty()) {
            // A header without a text still takes a place, which references count.
            let kind = u32_at(record.content, 0).filter(|_| !is_text).unwrap_or(text_kind::OTHER);
            texts.push(Text { kind, characters: None, style: &[], fields: Vec::new(), links: Vec::new() });
        }
        let Some(text) = texts.last_mut() else { continue };
        if record.kind == kind::ACTION {
            link = record.child(kind::ACTION_ATOM).and_then(|atom| u32_at(atom.content, 4));
        } else {
            text.add(record, &mut link);
        }
    }
    for text in &mut texts {
        text.fields.sort_unstable();
        text.links.sort_unstable();
    }
    texts
}

impl<'a> Text<'a> {
    /// Adds what a record says of the text; a range of it takes up the link before it.
    fn add(&mut self, record: Record<'a>, link: &mut Option<u32>) {
        match record.kind {
            kind::TEXT_CHARACTERS | kind::TEXT_BYTES => self.characters = Some(record),
            kind::TEXT_STYLE => self.style = record.content,
            kind::ACTION_RANGE => {
                let range = (size_at(record.content, 0), size_at(record.content, 4), link.take());
                if let (Some(from), Some(to), Some(link)) = range {
                    self.links.push((from, to, link));
                }
            }
            kind::SLIDE_NUMBER
            | kind::DATE
            | kind::GENERIC_DATE
            | kind::HEADER
            | kind::FOOTER
            | kind::FORMATTED_DATE => {
                self.fields.extend(size_at(record.content, 0).map(|unit| (unit, record.kind)));
            }
            _ => {}
        }
    }
}

impl Text<'_> {
    pub fn is_title(&self) -> bool {
        matches!(self.kind, text_kind::TITLE | text_kind::CENTRED_TITLE)
    }

    /// On a page of notes, the others are the slide's picture, number and date.
    pub fn is_notes(&self) -> bool {
        self.kind == text_kind::NOTES
    }

    /// Whether it is of no placeholder's kind.
    pub fn is_free(&self) -> bool {
        self.kind == text_kind::OTHER
    }

    /// The paragraphs, one a line.
    pub fn lines(&self, setting: &Setting<'_>) -> String {
        self.paragraphs(setting).into_iter().map(|paragraph| paragraph.text).collect::<Vec<_>>().join("\n")
    }

    /// The paragraphs of a body are list items when there are several, unless they say that they have no bullets.
    pub fn write(&self, setting: &Setting<'_>, writer: &mut Writer) {
        let paragraphs = self.paragraphs(setting);
        let is_body = matches!(self.kind, text_kind::BODY | text_kind::HALF_BODY | text_kind::QUARTER_BODY);
        let is_list = is_body && paragraphs.len() > 1;
        for Paragraph { text, style } in paragraphs {
            if style.bullet.unwrap_or(is_list) {
                writer.item(style.level, "-", &text);
            } else {
                writer.paragraph(&text);
            }
        }
    }

    /// The paragraphs that are not empty.
    fn paragraphs(&self, setting: &Setting<'_>) -> Vec<Paragraph> {
        let units = self.characters.map(Record::units).unwrap_or_default();
        let (looks, runs) = styles(self.style, units.len());
        let mut paragraphs = Vec::new();
        let mut inline = Inline::default();
        let mut end = |inline: &mut Inline, unit| {
            let text = std::mem::take(inline).markdown();
            if !text.is_empty() {
                paragraphs.push(Paragraph { text, style: looks.at(unit) });
            }
        };
        let mut unit = 0;
        for c in char::decode_utf16(units) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            if c == '\r' {
                end(&mut inline, unit);
            } else {
                let run = runs.at(unit);
                let link = self.link_at(unit).and_then(|id| setting.links.get(&id)).cloned();
                let style = Style { bold: run.bold, italic: run.italic, link, ..Style::default() };
                self.push(c, unit, &style, setting, &mut inline);
            }
            unit += c.len_utf16();
        }
        end(&mut inline, unit);
        paragraphs
    }

    fn push(&self, c: char, unit: usize, style: &Style, setting: &Setting<'_>, inline: &mut Inline) {
        let field = (c == '*').then(|| self.fields.binary_search_by_key(&unit, |(unit, _)| *unit).ok()).flatten();
        let margin = match field.map(|index| self.fields[index].1) {
            None => {
                match c {
                    '\x0b' => inline.push(style, "\n"),
                    '\t' => inline.push(style, "\t"),
                    // What only a font for symbols can show has no meaning without it, but for bullets.
                    '\u{f0b7}' | '\u{f0a7}' => inline.push(style, "•"),
                    '\u{e000}'..='\u{f8ff}' => {}
                    c if c.is_control() => {}
                    c => inline.push(style, c.encode_utf8(&mut [0; 4])),
                }
                return;
            }
            Some(kind::GENERIC_DATE) => &setting.margins.date,
            Some(kind::HEADER) => &setting.margins.header,
            Some(kind::FOOTER) => &setting.margins.footer,
            // The number of the slide and the day of the show.
            Some(_) => &None,
        };
        inline.push(style, margin.as_deref().unwrap_or_default());
    }

    fn link_at(&self, unit: usize) -> Option<u32> {
        let index = self.links.partition_point(|(from, ..)| *from <= unit).checked_sub(1)?;
        let (_, to, id) = self.links[index];
        (unit < to).then_some(id)
    }
}
