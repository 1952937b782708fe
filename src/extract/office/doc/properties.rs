//! Properties of paragraphs and characters, from the formatted pages of the main stream ([MS-DOC] 2.9.33 and 2.9.174).

use super::header::Header;
use super::lists::Item;
use crate::extract::markdown::Style;
use crate::extract::office::bytes::{size_at, slice, u8_at, u16_at, u32_at};

const PAGE_BYTES: usize = 512;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paragraph {
    /// From 1 to 9 when the paragraph is a heading.
    pub heading: Option<usize>,
    pub in_table: bool,
    pub ends_row: bool,
    pub item: Option<Item>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Characters {
    pub style: Style,
    /// Hidden, or deleted with changes tracked.
    pub left_out: bool,
}

/// Runs of equal properties, by the offsets in the file between which they hold.
#[derive(Debug)]
struct Runs<T>(Vec<(u32, u32, T)>);

impl<T: Clone + Default> Runs<T> {
    fn at(&self, offset: u32) -> T {
        let index = self.0.partition_point(|(from, ..)| *from <= offset);
        let run = index.checked_sub(1).and_then(|index| self.0.get(index));
        run.filter(|(_, to, _)| offset < *to).map_or_else(T::default, |(.., value)| value.clone())
    }
}

#[derive(Debug)]
pub(super) struct Properties {
    paragraphs: Runs<Paragraph>,
    characters: Runs<Characters>,
}

impl Properties {
    pub fn read(header: &Header, main: &[u8], table: &[u8]) -> Self {
        Self {
            paragraphs: runs(main, table, header.paragraph_pages, 13, paragraph),
            characters: runs(main, table, header.character_pages, 1, characters),
        }
    }

    /// Whether the file says which paragraphs are in tables.
    pub fn know_tables(&self) -> bool {
        !self.paragraphs.0.is_empty()
    }

    pub fn paragraph(&self, offset: u32) -> Paragraph {
        self.paragraphs.at(offset)
    }

    pub fn characters(&self, offset: u32) -> Characters {
        self.characters.at(offset)
    }
}

/// Reads the pages that an index lists: offsets, one more than there are runs, then `entry_bytes` for each run, the first
/// of which says where on the page its properties lie.
fn runs<T: Clone + Default>(
    main: &[u8],
    table: &[u8],
    (at, length): (usize, usize),
    entry_bytes: usize,
    parse: fn(&[u8]) -> Option<T>,
) -> Runs<T> {
    let index = slice(table, at, length).unwrap_or_default();
    let pages = index.len().saturating_sub(4) / 8;
    let mut found = Vec::new();
    for number in (0..pages).filter_map(|page| size_at(index, 4 * (pages + 1) + 4 * page)) {
        let Some(page) = slice(main, (number & 0x3f_ffff) * PAGE_BYTES, PAGE_BYTES) else { continue };
        let count = usize::from(page[PAGE_BYTES - 1]);
        for run in 0..count {
            let (Some(from), Some(to)) = (u32_at(page, 4 * run), u32_at(page, 4 * run + 4)) else { break };
            let Some(place) = u8_at(page, 4 * (count + 1) + entry_bytes * run) else { break };
            let value = (place != 0).then(|| page.get(2 * usize::from(place)..)).flatten().and_then(parse);
            found.push((from, to, value.unwrap_or_default()));
        }
        // Pages that repeat one another are an attack.
        if found.len() > main.len() {
            break;
        }
    }
    found.sort_by_key(|(from, ..)| *from);
    Runs(found)
}

fn paragraph(bytes: &[u8]) -> Option<Paragraph> {
    let (start, length) = match u8_at(bytes, 0)? {
        0 => (2, 2 * usize::from(u8_at(bytes, 1)?)),
        half => (1, 2 * usize::from(half) - 1),
    };
    let bytes = slice(bytes, start, length)?;
    // Styles 1 to 9 are always the headings of these levels.
    let style = usize::from(u16_at(bytes, 0)?);
    let mut paragraph = Paragraph { heading: (1..=9).contains(&style).then_some(style), ..Paragraph::default() };
    let (mut list, mut level) = (0, 0);
    for (code, operand) in Changes(bytes.get(2..)?) {
        let first = operand.first().copied().unwrap_or(0);
        match code {
            0x2416 => paragraph.in_table = first != 0,
            0x2417 => paragraph.ends_row = first != 0,
            0x260a => level = usize::from(first),
            0x460b => list = u16_at(operand, 0).unwrap_or(0),
            0x2640 if first < 9 => paragraph.heading = Some(usize::from(first) + 1),
            _ => {}
        }
    }
    // A negative number means that the item's indents are its own; -2047 is no list.
    let number = usize::from(list.cast_signed().unsigned_abs());
    paragraph.item = (list != 0 && list != 0xf801).then_some(Item { number, level });
    Some(paragraph)
}

fn characters(bytes: &[u8]) -> Option<Characters> {
    let mut characters = Characters::default();
    for (code, operand) in Changes(slice(bytes, 1, usize::from(u8_at(bytes, 0)?))?) {
        // 128 and 129 mean as in the style, or the opposite of it; the style is taken to be plain.
        let on = matches!(operand.first(), Some(1 | 129));
        match code {
            0x0835 => characters.style.bold = on,
            0x0836 => characters.style.italic = on,
            0x0837 => characters.style.strike = on,
            0x0800 | 0x083c => characters.left_out |= on,
            _ => {}
        }
    }
    Some(characters)
}

/// Property changes: a code that tells the length of what follows, and its operand ([MS-DOC] 2.6).
struct Changes<'a>(&'a [u8]);

impl<'a> Iterator for Changes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = u16_at(self.0, 0)?;
        let rest = &self.0[2..];
        let (start, length) = match code >> 13 {
            0 | 1 => (0, 1),
            3 => (0, 4),
            7 => (0, 3),
            6 if code == 0xd608 => (2, usize::from(u16_at(rest, 0)?).saturating_sub(1)),
            6 => (1, usize::from(u8_at(rest, 0)?)),
            _ => (0, 2),
        };
        let operand = slice(rest, start, length)?;
        self.0 = &rest[start + length..];
        Some((code, operand))
    }
}
