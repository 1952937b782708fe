//! Tables and their cells.

use super::Reader;
use crate::extract::ExtractError;
use crate::extract::markdown::cells;
use crate::extract::xml::Element;

impl Reader<'_, '_> {
    pub(super) fn table(&mut self, table: Element<'_>) -> Result<(), ExtractError> {
        let rows = rows(table);
        // A table of one cell is a frame round text, not a table.
        if let [row] = rows.as_slice()
            && let [cell] = row_cells(*row).as_slice()
        {
            return self.blocks(*cell);
        }
        let mut out = Vec::new();
        for row in rows {
            self.room.step(self.writer.len())?;
            let mut line = Vec::new();
            for cell in row_cells(row) {
                let properties = cell.child("tcPr");
                let property = |name: &str| properties.and_then(|properties| properties.child(name));
                let span =
                    property("gridSpan").and_then(|e| e.attr("val")).and_then(|span| span.parse().ok()).unwrap_or(1);
                let continues =
                    property("vMerge").is_some_and(|merge| merge.attr("val").is_none_or(|val| val != "restart"));
                let text = if continues { String::new() } else { self.cell(cell) };
                cells::push(&mut line, text, span);
            }
            out.push(line);
        }
        self.writer.table(&out);
        Ok(())
    }

    /// A cell's paragraphs, one a line; a table inside it gives a line for each row.
    pub(super) fn cell(&mut self, cell: Element<'_>) -> String {
        let mut lines = Vec::new();
        for element in cell.elements() {
            match element.name() {
                "p" => {
                    let content = self.content(element);
                    lines.push(content.inline.markdown());
                    for anchored in content.anchored {
                        match self.graphics.at(anchored, &self.relationships) {
                            Some(graphic) => lines.extend(graphic.lines()),
                            None => lines.push(self.cell(anchored)),
                        }
                    }
                }
                "tbl" => {
                    for row in rows(element) {
                        let cells: Vec<String> = row_cells(row).into_iter().map(|cell| self.cell(cell)).collect();
                        lines.push(cells.join(" "));
                    }
                }
                "sdt" | "sdtContent" | "ins" | "smartTag" | "customXml" => lines.push(self.cell(element)),
                _ => {}
            }
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }
}

fn rows(table: Element<'_>) -> Vec<Element<'_>> {
    unwrapped(table, "tr")
}

fn row_cells(row: Element<'_>) -> Vec<Element<'_>> {
    unwrapped(row, "tc")
}

/// Children of a name, also inside content controls and inserted parts.
fn unwrapped<'t>(parent: Element<'t>, name: &str) -> Vec<Element<'t>> {
    let mut found = Vec::new();
    for element in parent.elements() {
        if element.is(name) {
            found.push(element);
        } else if ["sdt", "sdtContent", "ins", "customXml", "smartTag"].contains(&element.name()) {
            found.extend(unwrapped(element, name));
        }
    }
    found
}
