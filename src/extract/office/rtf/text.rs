//! Where characters go: bytes of a code page and Unicode numbers, to paragraphs, cells and notes.

use encoding_rs::Encoding;

use super::{Destination, Group, Reader, Remark};
use crate::extract::{ExtractError, Room};

impl Reader<'_> {
    pub(super) fn unicode(&mut self, number: i64) {
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
                match char::from_u32(code) {
                    // What only a font for symbols can show has no meaning without it, but for bullets.
                    Some('\u{f0b7}' | '\u{f0a7}') => self.push("•"),
                    None | Some('\u{e000}'..='\u{f8ff}') => {}
                    Some(c) => self.push(c.encode_utf8(&mut [0; 4])),
                }
            }
        }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        if self.skip_bytes > 0 {
            self.skip_bytes -= 1;
        } else {
            self.pending.push(byte);
        }
    }

    pub(super) fn settle(&mut self) {
        self.decode_pending();
        self.skip_bytes = 0;
    }

    fn decode_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        let encoding = self.encoding();
        let text = encoding.decode_without_bom_handling(&bytes).0.into_owned();
        self.push(&text);
    }

    /// That of the font, or of the document where the font does not say.
    fn encoding(&mut self) -> &'static Encoding {
        if let Some(font) = self.group().font {
            return self.fonts.get(&font).copied().unwrap_or(self.encoding);
        }
        // Many writers give a default font of western characters to documents in other scripts.
        let default = self.default_font.and_then(|font| self.fonts.get(&font).copied());
        default.filter(|encoding| *encoding != encoding_rs::WINDOWS_1252).unwrap_or(self.encoding)
    }

    pub(super) fn push(&mut self, text: &str) {
        self.decode_pending();
        let group = self.group();
        if group.hidden {
            return;
        }
        let style = group.style.clone();
        match group.destination {
            Destination::Body | Destination::Art => {
                if group.in_table {
                    self.push_mark();
                }
                self.inline.push(&style, text);
            }
            Destination::ListMark => self.list_mark.get_or_insert_default().push_str(text),
            Destination::Note => self.note.push_str(text),
            Destination::Remark(_) => self.remark.push_str(text),
            Destination::Commentator => self.commentator.push_str(text),
            Destination::Property => self.property.push_str(text),
            Destination::FieldCode => self.field_code.push_str(text),
            Destination::Title => self.title.push_str(text),
            Destination::Author => self.author.push_str(text),
            Destination::Fonts | Destination::Styles | Destination::Created | Destination::Skip => {}
        }
    }

    pub(super) fn paragraph(&mut self) {
        self.settle();
        let Group { destination, in_table, .. } = *self.group();
        match destination {
            Destination::Body if in_table => {
                self.list_mark = None;
                self.inline.push_plain("\n");
            }
            Destination::Body => self.end_paragraph(),
            Destination::Note => self.note.push('\n'),
            Destination::Remark(_) => self.remark.push('\n'),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        self.end_table();
        let text = std::mem::take(&mut self.inline).markdown();
        let mark = self.list_mark.take().map(|mark| list_mark(&mark));
        match (self.outline, mark) {
            (Some(level), Some(mark)) if mark != "-" && !text.is_empty() => {
                self.writer.heading(level + 1, &format!("{mark} {text}"));
            }
            (Some(level), _) => self.writer.heading(level + 1, &text),
            (None, Some(mark)) => self.writer.item(self.level, &mark, &text),
            (None, None) => self.writer.paragraph(&text),
        }
    }

    /// In a cell the mark of an item stands before its text.
    fn push_mark(&mut self) {
        if let Some(mark) = self.list_mark.take() {
            self.inline.push_plain(&format!("{} ", list_mark(&mark)));
        }
    }

    pub(super) fn cell(&mut self) {
        if self.group().destination == Destination::Body {
            self.list_mark = None;
            let text = std::mem::take(&mut self.inline).markdown();
            self.row.push(text);
        } else {
            self.push("\t");
        }
    }

    pub(super) fn end_row(&mut self) {
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

    pub(super) fn end_note(&mut self) {
        let note = one_line(&std::mem::take(&mut self.note));
        self.notes.push(note);
        let mark = format!("[^{}]", self.notes.len());
        self.inline.push_plain(&mark);
    }

    /// A header or footer that other sections have, too, counts once.
    pub(super) fn end_remark(&mut self, kind: Remark) {
        let text = one_line(&std::mem::take(&mut self.remark));
        let remark = match kind {
            Remark::Comment => format!("comment by {}: {text}", one_line(&self.commentator)),
            Remark::Header => format!("header: {text}"),
            Remark::Footer => format!("footer: {text}"),
        };
        let is_new = kind == Remark::Comment || !self.remarks.iter().any(|(_, other)| *other == remark);
        if !text.is_empty() && is_new {
            self.remarks.push((kind, remark));
        }
    }

    /// What the end of the file leaves open, the notes, and the remarks: comments first, as in other formats.
    pub(super) fn end(&mut self, room: &mut Room<'_>) -> Result<(), ExtractError> {
        self.settle();
        self.end_paragraph();
        self.step(room)?;
        for (index, note) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            self.writer.paragraph(&format!("[^{}]: {note}", index + 1));
            self.step(room)?;
        }
        self.remarks.sort_by_key(|(kind, _)| *kind);
        for (_, remark) in std::mem::take(&mut self.remarks) {
            self.writer.remark(&remark);
            self.step(room)?;
        }
        Ok(())
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A list item's mark, of which only letters and digits are kept as they are.
fn list_mark(mark: &str) -> String {
    if mark.chars().any(|c| c.is_ascii_alphanumeric()) { mark.trim().to_owned() } else { "-".to_owned() }
}
