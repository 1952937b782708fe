//! What commands print for people: columns that stand under one another, and names that do nothing to a terminal.

use std::io::{self, ErrorKind, Write as _};

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::CliError;

/// Between two columns.
const GAP: &str = "  ";

/// A table: its head, and rows with as many cells. Numbers are set to the right.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
    to_the_right: [bool; COLUMNS],
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// An empty one under this head; a column whose name begins with `>` is set to the right.
    pub fn new(head: [&str; COLUMNS]) -> Self {
        let to_the_right = head.map(|name| name.starts_with('>'));
        Self { rows: vec![head.map(|name| name.trim_start_matches('>').to_owned())], to_the_right }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| harmless(&cell)));
    }

    /// The table as lines.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let widths: [usize; COLUMNS] =
            std::array::from_fn(|column| self.rows.iter().map(|row| row[column].width()).max().unwrap_or(0));
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.width());
                let [before, after] = if self.to_the_right[column] { [&*padding, ""] } else { ["", &*padding] };
                line.extend([before, cell, after, GAP]);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A name as it can be shown: what would move the cursor, colour the terminal or turn the text around is spelt out.
pub fn harmless(name: &str) -> String {
    let turns = |char: char| matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut text = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_control() || turns(char) {
            text.extend(char.escape_default());
        } else {
            text.push(char);
        }
    }
    text
}

/// `1 file`, `2 files`.
pub fn counted(count: usize, noun: &str) -> String {
    let ending = match (count, noun) {
        (1, _) => "",
        (_, "batch") => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// Writes to standard output. A reader who has seen enough and left is no failure.
pub fn print(text: &str) -> Result<(), CliError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Writes JSON to standard output, laid out for reading.
pub fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
    print(&(text + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_one_another_whatever_their_script() {
        let mut table = Table::new(["STATE", ">TOKENS", "FILE"]);
        table.row(["succeeded".into(), "7".into(), "日本.txt".into()]);
        table.row(["日本".into(), "1234567".into(), String::new()]);
        assert_eq!(table.text(), "STATE       TOKENS  FILE\nsucceeded        7  日本.txt\n日本       1234567\n");
    }

    #[test]
    fn a_hostile_name_is_spelt_out() {
        assert_eq!(harmless("a\u{1b}[31m\nb\u{202e}c é"), "a\\u{1b}[31m\\nb\\u{202e}c é");
    }
}
