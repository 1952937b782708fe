//! A document as it grows page by page: each page as columns of lines, written out when all pages are there.

use std::collections::BTreeSet;

use super::glyphs::Glyph;
use super::lines::{self, Line};
use super::prose::{Prose, heading_sizes};
use super::{columns, furniture, segments};

/// Lines that are read one after another.
#[derive(Debug)]
pub(super) struct Column {
    /// The direction of the text, in degrees.
    pub angle: i16,
    pub lines: Vec<Line>,
}

#[derive(Debug, Default)]
pub(super) struct PageText {
    pub columns: Vec<Column>,
    /// What was recognised in its pictures.
    pub recognised: String,
}

impl PageText {
    fn has_text(&self) -> bool {
        !self.recognised.is_empty() || self.columns.iter().any(|column| !column.lines.is_empty())
    }
}

#[derive(Debug, Default)]
pub(super) struct Document {
    pages: Vec<PageText>,
    text_bytes: usize,
}

impl Document {
    pub fn add_page(&mut self, glyphs: &[Glyph]) {
        let mut page = PageText::default();
        for angle in angles(glyphs) {
            let segments = segments::segments(glyphs.iter().filter(|glyph| glyph.angle == angle));
            for column in columns::columns(segments) {
                page.columns.push(Column { angle, lines: lines::lines(column) });
            }
        }
        let lines = page.columns.iter().flat_map(|column| &column.lines);
        self.text_bytes += lines.map(Line::text_bytes).sum::<usize>();
        self.pages.push(page);
    }

    /// Adds what was recognised in the pictures of the page added last.
    pub fn add_recognised(&mut self, text: String) {
        self.text_bytes += text.len();
        self.pages.last_mut().expect("a page was added").recognised = text;
    }

    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    pub fn finish(mut self) -> String {
        if self.text_bytes == 0 {
            return String::new();
        }
        furniture::remove(&mut self.pages);
        let headings = heading_sizes(&self.pages);
        let mut prose = Prose::new(&headings);
        for (index, page) in self.pages.iter().enumerate() {
            if index > 0 && page.has_text() {
                prose.page(index + 1);
            }
            for column in &page.columns {
                prose.column(&column.lines);
            }
            prose.recognised(&page.recognised);
        }
        prose.finish()
    }
}

/// The directions of a page's text: upright first, then down, up, upside down, and the rest.
fn angles(glyphs: &[Glyph]) -> Vec<i16> {
    let found: BTreeSet<i16> = glyphs.iter().map(|glyph| glyph.angle).collect();
    let mut angles: Vec<i16> = found.into_iter().collect();
    let rank = |angle: i16| [0, 90, 270, 180].iter().position(|known| *known == angle).unwrap_or(4);
    angles.sort_by_key(|angle| (rank(*angle), *angle));
    angles
}
