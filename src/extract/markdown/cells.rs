//! Puts cells at their columns: merged ones, and those of sheets that are blank for the most part.

use std::collections::{BTreeMap, BTreeSet};

/// Appends a cell that spans `span` columns; the columns after its first stay blank.
pub(crate) fn push(row: &mut Vec<String>, text: String, span: usize) {
    /// A span beyond this is an error in the file, and would only cost memory.
    const SPAN_MAX: usize = 256;
    row.push(text);
    row.extend(std::iter::repeat_n(String::new(), span.clamp(1, SPAN_MAX) - 1));
}

/// The cells of a sheet that are not blank, with their rows and columns.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    cells: Vec<(u32, u32, String)>,
    text_bytes: usize,
}

impl Sheet {
    /// Puts a cell at its place. A blank one takes none.
    pub fn insert(&mut self, row: u32, column: u32, text: String) {
        if !text.trim().is_empty() {
            self.text_bytes += text.len();
            self.cells.push((row, column, text));
        }
    }

    /// The bytes of all texts so far: a text that many cells share counts for each of them.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Rows whose cells stand under one another, without blank rows and columns: sheets often begin a few in.
    pub fn into_table(mut self) -> Vec<Vec<String>> {
        self.cells.sort_by_key(|(row, column, _)| (*row, *column));
        let columns: BTreeSet<u32> = self.cells.iter().map(|(_, column, _)| *column).collect();
        let places: BTreeMap<u32, usize> = columns.into_iter().zip(0..).collect();
        let mut table: Vec<Vec<String>> = Vec::new();
        let mut last = None;
        for (row, column, text) in self.cells {
            if last != Some(row) {
                table.push(Vec::new());
                last = Some(row);
            }
            let line = table.last_mut().expect("a line was just begun for this row");
            // Of two cells at one place the later one stands.
            line.truncate(places[&column]);
            line.resize(places[&column], String::new());
            line.push(text);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_columns_vanish_and_others_stay_under_one_another() {
        let mut sheet = Sheet::default();
        sheet.insert(7, 9, "c".to_owned());
        sheet.insert(3, 2, "a".to_owned());
        sheet.insert(3, 9, "b".to_owned());
        sheet.insert(4, 1, " ".to_owned());
        assert_eq!(sheet.into_table(), [vec!["a", "b"], vec!["", "c"]]);
    }
}
