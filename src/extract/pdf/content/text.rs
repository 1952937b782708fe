//! The instructions that show text, and where they put it (ISO 32000-2, 9.4).

use std::rc::Rc;

use hayro_font::kurbo::{Affine, Point};
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{Array, Object};

use super::super::glyphs::{Glyph, Placement};
use super::super::state::State;
use super::{PageReader, matrix};
use crate::extract::ExtractError;

impl PageReader<'_, '_, '_> {
    pub fn text_instruction(&mut self, instruction: TypedInstruction<'_, '_>) -> Result<(), ExtractError> {
        use TypedInstruction as I;
        match instruction {
            I::BeginText(_) => self.cursor.begin(),
            I::CharacterSpacing(space) => self.state.char_space = space.0.as_f64(),
            I::WordSpacing(space) => self.state.word_space = space.0.as_f64(),
            I::HorizontalScaling(scale) => self.state.scale = scale.0.as_f64() / 100.0,
            I::TextLeading(leading) => self.state.leading = leading.0.as_f64(),
            I::TextRenderingMode(mode) => self.state.is_unseen = matches!(mode.0.as_i64(), 3 | 7),
            I::TextRise(rise) => self.state.rise = rise.0.as_f64(),
            I::SetTextMatrix(m) => self.cursor.set(matrix([m.0, m.1, m.2, m.3, m.4, m.5])),
            I::NextLine(by) => self.cursor.next_line(by.0.as_f64(), by.1.as_f64()),
            I::NextLineAndSetLeading(by) => {
                self.state.leading = -by.1.as_f64();
                self.cursor.next_line(by.0.as_f64(), by.1.as_f64());
            }
            I::NextLineUsingLeading(_) => self.cursor.next_line(0.0, -self.state.leading),
            I::ShowText(text) => return self.show(text.0.as_bytes()),
            I::NextLineAndShowText(text) => {
                self.cursor.next_line(0.0, -self.state.leading);
                return self.show(text.0.as_bytes());
            }
            I::ShowTextWithParameters(text) => {
                self.state.word_space = text.0.as_f64();
                self.state.char_space = text.1.as_f64();
                self.cursor.next_line(0.0, -self.state.leading);
                return self.show(text.2.as_bytes());
            }
            I::ShowTexts(texts) => return self.show_all(texts.0),
            _ => {}
        }
        Ok(())
    }

    pub fn show_all(&mut self, texts: &Array<'_>) -> Result<(), ExtractError> {
        for item in texts.iter::<Object<'_>>() {
            match item {
                Object::String(text) => self.show(text.as_bytes())?,
                Object::Number(by) => {
                    let by = -by.as_f64() / 1000.0 * self.state.size;
                    if self.state.font.as_ref().is_some_and(|font| font.is_vertical()) {
                        self.cursor.advance(0.0, by);
                    } else {
                        self.cursor.advance(by * self.state.scale, 0.0);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn show(&mut self, bytes: &[u8]) -> Result<(), ExtractError> {
        if self.state.font.is_none() {
            self.state.font = self.fonts.fallback();
        }
        let Some(font) = self.state.font.clone() else { return Ok(()) };
        let vertical = font.is_vertical();
        let State { size, scale, rise, char_space, word_space, .. } = self.state;
        let mut offset = 0;
        while offset < bytes.len() {
            let (number, length) = font.next_code(bytes, offset);
            offset += length.max(1);
            self.glyphs_met += 1;
            self.work(1)?;
            let code = font.code(number);
            let advance = code.advance / 1000.0;
            if let Some(text) = code.text.filter(|_| self.marks.visible()) {
                let matrix = self.state.ctm * self.cursor.text * Affine::new([size * scale, 0.0, 0.0, size, 0.0, rise]);
                self.shown.guessed += usize::from(code.guessed);
                self.keep(text, &Placement { matrix, advance, em: font.em, vertical });
            }
            let space = char_space + if number == 32 && length == 1 { word_space } else { 0.0 };
            if vertical {
                self.cursor.advance(0.0, advance * size - space);
            } else {
                self.cursor.advance((advance * size + space) * scale, 0.0);
            }
        }
        Ok(())
    }

    /// Keeps a glyph that stands on the page.
    pub fn keep(&mut self, text: Rc<str>, placement: &Placement) {
        let ends = [0.0, placement.advance].map(|along| placement.matrix * Point::new(along, 0.0));
        if !ends.into_iter().any(|end| self.page_box.contains(end)) {
            return;
        }
        self.text_bytes += text.len();
        self.shown.has_text_layer |= self.state.is_unseen;
        self.shown.glyphs.extend(Glyph::new(text, placement));
    }
}
