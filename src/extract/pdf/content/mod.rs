//! Follows the instructions of a page as far as they place text (ISO 32000-2, 8.4, 8.10 and 9.4).
//!
//! Forms are followed to a fixed depth and never into themselves; instructions, glyphs and decoded bytes are bounded,
//! and the caller hears of progress at fixed numbers of them, however long a page is.

mod drawing;
mod forms;
mod text;

use std::collections::HashSet;
use std::rc::Rc;

use hayro_font::kurbo::{Affine, Rect};
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{Array, Name, Number, Object, ObjectIdentifier, Stream};
use hayro_syntax::page::{Page, Resources};

use super::actual::Marks;
use super::annotations;
use super::bounds;
use super::fonts::Fonts;
use super::glyphs::Glyph;
use super::layers::Layers;
use super::path::Path;
use super::scan::{Coverage, Paper};
use super::state::{Cursor, State, States};
use crate::extract::{ExtractError, Room};

/// Glyphs of one page; a page with more is an attack.
const PAGE_GLYPHS_MAX: usize = 1_000_000;
/// Instructions and glyphs of a whole document, its forms included as often as they are shown.
const WORK_MAX: usize = 100_000_000;
/// The same of one page.
const PAGE_WORK_MAX: usize = 10_000_000;
/// What it takes to begin a form, in instructions.
const FORM_COST: usize = 64;
/// Work between two signs of life.
const STEP: usize = 8192;

/// What the pages before taught.
#[derive(Default)]
pub(super) struct Past {
    /// Forms that showed no text, which need not be followed again: logos and backgrounds of every page.
    textless: HashSet<ObjectIdentifier>,
    work: usize,
    pub text_bytes: usize,
}

/// What a page shows.
#[derive(Default)]
pub(super) struct PageShown {
    pub glyphs: Vec<Glyph>,
    pub has_images: bool,
    pub coverage: Coverage,
    /// Whether there is text that pictures hide: somebody has recognised what they say already.
    pub has_text_layer: bool,
    /// Glyphs whose meaning is a guess.
    pub guessed: usize,
}

impl PageShown {
    /// Whether the text of the page stands in its pictures, and nowhere else.
    pub fn is_scan(&self) -> bool {
        let letters = self.glyphs.iter().filter(|glyph| !glyph.is_space()).count();
        !self.has_text_layer && self.coverage.is_scan(letters)
    }
}

pub(super) struct PageReader<'r, 'room, 'a> {
    fonts: &'r mut Fonts<'a>,
    layers: Rc<Layers>,
    past: &'r mut Past,
    room: &'r mut Room<'room>,
    state: State<'a>,
    states: States<'a>,
    cursor: Cursor,
    marks: Marks,
    forms: Vec<ObjectIdentifier>,
    page_box: Rect,
    /// The part of the page that is seen.
    sheet: Rect,
    path: Path,
    /// What the page is painted on, when it is not read but painted.
    paper: Option<&'r mut Paper>,
    shown: PageShown,
    text_bytes: usize,
    /// Instructions followed and glyphs shown.
    work: usize,
    next_step: usize,
    /// All glyphs that instructions showed, whether they are kept or not.
    glyphs_met: usize,
}

impl<'r, 'room, 'a> PageReader<'r, 'room, 'a> {
    pub fn new(
        page: &Page<'a>,
        fonts: &'r mut Fonts<'a>,
        layers: Rc<Layers>,
        past: &'r mut Past,
        room: &'r mut Room<'room>,
    ) -> Self {
        let to_page = Affine::new(page.initial_transform(true).as_coeffs());
        let media = page.media_box();
        let page_box = to_page.transform_rect_bbox(Rect::new(media.x0, media.y0, media.x1, media.y1));
        Self {
            fonts,
            layers,
            past,
            room,
            state: State::new(to_page),
            states: States::default(),
            cursor: Cursor::default(),
            marks: Marks::default(),
            forms: Vec::new(),
            page_box: page_box.inflate(1.0, 1.0),
            sheet: sheet(page),
            path: Path::default(),
            paper: None,
            shown: PageShown::default(),
            text_bytes: 0,
            work: 0,
            next_step: STEP,
            glyphs_met: 0,
        }
    }

    /// Has the page painted instead of read.
    pub fn painting(mut self, paper: &'r mut Paper) -> Self {
        self.path.is_kept = true;
        self.paper = Some(paper);
        self
    }

    pub fn finish(self) -> PageShown {
        self.past.work += self.work;
        self.shown
    }

    /// Reads a page's contents and its annotations.
    pub fn read(&mut self, page: &Page<'a>) -> Result<(), ExtractError> {
        let contents = self.contents(page)?;
        self.run(&contents, page.resources())?;
        for annotation in annotations::of_page(page.raw()) {
            self.work(FORM_COST)?;
            if self.layers.shows(&annotation, b"OC") {
                self.annotation(&annotation, page)?;
            }
        }
        Ok(())
    }

