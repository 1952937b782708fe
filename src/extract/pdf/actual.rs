//! Marked content: layers that are hidden, and glyphs that stand for another text (ISO 32000-2, 14.6 and 14.9.4).

use std::rc::Rc;

use hayro_syntax::object::{Dict, Name, Object, String as PdfString};
use hayro_syntax::page::Resources;

use super::glyphs::{self, Glyph};
use super::layers::Layers;
use super::strings::text_string;

/// Sequences that are kept; a page that opens more inside one another is an attack, and they are only counted.
const OPEN_MAX: usize = 4096;

/// The marked content sequences that are open.
#[derive(Default)]
pub(super) struct Marks {
    open: Vec<Mark>,
    beyond: usize,
    hidden: usize,
}

struct Mark {
    hides: bool,
    /// The text that the glyphs from here on stand for.
    replaces: Option<(usize, String)>,
}

impl Marks {
    pub fn visible(&self) -> bool {
        self.hidden == 0
    }

    pub fn depth(&self) -> usize {
        self.open.len() + self.beyond
    }

    pub fn begin_plain(&mut self, hides: bool) {
        self.push(Mark { hides, replaces: None });
    }

    pub fn begin(
        &mut self,
        (tag, properties): (&Name<'_>, &Object<'_>),
        resources: &Resources<'_>,
        layers: &Layers,
        glyphs: usize,
    ) {
        let named = match properties {
            Object::Name(name) => Some(name),
            _ => None,
        };
        let hides = tag.as_ref() == b"OC" && named.is_some_and(|name| !layers.shows(&resources.properties, name));
        let text = match properties {
            Object::Dict(dict) => replacement(dict),
            Object::Name(name) => resources.properties.get::<Dict<'_>>(name).as_ref().and_then(replacement),
            _ => None,
        };
        let inside_another = self.open.iter().rev().take(8).any(|mark| mark.replaces.is_some());
        let replaces = text.filter(|_| !inside_another).map(|text| (glyphs, text));
        self.push(Mark { hides, replaces });
    }

    fn push(&mut self, mark: Mark) {
        if self.open.len() < OPEN_MAX {
            self.hidden += usize::from(mark.hides);
            self.open.push(mark);
        } else {
            self.beyond += 1;
        }
    }

    /// Ends the sequence opened last, unless it was opened below `floor`.
    pub fn end(&mut self, glyphs: &mut Vec<Glyph>, floor: usize) {
        if self.depth() <= floor {
            return;
        }
        if let Some(beyond) = self.beyond.checked_sub(1) {
            self.beyond = beyond;
            return;
        }
        let Some(mark) = self.open.pop() else { return };
        self.hidden -= usize::from(mark.hides);
        if let Some((from, text)) = mark.replaces {
            replace(glyphs, from, &text);
        }
    }

    pub fn end_to(&mut self, glyphs: &mut Vec<Glyph>, floor: usize) {
        while self.depth() > floor {
            self.end(glyphs, floor);
        }
    }
}

fn replacement(properties: &Dict<'_>) -> Option<String> {
    properties.get::<PdfString<'_>>("ActualText").map(|text| text_string(text.as_bytes()))
}

/// Puts one glyph with the text in the place of those from `from` on, as wide as they are together.
fn replace(glyphs: &mut Vec<Glyph>, from: usize, text: &str) {
    let Some(first) = glyphs.get(from) else { return };
    let mut whole = first.clone();
    for glyph in &glyphs[from..] {
        if whole.continues_to(glyph) {
            whole.width = whole.width.max(glyph.x + glyph.width - whole.x);
        }
    }
    glyphs.truncate(from);
    let text = glyphs::meaningful(text);
    if !text.is_empty() {
        whole.text = Rc::from(text);
        glyphs.push(whole);
    }
}
