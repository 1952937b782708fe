//! The graphics state as far as it places text and pictures (ISO 32000-2, 8.4 and 9.3), and the stack it is saved on.

use std::rc::Rc;

use hayro_font::kurbo::{Affine, Rect};

use super::fonts::Font;
use super::scan::Colours;

/// States that are kept; a page that saves more is an attack, and its deeper states are only counted.
const STATES_MAX: usize = 4096;

#[derive(Clone)]
pub(super) struct State<'a> {
    pub ctm: Affine,
    pub font: Option<Rc<Font<'a>>>,
    pub size: f64,
    pub char_space: f64,
    pub word_space: f64,
    /// The horizontal scaling, of which 1 is the usual.
    pub scale: f64,
    pub leading: f64,
    pub rise: f64,
    /// Whether text is placed but not seen, as OCR does it under its picture.
    pub is_unseen: bool,
    /// What is drawn outside of it is not seen, in points of the page.
    pub clip: Rect,
    /// The colour space for filling; none when that is a pattern.
    pub colours: Option<Rc<Colours>>,
    /// The lightness of the colour for filling.
    pub fill: u8,
}

impl State<'_> {
    pub fn new(ctm: Affine) -> Self {
        Self {
            ctm,
            font: None,
            size: 1.0,
            char_space: 0.0,
            word_space: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
            is_unseen: false,
            clip: Rect::new(f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY),
            colours: Some(Rc::new(Colours::Grey)),
            fill: 0,
        }
    }
}

/// Where the next glyph and the next line begin.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    pub text: Affine,
    line: Affine,
}

impl Cursor {
    pub fn begin(&mut self) {
        self.set(Affine::IDENTITY);
    }

    pub fn set(&mut self, matrix: Affine) {
        self.line = matrix;
        self.text = matrix;
    }

    pub fn next_line(&mut self, x: f64, y: f64) {
        self.set(self.line * Affine::translate((x, y)));
    }

    pub fn advance(&mut self, x: f64, y: f64) {
        self.text *= Affine::translate((x, y));
    }
}

#[derive(Default)]
pub(super) struct States<'a> {
    saved: Vec<State<'a>>,
    beyond: usize,
}

impl<'a> States<'a> {
    pub fn depth(&self) -> usize {
        self.saved.len() + self.beyond
    }

    pub fn save(&mut self, state: &State<'a>) {
        if self.saved.len() < STATES_MAX {
            self.saved.push(state.clone());
        } else {
            self.beyond += 1;
        }
    }

    /// Restores the state saved last, but none that was saved below `floor`.
    pub fn restore(&mut self, state: &mut State<'a>, floor: usize) {
        if self.depth() <= floor {
            return;
        }
        match self.beyond.checked_sub(1) {
            Some(beyond) => self.beyond = beyond,
            None => *state = self.saved.pop().expect("the depth is above the floor"),
        }
    }

    pub fn restore_to(&mut self, state: &mut State<'a>, floor: usize) {
        while self.depth() > floor {
            self.restore(state, floor);
        }
    }
}
