//! Tables and their cells.

use super::Reader;
use crate::extract::ExtractError;
use crate::extract::markdown::cells;
use crate::extract::xml::Element;

impl Reader<'_, '_> {
    pub(super) fn table(&mut self, table: Element<'_>) -> Result<(), ExtractError> {
        let mut rows = Vec::new();
        for row in rows_of(table) {
            self.room.step(self.writer.len())?;
            let mut line = Vec::new();
            for cell in row.elements() {
                let number = |key: &str| cell.attr(key).and_then(|value| value.parse().ok()).unwrap_or(1_usize);
                // Covered cells are there and count for themselves, so a span needs no blanks of its own.
                match cell.name() {
                    "table-cell" => {
                        let text = self.cell(cell);
                        let repeated = number("number-columns-repeated");
                        let copies = if text.is_empty() { repeated } else { repeated.min(64) };
                        for _ in 1..copies.min(256) {
                            cells::push(&mut line, text.clone(), 1);
                        }
                        cells::push(&mut line, text, 1);
                    }
                    "covered-table-cell" => cells::push(&mut line, String::new(), number("number-columns-repeated")),
                    _ => {}
                }
            }
            rows.push(line);
        }
        self.writer.table(&rows);
        Ok(())
    }

    /// The paragraphs of a cell or note, one a line.
    pub(super) fn cell(&mut self, cell: Element<'_>) -> String {
        let mut lines = Vec::new();
        for element in cell.elements() {
            match element.name() {
                "p" | "h" => {
                    let content = self.content(element);
                    lines.push(content.inline.markdown());
                    for frame in content.frames {
                        lines.push(self.cell(frame));
                    }
                }
                "annotation" => {}
                _ => lines.push(self.cell(element)),
            }
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }
}

/// The rows of a table, also those in groups and in its head.
pub(super) fn rows_of(table: Element<'_>) -> Vec<Element<'_>> {
    let mut rows = Vec::new();
    for element in table.elements() {
        match element.name() {
            "table-row" => rows.push(element),
            "table-header-rows" | "table-rows" | "table-row-group" => rows.extend(rows_of(element)),
            _ => {}
        }
    }
    rows
}
