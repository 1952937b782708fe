//! The instructions that show pictures and shapes: noted on a first reading, painted when the page is a scan.

use std::rc::Rc;

use hayro_font::kurbo::Rect;
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{Number, Object, Stream};
use hayro_syntax::page::Resources;

use super::super::glyphs::Glyph;
use super::super::scan::{self, Colours};
use super::{FORM_COST, PageReader, number};
use crate::extract::ExtractError;

/// Pixels that take as long to paint as an instruction takes to follow.
const PIXELS_OF_INSTRUCTION: usize = 4096;

/// Glyphs that are looked for under a picture.
const LOOKED_AT_MAX: usize = 500;

impl<'a> PageReader<'_, '_, 'a> {
    /// Follows an instruction that draws; gives any other one back.
    pub fn drawing_instruction<'i, 'o>(
        &mut self,
        instruction: TypedInstruction<'i, 'o>,
        resources: &Resources<'a>,
    ) -> Result<Option<TypedInstruction<'i, 'o>>, ExtractError> {
        use TypedInstruction as I;
        if self.path.add(&instruction, self.state.ctm) {
            return Ok(None);
        }
        match instruction {
            I::FillPathNonZero(_)
            | I::FillPathNonZeroCompatibility(_)
            | I::FillAndStrokeNonZero(_)
            | I::CloseFillAndStrokeNonZero(_) => self.fill(false)?,
            I::FillPathEvenOdd(_) | I::FillAndStrokeEvenOdd(_) | I::CloseFillAndStrokeEvenOdd(_) => self.fill(true)?,
            I::StrokePath(_) | I::CloseAndStrokePath(_) | I::EndPath(_) => drop(self.path.end(&mut self.state.clip)),
            I::ClipNonZero(_) | I::ClipEvenOdd(_) => self.path.clips = true,
            I::InlineImage(picture) => self.picture(picture.0, resources)?,
            I::ColorSpaceNonStroke(space) => {
                let named = Object::Name(space.0.clone());
                self.state.colours = Colours::of(&named, resources).map(Rc::new);
                self.state.fill = 0;
            }
            I::NonStrokeColorDeviceGray(grey) => self.colour(Some(Colours::Grey), &[grey.0]),
            I::NonStrokeColorDeviceRgb(rgb) => self.colour(Some(Colours::Rgb), &[rgb.0, rgb.1, rgb.2]),
            I::NonStrokeColorCmyk(cmyk) => self.colour(Some(Colours::Cmyk), &[cmyk.0, cmyk.1, cmyk.2, cmyk.3]),
            I::NonStrokeColor(colour) => self.colour(None, &colour.0),
            I::NonStrokeColorNamed(colour) => self.colour(None, &colour.0),
            other => return Ok(Some(other).filter(|_| self.paper.is_none())),
        }
        Ok(None)
    }

    /// Sets the colour for filling, in a colour space that may be new.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    fn colour(&mut self, colours: Option<Colours>, components: &[Number]) {
        if let Some(colours) = colours {
            self.state.colours = Some(Rc::new(colours));
        }
        // A pattern is as dark as the text that may be written in it.
        let Some(colours) = &self.state.colours else { return };
        let largest = if colours.is_palette() { 1.0 } else { 255.0 };
        let byte = |component: &Number| (number(*component) * largest).round().clamp(0.0, 255.0) as u8;
        let components: Vec<u8> = components.iter().map(byte).collect();
        self.state.fill = colours.lightness(&components);
    }

    fn fill(&mut self, even_odd: bool) -> Result<(), ExtractError> {
        let is_seen = self.marks.visible();
        if is_seen && self.path.is_curved {
            self.shown.coverage.outlines += self.path.shapes;
        }
        let clip = self.state.clip;
        let path = self.path.end(&mut self.state.clip);
        let Some(paper) = self.paper.as_mut().filter(|_| is_seen) else { return Ok(()) };
        let pixels = paper.fill(path, clip, even_odd, self.state.fill);
        self.work(pixels / PIXELS_OF_INSTRUCTION)
    }

    /// Whether there is text in a part of the page so far. A page with much of it is no scan, whatever covers it.
    fn covers_text(&self, covered: Rect) -> bool {
        let glyphs = &self.shown.glyphs;
        let is_below = |glyph: &Glyph| glyph.angle == 0 && !glyph.is_space() && covered.contains((glyph.x, glyph.y));
        glyphs.len() <= LOOKED_AT_MAX && glyphs.iter().any(is_below)
    }

    /// Shows a picture, which may be one in the middle of the instructions.
    pub fn picture(&mut self, picture: &Stream<'_>, resources: &Resources<'_>) -> Result<(), ExtractError> {
        let dict = picture.dict();
        if !self.marks.visible() || !self.layers.shows(dict, b"OC") {
            return Ok(());
        }
        self.shown.has_images = true;
        let place = (self.state.ctm, self.state.clip);
        let Some(paper) = &mut self.paper else {
            if let Some(samples) = scan::size(dict) {
                let covered = self.shown.coverage.add(samples, place.0, self.sheet, place.1);
                self.shown.has_text_layer |= self.covers_text(covered);
            }
            return Ok(());
        };
        self.room.step(self.past.text_bytes)?;
        let pixels = paper.picture((picture, resources), place, self.state.fill);
        self.room.step(self.past.text_bytes)?;
        self.work(FORM_COST + pixels / PIXELS_OF_INSTRUCTION)
    }
}
