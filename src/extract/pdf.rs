//! PDF: glyphs from hayro's interpreter, put in reading order page by page.
//!
//! Visible and invisible text count alike, since OCR puts its text under the picture. Annotations' appearances count.
//! Glyphs without a Unicode value are taken for Windows-1252 where their code allows it, and left out otherwise.

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt, interpret_page,
};

use super::pdf_layout::{self, Piece};
use super::{ExtractError, Extracted, NO_OCR, Room};

const ENGINE: &str = "hayro 0.9.0";

/// Glyphs of one page that are kept; a page with more is an attack, or a map.
const PAGE_GLYPHS_MAX: usize = 2_000_000;

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(refusal)?;
    room.step(0)?;
    let pages = pdf.pages();
    let mut extracted = Extracted { pages: u32::try_from(pages.len()).ok(), engine: ENGINE, ..Extracted::default() };
    let cache = InterpreterCache::new();
    let mut layout = pdf_layout::Document::default();
    let mut has_images = false;
    for page in pages.iter() {
        let mut gatherer = Gatherer::default();
        read_page(page, &cache, &pdf, &mut gatherer);
        has_images |= gatherer.has_images;
        layout.add_page(&gatherer.pieces);
        room.step(layout.text_bytes())?;
    }
    extracted.text = layout.finish();
    let metadata = pdf.metadata();
    extracted.title = metadata.title.as_deref().map(text_string);
    extracted.author = metadata.author.as_deref().map(text_string);
    if extracted.text.is_empty() && has_images {
        extracted.warnings.push(NO_OCR.to_owned());
    }
    Ok(extracted)
}

fn refusal(error: LoadPdfError) -> ExtractError {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => ExtractError::PasswordProtected,
        other => ExtractError::parse(format!("{other:?}")),
    }
}

fn read_page<'a>(page: &Page<'a>, cache: &InterpreterCache<'a>, pdf: &'a Pdf, gatherer: &mut Gatherer) {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let transform = page.initial_transform(true).to_kurbo();
    let mut context = Context::new(transform, bounds, cache, pdf.xref(), InterpreterSettings::default());
    interpret_page(page, &mut context, gatherer);
}

/// A text string: UTF-16 or UTF-8 with a mark, otherwise nearly Latin-1 (PDF 2.0, 7.9.2.2).
fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] => encoding_rs::UTF_16BE.decode_with_bom_removal(bytes).0.into_owned(),
        [0xff, 0xfe, ..] => encoding_rs::UTF_16LE.decode_with_bom_removal(bytes).0.into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        other => encoding_rs::WINDOWS_1252.decode_without_bom_handling(other).0.into_owned(),
    }
}

/// A device that draws nothing and remembers where each glyph stands.
#[derive(Default)]
struct Gatherer {
    pieces: Vec<Piece>,
    has_images: bool,
}

fn unicode(glyph: &Glyph<'_>) -> Option<String> {
    match glyph.as_unicode() {
        Some(BfString::Char(c)) => Some(String::from(c)),
        Some(BfString::String(text)) => Some(text),
        None => {
            let code = u8::try_from(glyph.char_code()).ok().filter(|code| *code >= 0x20)?;
            Some(encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[code]).0.into_owned())
        }
    }
}

/// The width of a glyph in thousandths of its size, with a guess where the font does not say.
fn advance(glyph: &Glyph<'_>) -> f64 {
    let width = match glyph {
        Glyph::Outline(outline) => outline.advance_width(),
        Glyph::Type3(_) => None,
    };
    width.map_or(500.0, f64::from)
}

impl<'a> Device<'a> for Gatherer {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        let vertical = matches!(run.writing_mode(), WritingMode::Vertical);
        for glyph in run.glyphs() {
            if self.pieces.len() >= PAGE_GLYPHS_MAX {
                return;
            }
            let Some(text) = unicode(glyph) else { continue };
            let transform = props.transform * glyph.transform();
            let origin = transform * Point::ZERO;
            let along = transform * Point::new(advance(glyph), 0.0) - origin;
            let up = transform * Point::new(0.0, 1000.0) - origin;
            self.pieces.extend(Piece::new(text, (origin.x, origin.y), (along.x, along.y), up.hypot(), vertical));
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.has_images = true;
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
