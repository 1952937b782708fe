//! Fonts: which codes a string consists of, how wide they are and what they mean. Each code is looked up once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use hayro_font::{CMapResolverFn, Font as Outlines, FontCache, FontGlyph, FontQuery, FontResolverFn, StandardFont};
use hayro_syntax::object::{Array, Dict, Name, ObjectIdentifier, Stream};

use super::unicode::{Decoder, Meaning};
use super::{bounds, glyphs};

/// The fonts of a document.
pub(super) struct Fonts<'a> {
    cache: FontCache<'a>,
    by_id: HashMap<ObjectIdentifier, Rc<Font<'a>>>,
    resolve_font: FontResolverFn,
    resolve_cmap: CMapResolverFn,
    fallback: Option<Rc<Font<'a>>>,
}

impl Default for Fonts<'_> {
    fn default() -> Self {
        Self {
            cache: FontCache::new(),
            by_id: HashMap::new(),
            resolve_font: Arc::new(|query| match query {
                FontQuery::Standard(font) => Some(font.get_font_data()),
                FontQuery::Fallback(font) => Some(font.pick_standard_font().get_font_data()),
            }),
            resolve_cmap: Arc::new(hayro_cmap::load_embedded),
            fallback: None,
        }
    }
}

impl<'a> Fonts<'a> {
    /// The font of a dictionary; one that cannot be read is taken for Helvetica.
    pub fn get(&mut self, dict: &Dict<'a>) -> Option<Rc<Font<'a>>> {
        let id = dict.obj_id();
        if let Some(font) = id.and_then(|id| self.by_id.get(&id)) {
            return Some(Rc::clone(font));
        }
        let outlines =
            if has_huge_map(dict) { None } else { self.cache.font(dict, &self.resolve_font, &self.resolve_cmap) };
        let font = match outlines {
            Some(outlines) => Rc::new(Font::new(outlines, dict)),
            None => self.fallback()?,
        };
        if let Some(id) = id {
            self.by_id.insert(id, Rc::clone(&font));
        }
        Some(font)
    }

    /// What text is shown in that names no font.
    pub fn fallback(&mut self) -> Option<Rc<Font<'a>>> {
        if self.fallback.is_none() {
            let outlines = self.cache.standard_font(StandardFont::Helvetica, &self.resolve_font);
            self.fallback = outlines.map(|outlines| Rc::new(Font::new(outlines, &Dict::empty())));
        }
        self.fallback.clone()
    }
}

/// Whether a map of codes is far larger than there are codes, which costs the parser many times its size in memory.
fn has_huge_map(dict: &Dict<'_>) -> bool {
    const MAP_BYTES_MAX: usize = 8 << 20;
    let maps = ["ToUnicode", "Encoding"].into_iter().filter_map(|key| dict.get::<Stream<'_>>(key));
    maps.into_iter().any(|map| bounds::unpacks_beyond(&map, MAP_BYTES_MAX))
}

/// A code of a font: its text, where it has any, and how far it moves the cursor in thousandths of the size.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub text: Option<Rc<str>>,
    pub advance: f64,
    /// Whether the text is a guess.
    pub guessed: bool,
}

pub(super) struct Font<'a> {
    outlines: Outlines<'a>,
    decoder: Decoder<'a>,
    codes: RefCell<HashMap<u32, Code>>,
    /// How large the letters are in relation to the size that text is set in.
    pub em: f64,
}

impl<'a> Font<'a> {
    fn new(outlines: Outlines<'a>, dict: &Dict<'a>) -> Self {
        let is_type3 = dict.get::<Name<'_>>("Subtype").is_some_and(|kind| kind.as_ref() == b"Type3");
        let em = if is_type3 { type3_em(dict) } else { 1.0 };
        Self { outlines, decoder: Decoder::new(dict), codes: RefCell::default(), em }
    }

    pub fn is_vertical(&self) -> bool {
        !self.outlines.is_horizontal()
    }

    /// The code at an offset of a string, and its length in bytes, at least 1.
    pub fn next_code(&self, bytes: &[u8], offset: usize) -> (u32, usize) {
        self.outlines.read_code(bytes, offset)
    }

    pub fn code(&self, code: u32) -> Code {
        if let Some(known) = self.codes.borrow().get(&code) {
            return known.clone();
        }
        let found = self.look_up(code);
        self.codes.borrow_mut().insert(code, found.clone());
        found
    }

    fn look_up(&self, code: u32) -> Code {
        let glyph = self.outlines.glyph(self.outlines.map_code(code), code);
        let advance = self.outlines.code_advance(code);
        let advance = if self.is_vertical() { advance.y } else { width(&glyph, advance.x) };
        let Meaning { text, guessed } = self.decoder.meaning(&glyph, code);
        let text = text.map(|text| glyphs::meaningful(&text)).filter(|text| !text.is_empty());
        Code { text: text.map(Rc::from), advance, guessed }
    }
}

/// The width of a glyph, from the font program where the dictionary has none.
fn width(glyph: &FontGlyph<'_>, advance: f64) -> f64 {
    match glyph {
        FontGlyph::Outline(outline) if advance == 0.0 => outline.advance_width().map_or(0.0, f64::from),
        _ => advance,
    }
}

/// The size of letters that are drawn by instructions, from their mean width: such fonts choose their own units.
fn type3_em(dict: &Dict<'_>) -> f64 {
    const MEAN_WIDTH: f64 = 0.5;
    let scale = dict.get::<[f64; 6]>("FontMatrix").map_or(0.001, |matrix| matrix[0].abs());
    let widths = dict.get::<Array<'_>>("Widths");
    let widths: Vec<f64> =
        widths.iter().flat_map(Array::iter::<f32>).map(f64::from).filter(|width| *width > 0.0).collect();
    let count = f64::from(u32::try_from(widths.len()).unwrap_or(u32::MAX));
    let em = widths.iter().sum::<f64>() * scale / count / MEAN_WIDTH;
    if !em.is_finite() || (0.6..=1.6).contains(&em) { 1.0 } else { em.clamp(1e-3, 1e3) }
}
