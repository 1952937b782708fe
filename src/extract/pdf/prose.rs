//! Lines as Markdown: headings by size, paragraphs, words that were broken at line ends, tables and page breaks.

use std::collections::BTreeMap;

use super::document::PageText;
use super::lines::{self, Line, median};
use super::tables::{self, Part};
use crate::extract::markdown::Writer;

/// The sizes of headings, largest first: those well above the size that most of the text has.
pub(super) fn heading_sizes(pages: &[PageText]) -> Vec<i64> {
    const LEVELS_MAX: usize = 4;
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    let upright = pages.iter().flat_map(|page| &page.columns).filter(|column| column.angle == 0);
    for line in upright.flat_map(|column| &column.lines) {
        *counts.entry(half_points(line.size)).or_default() += line.text_bytes();
    }
    let total: usize = counts.values().sum();
    let Some(body) = counts.iter().max_by_key(|(_, count)| **count).map(|(size, _)| *size) else {
        return Vec::new();
    };
    let larger = counts.into_iter().rev().filter(|(size, count)| *size * 20 > body * 23 && count * 5 < total);
    larger.map(|(size, _)| size).take(LEVELS_MAX).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "sizes are bounded")]
fn half_points(size: f64) -> i64 {
    (size * 2.0).round() as i64
}

/// A document as it is written: the paragraph that is open, and what stands before it.
pub(super) struct Prose<'h> {
    headings: &'h [i64],
    writer: Writer,
    paragraph: String,
    level: Option<usize>,
}

impl<'h> Prose<'h> {
    pub fn new(headings: &'h [i64]) -> Self {
        Self { headings, writer: Writer::default(), paragraph: String::new(), level: None }
    }

    pub fn page(&mut self, number: usize) {
        self.flush();
        self.writer.remark(&format!("page {number}"));
    }

    pub fn finish(mut self) -> String {
        self.flush();
        self.writer.finish()
    }

    /// A paragraph goes on from one column to the next only when a word does.
    pub fn column(&mut self, lines: &[Line]) {
        for part in tables::parts(lines) {
            match part {
                Part::Table(rows) => {
                    self.flush();
                    self.writer.table(&rows);
                }
                Part::Text(range) => self.text(&lines[range]),
            }
        }
    }

    fn text(&mut self, lines: &[Line]) {
        let left = lines.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
        let right = lines.iter().map(|line| line.right).fold(f64::NEG_INFINITY, f64::max);
        let spacing = median(lines.windows(2).map(|pair| pair[1].y - pair[0].y).filter(|gap| *gap > 0.0));
        let mut previous: Option<&Line> = None;
        for line in lines {
            let text = line.text();
            let level = heading_level(line, &text, self.headings);
            let broken = broken_word(&self.paragraph, &text);
            let goes_on = broken || previous.is_some_and(|previous| goes_on(previous, line, (left, right), spacing));
            if self.level != level || !goes_on {
                self.flush();
            }
            self.level = level;
            self.append(&text);
            previous = Some(line);
        }
    }

    /// Text that a recogniser wrote: lines in paragraphs, with blank lines between them.
    pub fn recognised(&mut self, text: &str) {
        self.flush();
        self.level = None;
        let mut lines = text.lines().map(str::trim).peekable();
        while lines.peek().is_some() {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let longest = block.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            let mut previous = 0;
            for line in block {
                // A line that ends early ends what it says, be it an address, a list or a poem.
                let goes_on = previous * 4 >= longest * 3 && !line.starts_with('•');
                if !goes_on && !broken_word(&self.paragraph, line) {
                    self.flush();
                }
                self.append(line);
                previous = line.chars().count();
            }
            self.flush();
        }
    }

    /// Appends a line to the paragraph; a word broken at the end of the line before is put together again.
    fn append(&mut self, line: &str) {
        let keeps_hyphen = || line.starts_with(char::is_alphanumeric) && ends_with_hyphen(&self.paragraph);
        if broken_word(&self.paragraph, line) {
            self.paragraph.pop();
        } else if !self.paragraph.is_empty() && !lines::meet_without_space(&self.paragraph, line) && !keeps_hyphen() {
            self.paragraph.push(' ');
        }
        self.paragraph.push_str(line);
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.paragraph);
        match self.level {
            Some(level) => self.writer.heading(level + 1, &text),
            None => self.writer.paragraph(&text),
        }
    }
}

fn heading_level(line: &Line, text: &str, headings: &[i64]) -> Option<usize> {
    const BYTES_MAX: usize = 200;
    let size = half_points(line.size);
    let level = headings.iter().position(|heading| *heading == size)?;
    (text.len() < BYTES_MAX && text.chars().any(char::is_alphabetic)).then_some(level)
}

/// Whether a line continues the paragraph of the line above it.
fn goes_on(previous: &Line, line: &Line, (left, right): (f64, f64), spacing: f64) -> bool {
    let size = previous.size.max(line.size);
    let gap = line.y - previous.y;
    let close = gap > 0.0 && gap < 1.35 * spacing.max(size) && gap < 2.6 * size;
    let same_size = (previous.size - line.size).abs() < 0.15 * size;
    let (reaches, indented) = if previous.is_right_to_left() {
        let reaches = previous.left < left + 0.2 * (previous.right - left).max(size);
        (reaches, line.right < previous.right - 1.2 * size)
    } else {
        let reaches = previous.right > right - 0.2 * (right - previous.left).max(size);
        (reaches, line.left > previous.left + 1.2 * size)
    };
    let turns = previous.is_right_to_left() != line.is_right_to_left();
    // Rows of cells that make no table still are no running text.
    let cells = previous.cells.len() > 1 && line.cells.len() > 1;
    close && same_size && reaches && !indented && !cells && !turns
}

/// Whether a paragraph ends within a word that goes on at the beginning of a line.
fn broken_word(paragraph: &str, line: &str) -> bool {
    let before = paragraph.chars().rev().nth(1);
    ends_with_hyphen(paragraph) && before.is_some_and(char::is_alphabetic) && line.starts_with(char::is_lowercase)
}

/// Whether a text ends with a hyphen that is part of a word.
fn ends_with_hyphen(text: &str) -> bool {
    let mut end = text.chars().rev();
    matches!(end.next(), Some('-' | '\u{2010}')) && end.next().is_some_and(char::is_alphanumeric)
}
