//! Lists, and the numbers of their items ([MS-DOC], `PlfLst`, `LVLF`, `PlfLfo` and `LFOLVL`).
//!
//! A paragraph names an override, which names a list and may change its levels. Items count on through all overrides of
//! a list, but for those that start anew.

use std::collections::{HashMap, HashSet};

use super::header::Header;
use crate::extract::markdown::numbering::{Counter, Format, LEVELS, Level};
use crate::extract::office::bytes::{size_at, slice, u8_at, u16_at, u32_at};

const LIST_BYTES: usize = 28;
const LEVEL_BYTES: usize = 28;
const OVERRIDE_BYTES: usize = 16;

/// What makes a paragraph an item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    /// The override, counted from 1.
    pub number: usize,
    /// From 0.
    pub level: usize,
}

#[derive(Debug, Default)]
pub(super) struct Lists {
    levels: HashMap<u32, Vec<Level>>,
    overrides: Vec<Override>,
    counters: HashMap<u32, Counter>,
    /// The overrides, with their levels, that have started anew.
    restarted: HashSet<(usize, usize)>,
}

/// A use of a list.
#[derive(Debug)]
struct Override {
    list: u32,
    levels: HashMap<usize, Level>,
    restarts: HashSet<usize>,
}

impl Lists {
    pub fn read(header: &Header, table: &[u8]) -> Self {
        let mut lists = Self::default();
        // What is damaged ends the reading, and the items after it are not numbered.
        if lists.read_lists(table, header.lists).is_some() {
            lists.read_overrides(table, header.overrides);
        }
        lists
    }

    /// The lists stand together, and their levels behind all of them.
    fn read_lists(&mut self, table: &[u8], (at, length): (usize, usize)) -> Option<()> {
        let count = usize::from(u16_at(slice(table, at, length)?, 0)?);
        let heads = slice(table, at + 2, count * LIST_BYTES)?;
        let mut rest = table.get(at + 2 + heads.len()..)?;
        for head in heads.chunks_exact(LIST_BYTES) {
            let is_simple = u8_at(head, 26)? & 1 != 0;
            let levels = (0..if is_simple { 1 } else { LEVELS }).map(|_| take_level(&mut rest));
            self.levels.insert(u32_at(head, 0)?, levels.collect::<Option<_>>()?);
        }
        Some(())
    }

    /// The overrides stand together, and the levels that they change behind all of them.
    fn read_overrides(&mut self, table: &[u8], (at, length): (usize, usize)) -> Option<()> {
        let bytes = slice(table, at, length)?;
        let heads = slice(bytes, 4, size_at(bytes, 0)?.checked_mul(OVERRIDE_BYTES)?)?;
        let mut rest = bytes.get(4 + heads.len()..)?;
        for head in heads.chunks_exact(OVERRIDE_BYTES) {
            let list = u32_at(head, 0)?;
            self.overrides.push(Override { list, levels: HashMap::new(), restarts: HashSet::new() });
        }
        for (head, number) in heads.chunks_exact(OVERRIDE_BYTES).zip(0..) {
            rest = rest.get(4..)?;
            for _ in 0..u8_at(head, 12)? {
                self.read_change(number, &mut rest)?;
            }
        }
        Some(())
    }

    /// A level that an override changes: it may start anew, look different, or both.
    fn read_change(&mut self, number: usize, rest: &mut &[u8]) -> Option<()> {
        let (start, flags) = (u32_at(rest, 0)?, u8_at(rest, 4)?);
        *rest = rest.get(8..)?;
        let depth = usize::from(flags & 0x0f);
        let (restarts, is_redefined) = (flags & 0x10 != 0, flags & 0x20 != 0);
        let change = self.overrides.get_mut(number)?;
        if is_redefined {
            change.levels.insert(depth, take_level(rest)?);
        } else if let Some(level) = self.levels.get(&change.list).and_then(|levels| levels.get(depth)) {
            let start = if restarts { start } else { level.start };
            change.levels.insert(depth, Level { format: level.format, start });
        }
        if restarts {
            change.restarts.insert(depth);
        }
        Some(())
    }

