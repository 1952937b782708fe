//! The shapes of a slide that have text, in the order in which they lie, also those in groups; tables are groups, too.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::outline::Slide;
use super::records::{Record, kind};
use super::text::{Setting, Text, texts};
use crate::extract::markdown::Writer;
use crate::extract::markdown::cells::Sheet;
use crate::extract::office::bytes::{size_at, slice, u8_at, u16_at, u32_at, utf16};

/// Groups nest a handful deep.
const DEPTH_MAX: usize = 40;

/// A table has hardly more places than cells: merged ones take several. One with more is no table.
const PLACES_MAX: usize = 10_000;

/// The placeholders for dates, numbers of slides, footers and headers ([MS-PPT] 2.13.22).
const MARGINS: RangeInclusive<u8> = 0x07..=0x0a;

#[derive(Debug)]
pub(super) enum Shape<'a> {
    Text(Text<'a>),
    /// A date, a number, a header or a footer, which many slides repeat.
    Margin(Text<'a>),
    Table(Vec<Cell<'a>>),
    /// A text that is drawn as a picture.
    Art(String),
}

/// A cell, by edges that order as they lie.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    top: u32,
    left: u32,
    texts: Vec<Text<'a>>,
}

impl<'a> Shape<'a> {
    /// A shape's text, if it is no table and no picture.
    pub fn text(&self) -> Option<&Text<'a>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The shapes of a slide, a master or a page of notes; texts that only the list has come first.
pub(super) fn shapes<'a>(slide: &Slide<'a>) -> Vec<Shape<'a>> {
    let mut reader = Reader { listed: slide.listed.iter().cloned().map(Some).collect(), shapes: Vec::new() };
    if let Some(drawing) = slide.record.and_then(|record| record.child(kind::DRAWING)) {
        reader.group(drawing, 0);
    }
    let unused = reader.listed.into_iter().flatten().map(Shape::Text);
    unused.chain(reader.shapes).collect()
}

/// The texts of a master that its slides show as they are: those that fill no placeholder.
pub(super) fn free_texts<'a>(master: &Slide<'a>) -> Vec<Text<'a>> {
    let texts = shapes(master).into_iter().filter_map(|shape| match shape {
        Shape::Text(text) if text.is_free() => Some(text),
        _ => None,
    });
    texts.collect()
}

struct Reader<'a> {
    /// The texts of the list that no shape has referred to so far.
    listed: Vec<Option<Text<'a>>>,
    shapes: Vec<Shape<'a>>,
}

impl<'a> Reader<'a> {
    fn group(&mut self, group: Record<'a>, depth: usize) {
        for record in group.children() {
            match record.kind {
                kind::SHAPE => self.shape(record),
                kind::GROUP if is_table(record) => self.table(record),
                _ if record.is_container && depth < DEPTH_MAX => self.group(record, depth + 1),
                _ => {}
            }
        }
    }

    fn shape(&mut self, shape: Record<'a>) {
        let placeholder = shape.child(kind::CLIENT_DATA).and_then(|data| data.child(kind::PLACEHOLDER));
        let is_margin = placeholder.and_then(|atom| u8_at(atom.content, 4)).is_some_and(|id| MARGINS.contains(&id));
        let texts = self.texts(shape);
        self.shapes.extend(texts.into_iter().map(if is_margin { Shape::Margin } else { Shape::Text }));
        self.shapes.extend(shape.child(kind::OPTIONS).and_then(art).map(Shape::Art));
    }

    fn table(&mut self, group: Record<'a>) {
        let mut cells = Vec::new();
        for shape in group.children_of(kind::SHAPE) {
            let texts = self.texts(shape);
            let anchor = shape.child(kind::CHILD_ANCHOR).map(|anchor| anchor.content).unwrap_or_default();
            // Edges may lie before the origin.
            let edge = |at| u32_at(anchor, at).unwrap_or(0) ^ (1 << 31);
            if !texts.is_empty() {
                cells.push(Cell { top: edge(4), left: edge(0), texts });
            }
        }
        self.shapes.push(Shape::Table(cells));
    }

    /// The texts of a shape's own, or the one of the list that it refers to.
    fn texts(&mut self, shape: Record<'a>) -> Vec<Text<'a>> {
        let Some(text_box) = shape.child(kind::TEXT_BOX) else { return Vec::new() };
        let Some(reference) = text_box.child(kind::OUTLINE_REFERENCE) else { return texts(text_box.children()) };
        let listed = size_at(reference.content, 0).and_then(|index| self.listed.get_mut(index));
        listed.and_then(Option::take).into_iter().collect()
    }
}

pub(super) fn write_table(cells: &[Cell<'_>], setting: &Setting<'_>, writer: &mut Writer) {
    let rows: HashSet<u32> = cells.iter().map(|cell| cell.top).collect();
    let columns: HashSet<u32> = cells.iter().map(|cell| cell.left).collect();
    if rows.len().saturating_mul(columns.len()) > PLACES_MAX {
        cells.iter().flat_map(|cell| &cell.texts).for_each(|text| text.write(setting, writer));
        return;
    }
    let mut table = Sheet::default();
    for Cell { top, left, texts } in cells {
        let lines: Vec<String> = texts.iter().map(|text| text.lines(setting)).collect();
        table.insert(*top, *left, lines.join("\n"));
    }
    writer.table(&table.into_table());
}

/// Whether the properties of a group say that it is a table.
fn is_table(group: Record<'_>) -> bool {
    let own = group.child(kind::SHAPE).and_then(|shape| shape.child(kind::MORE_OPTIONS));
    own.and_then(|options| option(options, 0x039f)).is_some_and(|(flags, _)| flags & 1 != 0)
}

/// The text of a shape that is drawn along a path.
fn art(options: Record<'_>) -> Option<String> {
    let (_, units) = option(options, 0x00c0)?;
    let text = utf16(units).replace(['\r', '\x0b'], "\n");
    (!text.trim().is_empty()).then_some(text)
}

/// A property of a shape: its value, and the bytes behind the values that belong to it, of which the value is the length.
fn option(options: Record<'_>, id: u16) -> Option<(u32, &[u8])> {
    let entries = slice(options.content, 0, 6 * usize::from(options.instance))?;
    let mut at = entries.len();
    for entry in entries.chunks_exact(6) {
        let (name, value) = (u16_at(entry, 0)?, u32_at(entry, 2)?);
        let length = if name & 0x8000 != 0 { value as usize } else { 0 };
        if name & 0x3fff == id {
            return Some((value, slice(options.content, at, length)?));
        }
        at = at.checked_add(length)?;
    }
    None
}
