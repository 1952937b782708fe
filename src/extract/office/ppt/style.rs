//! How a text looks: levels and bullets of its paragraphs, bold and italic of its characters ([MS-PPT] 2.9.44).
//!
//! Runs of paragraphs, then runs of characters, each with a length, a mask of what it sets, and the values, which are of
//! different sizes.

use crate::extract::office::bytes::{slice, u16_at, u32_at};

/// What a paragraph may set before its tabs, by the bits and the bytes of each: flags, character, font, size and colour of
/// the bullet, alignment, spacing, margins.
const BEFORE_TABS: [(u32, usize); 12] = [
    (0x000f, 2),
    (0x0080, 2),
    (0x0010, 2),
    (0x0040, 2),
    (0x0020, 4),
    (0x0800, 2),
    (0x1000, 2),
    (0x2000, 2),
    (0x4000, 2),
    (0x0100, 2),
    (0x0400, 2),
    (0x8000, 2),
];

/// What it may set behind them: alignment of the font, wrapping, and the direction of the text.
const BEHIND_TABS: [(u32, usize); 3] = [(0x1_0000, 2), (0xe_0000, 2), (0x20_0000, 2)];

/// What characters may set: flags, four fonts, size, colour and position.
const OF_CHARACTERS: [(u32, usize); 8] = [
    (0xffff, 2),
    (0x1_0000, 2),
    (0x20_0000, 2),
    (0x40_0000, 2),
    (0x80_0000, 2),
    (0x2_0000, 2),
    (0x4_0000, 4),
    (0x8_0000, 2),
];

/// What a run of paragraphs sets of what is of use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ParagraphStyle {
    pub level: usize,
    /// Whether it has a bullet, if the text itself says.
    pub bullet: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CharacterStyle {
    pub bold: bool,
    pub italic: bool,
}

/// Runs, by the units of text at which they end.
#[derive(Debug, Default)]
pub(super) struct Runs<T>(Vec<(usize, T)>);

impl<T: Copy + Default> Runs<T> {
    /// Reads runs until they cover a text and the mark at its end.
    fn read(rest: &mut &[u8], units: usize, parse: fn(&mut &[u8]) -> Option<T>) -> Self {
        let (mut runs, mut end) = (Vec::new(), 0_usize);
        while end <= units {
            let Some(length) = take(rest, 4).and_then(|bytes| u32_at(bytes, 0)) else { break };
            let Some(style) = parse(rest) else { break };
            end = end.saturating_add(length as usize);
            runs.push((end, style));
        }
        Self(runs)
    }

    pub fn at(&self, unit: usize) -> T {
        let index = self.0.partition_point(|(end, _)| *end <= unit);
        self.0.get(index).map_or_else(T::default, |(_, style)| *style)
    }
}

/// The styles of a text of so many units.
pub(super) fn styles(mut atom: &[u8], units: usize) -> (Runs<ParagraphStyle>, Runs<CharacterStyle>) {
    (Runs::read(&mut atom, units, paragraph), Runs::read(&mut atom, units, character))
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let taken = slice(rest, 0, bytes)?;
    *rest = &rest[bytes..];
    Some(taken)
}

/// Takes the values that a mask names, of which each has its bits and its size; gives that of the first.
fn take_values(rest: &mut &[u8], mask: u32, values: &[(u32, usize)]) -> Option<u16> {
    let mut first = 0;
    for (index, (bits, bytes)) in values.iter().enumerate() {
        if mask & bits != 0 {
            let value = take(rest, *bytes)?;
            first = if index == 0 { u16_at(value, 0)? } else { first };
        }
    }
    Some(first)
}

fn paragraph(rest: &mut &[u8]) -> Option<ParagraphStyle> {
    let head = take(rest, 6)?;
    let (level, mask) = (usize::from(u16_at(head, 0)?), u32_at(head, 2)?);
    let flags = take_values(rest, mask, &BEFORE_TABS)?;
    if mask & 0x10_0000 != 0 {
        let tabs = take(rest, 2).and_then(|bytes| u16_at(bytes, 0))?;
        take(rest, 4 * usize::from(tabs))?;
    }
    take_values(rest, mask, &BEHIND_TABS)?;
    Some(ParagraphStyle { level, bullet: (mask & 1 != 0).then_some(flags & 1 != 0) })
}

fn character(rest: &mut &[u8]) -> Option<CharacterStyle> {
    let mask = take(rest, 4).and_then(|bytes| u32_at(bytes, 0))?;
    let flags = take_values(rest, mask, &OF_CHARACTERS)?;
    let on = |bit: u16| mask & u32::from(bit) != 0 && flags & bit != 0;
    Some(CharacterStyle { bold: on(1), italic: on(2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mask of paragraphs with a bullet's flags, spacing, one tab and a direction.
    const PARAGRAPH_MASK: u32 = 0x30_1001;

    fn atom() -> Vec<u8> {
        let paragraph = |length: u32, level: u16, bullet: u16| {
            let head = [&length.to_le_bytes()[..], &level.to_le_bytes(), &PARAGRAPH_MASK.to_le_bytes()].concat();
            [head, bullet.to_le_bytes().to_vec(), vec![9, 9, 1, 0, 8, 8, 8, 8, 7, 7]].concat()
        };
        let character = |length: u32, flags: u16| {
            [&length.to_le_bytes()[..], &0x5_0003_u32.to_le_bytes(), &flags.to_le_bytes(), &[6; 6]].concat()
        };
        [paragraph(4, 0, 1), paragraph(3, 2, 0), character(2, 1), character(5, 2)].concat()
    }

    #[test]
    fn runs_set_what_their_masks_name() {
        let (paragraphs, characters) = styles(&atom(), 6);
        assert_eq!(paragraphs.at(3), ParagraphStyle { level: 0, bullet: Some(true) });
        assert_eq!(paragraphs.at(4), ParagraphStyle { level: 2, bullet: Some(false) });
        assert_eq!(characters.at(1), CharacterStyle { bold: true, italic: false });
        assert_eq!(characters.at(2), CharacterStyle { bold: false, italic: true });
        assert_eq!(paragraphs.at(7), ParagraphStyle::default());
    }

    #[test]
    fn runs_that_break_off_set_nothing() {
        let atom = atom();
        for length in 0..atom.len() {
            let (paragraphs, characters) = styles(&atom[..length], 6);
            assert!(paragraphs.0.len() <= 2 && characters.0.len() <= 1);
        }
    }
}
