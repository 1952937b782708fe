//! Tables: those of data as Markdown tables, those that lay out a page as their blocks.

use super::Walker;
use super::blocks::{BLOCKS, DEPTH_MAX, SKIPPED};
use crate::extract::ExtractError;
use crate::extract::markdown::{Style, cells};
use crate::extract::web::dom::Kind;

impl Walker<'_, '_, '_> {
    /// A table of data becomes one; a table that lays out blocks becomes its blocks.
    pub(super) fn table(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        let rows = self.rows(id);
        let widest = rows.iter().map(|row| self.cells(*row).len()).max().unwrap_or(0);
        let lays_out = page.descendants(id).any(|inner| {
            matches!(
                page.name(inner),
                Some("table" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "blockquote" | "pre" | "form")
            )
        });
        if lays_out || widest < 2 {
            return self.layout(id, style, depth);
        }
        if let Some(caption) = page.nodes[id].children.iter().find(|child| page.name(**child) == Some("caption")) {
            self.children(*caption, style, depth)?;
            self.flush();
        }
        let mut out: Vec<Vec<String>> = Vec::new();
        // Rows that a cell of an earlier row still covers, by column.
        let mut covered: Vec<usize> = Vec::new();
        for row in rows {
            self.room.step(self.writer.len())?;
            let mut line: Vec<String> = Vec::new();
            for cell in self.cells(row) {
                Self::skip_covered(&mut line, &mut covered);
                let number =
                    |key: &str| page.attr(cell, key).and_then(|value| value.trim().parse().ok()).unwrap_or(1_usize);
                let (columns, height) = (number("colspan").clamp(1, 256), number("rowspan").clamp(1, 4096));
                let outer = std::mem::take(&mut self.inline);
                self.cell(cell, style, depth)?;
                let text = std::mem::replace(&mut self.inline, outer).markdown();
                covered.resize(covered.len().max(line.len() + columns), 0);
                covered[line.len()..line.len() + columns].fill(height - 1);
                cells::push(&mut line, text, columns);
            }
            Self::skip_covered(&mut line, &mut covered);
            out.push(line);
        }
        self.writer.table(&out);
        Ok(())
    }

    fn skip_covered(line: &mut Vec<String>, covered: &mut [usize]) {
        while let Some(rows) = covered.get_mut(line.len()).filter(|rows| **rows > 0) {
            *rows -= 1;
            line.push(String::new());
        }
    }

    /// The text of a cell on one line: its blocks are set apart by spaces.
    fn cell(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        if depth > DEPTH_MAX {
            self.inline.push(style, &page.text(id));
            return Ok(());
        }
        for child in &page.nodes[id].children {
            match page.name(*child) {
                None => {
                    if let Kind::Text(text) = &page.nodes[*child].kind {
                        self.text(style, text);
                    }
                }
                Some(name) if SKIPPED.contains(&name) => {}
                Some(name) if BLOCKS.contains(&name) => {
                    self.inline.push(style, " ");
                    self.cell(*child, style, depth + 1)?;
                    self.inline.push(style, " ");
                }
                Some(name) => self.phrase(*child, name, style, depth + 1)?,
            }
        }
        Ok(())
    }

    fn layout(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        for child in &page.nodes[id].children {
            match page.name(*child) {
                Some("thead" | "tbody" | "tfoot" | "tr") if depth < DEPTH_MAX => {
                    self.layout(*child, style, depth + 1)?;
                }
                Some(_) => {
                    self.flush();
                    self.children(*child, style, depth + 1)?;
                    self.flush();
                }
                None => {}
            }
        }
        Ok(())
    }

    fn rows(&self, table: usize) -> Vec<usize> {
        let mut rows = Vec::new();
        for child in &self.page.nodes[table].children {
            match self.page.name(*child) {
                Some("tr") => rows.push(*child),
                Some("thead" | "tbody" | "tfoot") => {
                    let inner = self.page.nodes[*child].children.iter().copied();
                    rows.extend(inner.filter(|row| self.page.name(*row) == Some("tr")));
                }
                _ => {}
            }
        }
        rows
    }

    fn cells(&self, row: usize) -> Vec<usize> {
        let children = self.page.nodes[row].children.iter().copied();
        children.filter(|cell| matches!(self.page.name(*cell), Some("td" | "th"))).collect()
    }
}