    /// The streams of a page are one, whatever they are cut at.
    fn contents(&mut self, page: &Page<'a>) -> Result<Vec<u8>, ExtractError> {
        let streams: Vec<Stream<'_>> = match page.raw().get::<Object<'_>>("Contents") {
            Some(Object::Stream(stream)) => vec![stream],
            Some(Object::Array(array)) => array.iter::<Object<'_>>().filter_map(Object::into_stream).collect(),
            _ => Vec::new(),
        };
        let mut contents = Vec::new();
        for stream in streams {
            if let Some(data) = bounds::decoded(&stream, self.room)? {
                contents.extend_from_slice(&data);
                contents.push(b'\n');
            }
        }
        Ok(contents)
    }

    fn run(&mut self, data: &[u8], resources: &Resources<'a>) -> Result<(), ExtractError> {
        let (states, marks) = (self.states.depth(), self.marks.depth());
        let mut instructions = TypedIter::new(data);
        while let Some(instruction) = instructions.next() {
            self.work(1)?;
            self.instruction(instruction, resources, (states, marks))?;
        }
        self.marks.end_to(&mut self.shown.glyphs, marks);
        self.states.restore_to(&mut self.state, states);
        Ok(())
    }

    /// Counts work done, gives signs of life, and stops a page that would never end.
    fn work(&mut self, cost: usize) -> Result<(), ExtractError> {
        self.work += cost;
        if self.work < self.next_step {
            return Ok(());
        }
        self.next_step = self.work + STEP;
        let too_much = self.work > PAGE_WORK_MAX || self.past.work + self.work > WORK_MAX;
        if too_much || self.glyphs_met > PAGE_GLYPHS_MAX {
            return Err(ExtractError::TooManyElements);
        }
        self.room.step(self.past.text_bytes + self.text_bytes)
    }

    fn instruction(
        &mut self,
        instruction: TypedInstruction<'_, '_>,
        resources: &Resources<'a>,
        (states, marks): (usize, usize),
    ) -> Result<(), ExtractError> {
        use TypedInstruction as I;
        match instruction {
            I::SaveState(_) => self.states.save(&self.state),
            I::RestoreState(_) => self.states.restore(&mut self.state, states),
            I::Transform(m) => self.state.ctm *= matrix([m.0, m.1, m.2, m.3, m.4, m.5]),
            I::SetGraphicsState(name) => self.graphics_state(resources, name.0),
            I::XObject(name) => return self.x_object(resources, name.0),
            I::BeginMarkedContent(_) => self.marks.begin_plain(false),
            I::BeginMarkedContentWithProperties(mark) => {
                self.marks.begin((mark.0, mark.1), resources, &self.layers, self.shown.glyphs.len());
            }
            I::EndMarkedContent(_) => self.marks.end(&mut self.shown.glyphs, marks),
            I::TextFont(font) => {
                self.state.size = font.1.as_f64();
                self.state.font = match resources.get_font(font.0) {
                    Some(dict) => self.fonts.get(&dict),
                    None => self.fonts.fallback(),
                };
            }
            other => {
                if let Some(text) = self.drawing_instruction(other, resources)? {
                    return self.text_instruction(text);
                }
            }
        }
        Ok(())
    }

    fn x_object(&mut self, resources: &Resources<'a>, name: &Name<'_>) -> Result<(), ExtractError> {
        if !self.marks.visible() {
            return Ok(());
        }
        let Some(object) = resources.get_x_object(name) else { return Ok(()) };
        match object.dict().get::<Name<'_>>("Subtype").as_deref() {
            Some(b"Form") => return self.form(&object, resources),
            Some(b"Image") => return self.picture(&object, resources),
            _ => {}
        }
        Ok(())
    }

    fn graphics_state(&mut self, resources: &Resources<'a>, name: &Name<'_>) {
        let font = resources.get_ext_g_state(name).and_then(|state| state.get::<Array<'a>>("Font"));
        let Some(font) = font else { return };
        let mut items = font.iter::<Object<'a>>();
        if let (Some(Object::Dict(dict)), Some(Object::Number(size))) = (items.next(), items.next()) {
            self.state.font = self.fonts.get(&dict);
            self.state.size = size.as_f64();
        }
    }
}

/// The part of a page that is seen, in its points, with the page the right way up.
pub(super) fn sheet(page: &Page<'_>) -> Rect {
    let (width, height) = page.render_dimensions();
    Rect::new(0.0, 0.0, f64::from(width).max(1.0), f64::from(height).max(1.0))
}

fn matrix(numbers: [Number; 6]) -> Affine {
    Affine::new(numbers.map(number))
}

pub(super) fn number(number: Number) -> f64 {
    number.as_f64()
}