    /// The mark of the next item, and how its level is marked; none when the file does not say.
    pub fn mark(&mut self, Item { number, level: depth }: Item) -> Option<(Format, String)> {
        let change = self.overrides.get(number.checked_sub(1)?)?;
        let level = change.levels.get(&depth).or_else(|| self.levels.get(&change.list)?.get(depth))?;
        let counter = self.counters.entry(change.list).or_default();
        if change.restarts.contains(&depth) && self.restarted.insert((number, depth)) {
            counter.restart(depth);
        }
        Some((level.format, counter.next(depth, level)))
    }
}

/// Takes a level: its head, properties of paragraphs and characters, and the text round the number.
fn take_level(rest: &mut &[u8]) -> Option<Level> {
    let head = slice(rest, 0, LEVEL_BYTES)?;
    let properties = usize::from(u8_at(head, 24)?) + usize::from(u8_at(head, 25)?);
    let text_at = LEVEL_BYTES + properties;
    let units = usize::from(u16_at(rest, text_at)?);
    *rest = rest.get(text_at + 2 + 2 * units..)?;
    let format = match u8_at(head, 4)? {
        0xff => Format::None,
        23 => Format::Bullet,
        // Without a text there is no room for a number.
        _ if units == 0 => Format::None,
        1 => Format::UpperRoman,
        2 => Format::LowerRoman,
        3 => Format::UpperLetter,
        4 => Format::LowerLetter,
        _ => Format::Decimal,
    };
    Some(Level { format, start: u32_at(head, 0)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(start: u32, format: u8) -> Vec<u8> {
        let mut level = vec![0; LEVEL_BYTES];
        level[..4].copy_from_slice(&start.to_le_bytes());
        level[4] = format;
        level[24] = 3;
        // Properties of three bytes, and a text of two units.
        level.extend([0xaa, 0xaa, 0xaa, 2, 0, 0, 0, b'.', 0]);
        level
    }

    /// Two lists, of nine levels and of one, and three overrides, of which the second starts the first list anew.
    fn lists() -> Lists {
        let list = |id: u32, is_simple: u8| {
            let mut head = vec![0; LIST_BYTES];
            head[..4].copy_from_slice(&id.to_le_bytes());
            head[26] = is_simple;
            head
        };
        let mut table = [vec![2, 0], list(70, 0), list(80, 1)].concat();
        let lists_end = table.len();
        table.extend([level(1, 0), level(3, 2)].concat());
        table.extend((2..LEVELS).flat_map(|_| level(1, 0)));
        table.extend(level(1, 23));
        let overrides_at = table.len();
        let head = |id: u32, changes: u8| {
            let mut head = vec![0; OVERRIDE_BYTES];
            head[..4].copy_from_slice(&id.to_le_bytes());
            head[12] = changes;
            head
        };
        table.extend([vec![3, 0, 0, 0], head(70, 0), head(70, 1), head(80, 0), vec![0xff; 4], vec![0xff; 4]].concat());
        table.extend([5, 0, 0, 0, 0x10, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        let mut lists = Lists::default();
        lists.read_lists(&table, (0, lists_end)).unwrap();
        lists.read_overrides(&table, (overrides_at, table.len() - overrides_at)).unwrap();
        lists
    }

    #[test]
    fn items_count_on_until_an_override_starts_anew() {
        let mut lists = lists();
        let items = [(1, 0), (1, 1), (1, 0), (2, 0), (2, 0), (1, 0), (3, 0), (4, 0), (3, 1)];
        let marks: Vec<Option<String>> =
            items.into_iter().map(|(number, level)| Some(lists.mark(Item { number, level })?.1)).collect();
        let marks: Vec<&str> = marks.iter().map(|mark| mark.as_deref().unwrap_or("none")).collect();
        assert_eq!(marks, ["1.", "iii.", "2.", "5.", "6.", "7.", "-", "none", "none"]);
    }
}
