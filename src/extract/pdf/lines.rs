//! Lines: the segments of a column that stand beside one another, as cells with wide gaps between them.

use super::glyphs::is_wide;
use super::order;
use super::segments::{Segment, Word};

/// A gap of this part of the size is a space between segments; poppler has the same between words.
const SPACE_GAP: f64 = 0.1;
/// A gap of this part of the size may be that between two cells of a table.
const CELL_GAP: f64 = 1.0;

/// Text of a line without a wide gap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub text: String,
    pub left: f64,
    pub right: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub cells: Vec<Cell>,
    pub left: f64,
    pub right: f64,
    pub y: f64,
    pub size: f64,
}

impl Line {
    pub fn text(&self) -> String {
        let mut text = String::new();
        for cell in &self.cells {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&cell.text);
        }
        text
    }

    pub fn is_right_to_left(&self) -> bool {
        mostly_right_to_left(&self.cells)
    }

    pub fn text_bytes(&self) -> usize {
        self.cells.iter().map(|cell| cell.text.len() + 1).sum()
    }
}

/// Puts the segments of a column together into lines, from top to bottom.
pub(super) fn lines(mut segments: Vec<Segment>) -> Vec<Line> {
    segments.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.left.total_cmp(&b.left)));
    let mut rows: Vec<Row> = Vec::new();
    for segment in segments {
        match rows.iter_mut().rev().take(4).find(|row| row.takes(&segment)) {
            Some(row) => row.push(segment),
            None => rows.push(Row::new(segment)),
        }
    }
    rows.into_iter().map(Row::line).collect()
}

/// Segments of one line. Where a row has many, only the last few are compared, so that no page takes quadratic time.
struct Row {
    segments: Vec<Segment>,
    y: f64,
    size: f64,
}

impl Row {
    fn new(segment: Segment) -> Self {
        Self { y: segment.y, size: segment.size, segments: vec![segment] }
    }

    fn takes(&self, segment: &Segment) -> bool {
        const COMPARED: usize = 256;
        let near = 0.35 * self.size.max(segment.size);
        let hair = 0.3 * segment.size;
        (segment.y - self.y).abs() < near
            && !self
                .segments
                .iter()
                .rev()
                .take(COMPARED)
                .any(|other| segment.left < other.right - hair && other.left < segment.right - hair)
    }

    fn push(&mut self, segment: Segment) {
        if segment.size > self.size {
            self.size = segment.size;
            self.y = segment.y;
        }
        self.segments.push(segment);
    }

    fn line(mut self) -> Line {
        self.segments.sort_by(|a, b| a.left.total_cmp(&b.left));
        let left = self.segments[0].left;
        let right = self.segments.iter().map(|segment| segment.right).fold(f64::NEG_INFINITY, f64::max);
        let words = words(self.segments, self.size);
        let words = unspaced(words, self.size);
        Line { cells: cells(words, self.size), left, right, y: self.y, size: self.size }
    }
}

/// The words of a row; segments that touch are parts of one word.
fn words(segments: Vec<Segment>, size: f64) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut after_space = false;
    for segment in segments {
        let mut parts = segment.words.into_iter();
        if let Some(mut first) = parts.next() {
            match words.last_mut() {
                Some(last) if !after_space && first.left - last.right <= SPACE_GAP * size => {
                    last.text.push_str(&first.text);
                    last.right = last.right.max(first.right);
                    last.glyphs += first.glyphs;
                }
                _ => {
                    first.after_space |= after_space;
                    words.push(first);
                }
            }
        }
        words.extend(parts);
        after_space = segment.ends_with_space;
    }
    words
}

/// Letters that are set apart for looks, with about the same gap between all of them, are one word, as in poppler.
fn unspaced(words: Vec<Word>, size: f64) -> Vec<Word> {
    const LETTERS_MIN: usize = 3;
    /// From here on come scripts whose letters stand alone.
    const HANGUL: char = '\u{1100}';
    let is_letter = |word: &Word| word.glyphs == 1 && word.text.chars().all(|c| c < HANGUL);
    if words.len() < LETTERS_MIN || !words.iter().all(is_letter) {
        return words;
    }
    let gaps = words.windows(2).map(|pair| pair[1].left - pair[0].right);
    let narrowest = gaps.fold(f64::INFINITY, f64::min).max(0.0);
    let space = (1.3 * narrowest).min(0.4 * size);
    let mut merged: Vec<Word> = Vec::new();
    for word in words {
        match merged.last_mut() {
            Some(last) if !word.after_space && word.left - last.right < space => {
                last.text.push_str(&word.text);
                last.right = word.right;
            }
            _ => merged.push(word),
        }
    }
    merged
}

fn cells(words: Vec<Word>, size: f64) -> Vec<Cell> {
    let mut groups: Vec<Vec<Word>> = Vec::new();
    for word in words {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| word.left - last.right <= CELL_GAP * size) => {
                group.push(word);
            }
            _ => groups.push(vec![word]),
        }
    }
    let mut cells: Vec<Cell> = groups.into_iter().map(cell).collect();
    if mostly_right_to_left(&cells) {
        cells.reverse();
    }
    cells
}

fn mostly_right_to_left(cells: &[Cell]) -> bool {
    cells.iter().filter(|cell| order::is_right_to_left(&cell.text)).count() * 2 > cells.len()
}

fn cell(words: Vec<Word>) -> Cell {
    let left = words[0].left;
    let right = words.iter().map(|word| word.right).fold(f64::NEG_INFINITY, f64::max);
    let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
    Cell { text: order::logical(words).join(" "), left, right }
}

/// Whether two texts meet at characters between which a line end is no space.
pub(super) fn meet_without_space(before: &str, after: &str) -> bool {
    before.chars().next_back().is_some_and(is_wide) && after.chars().next().is_some_and(is_wide)
}

pub(super) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::segments::{segments, tests::glyphs};
    use super::*;

    fn text(glyphs: &[super::super::glyphs::Glyph]) -> Vec<String> {
        lines(segments(glyphs.iter())).iter().map(Line::text).collect()
    }

    #[test]
    fn segments_beside_one_another_are_a_line() {
        let mut all = glyphs("right", 100.0, 0.5, 5.0);
        all.extend(glyphs("left", 0.0, 0.0, 5.0));
        all.extend(glyphs("below", 0.0, 12.0, 5.0));
        assert_eq!(text(&all), ["left right", "below"]);
    }

    #[test]
    fn spaced_letters_are_a_word() {
        assert_eq!(text(&glyphs("TITLE", 0.0, 0.0, 8.0)), ["TITLE"]);
    }

    #[test]
    fn right_to_left_text_is_read_from_the_right() {
        let mut all = glyphs("םולש", 0.0, 0.0, 5.0);
        all.extend(glyphs("לארשי", 30.0, 0.0, 5.0));
        assert_eq!(text(&all), ["ישראל שלום"]);
    }
}
