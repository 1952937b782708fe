//! Where characters go: bytes of a code page and Unicode numbers, to paragraphs, cells and notes.

use super::{Destination, Group, Reader};
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
                if let Some(c) = char::from_u32(code).filter(|c| !('\u{e000}'..='\u{f8ff}').contains(c)) {
                    self.push(c.encode_utf8(&mut [0; 4]));
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
        let font = self.group().font;
        let encoding =
            self.fonts.iter().rev().find(|(id, _)| *id == font).map_or(self.encoding, |(_, encoding)| *encoding);
        let text = encoding.decode_without_bom_handling(&bytes).0.into_owned();
        self.push(&text);
    }

    pub(super) fn push(&mut self, text: &str) {
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

    pub(super) fn paragraph(&mut self) {
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

    pub(super) fn cell(&mut self) {
        if self.group().destination == Destination::Body {
            let text = std::mem::take(&mut self.inline).markdown();
            self.row.push(text);
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

    /// What the end of the file leaves open, and the notes.
    pub(super) fn end(&mut self, room: &mut Room<'_>) -> Result<(), ExtractError> {
        self.settle();
        self.end_paragraph();
        self.step(room)?;
        for (index, note) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            self.writer.paragraph(&format!("[^{}]: {note}", index + 1));
            self.step(room)?;
        }
        Ok(())
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
