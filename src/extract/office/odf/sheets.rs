//! The sheets of a spreadsheet, each under its name, with the text that its cells show.

use super::tables::rows_of;
use super::{Extracted, Reader};
use crate::extract::ExtractError;
use crate::extract::markdown::cells::Sheet;
use crate::extract::xml::Element;

impl Reader<'_, '_> {
    pub(super) fn sheets(&mut self, body: Element<'_>, extracted: &mut Extracted) -> Result<(), ExtractError> {
        let sheets = body.find_all("table");
        extracted.pages = u32::try_from(sheets.len()).ok();
        for (index, sheet) in sheets.into_iter().enumerate() {
            let mark = self.writer.mark();
            let done =
                if index < self.room.limits.pages_max { self.sheet(sheet) } else { Err(ExtractError::TooManyPages) };
            if let Err(error) = done {
                self.writer.rewind(mark);
                extracted.end_at(error, self.writer.len() > 0)?;
                break;
            }
        }
        Ok(())
    }

    fn sheet(&mut self, sheet: Element<'_>) -> Result<(), ExtractError> {
        self.writer.heading(2, &sheet.attr("name").unwrap_or_default());
        let mut cells = Sheet::default();
        let mut number = 0_u32;
        for row in rows_of(sheet) {
            let next = number.saturating_add(repeated(row, "number-rows-repeated"));
            let shown = self.sheet_row(row)?;
            // Blank rows are repeated to the end of the sheet.
            for number in (number..next).take_while(|_| !shown.is_empty()) {
                self.room.stock.take_cells(shown.len())?;
                for (column, text) in &shown {
                    cells.insert(number, *column, text.clone());
                }
                self.room.step(self.writer.len() + cells.text_bytes())?;
            }
            number = next;
        }
        self.writer.table(&cells.into_table());
        // Pictures and boxes that lie on the sheet.
        if let Some(shapes) = sheet.child("shapes") {
            self.blocks(shapes)?;
        }
        self.room.step(self.writer.len())
    }

    /// The cells of a row that are not blank, by their columns.
    fn sheet_row(&mut self, row: Element<'_>) -> Result<Vec<(u32, String)>, ExtractError> {
        let mut cells = Vec::new();
        let mut column = 0_u32;
        for cell in row.elements() {
            let next = column.saturating_add(repeated(cell, "number-columns-repeated"));
            let text = if cell.is("table-cell") { self.cell_shown(cell) } else { String::new() };
            let mut bytes = 0;
            for column in (column..next).take_while(|_| !text.is_empty()) {
                self.room.stock.take_cells(1)?;
                bytes += text.len();
                self.room.step(bytes)?;
                cells.push((column, text.clone()));
            }
            column = next;
        }
        Ok(cells)
    }

    /// What a cell shows, or its value when nothing is said of how it looks.
    fn cell_shown(&mut self, cell: Element<'_>) -> String {
        let text = self.cell(cell);
        if !text.is_empty() {
            return text;
        }
        let value = ["value", "date-value", "time-value", "string-value", "boolean-value"]
            .into_iter()
            .find_map(|key| cell.attr(key));
        value.map_or(String::new(), std::borrow::Cow::into_owned)
    }
}

fn repeated(element: Element<'_>, key: &str) -> u32 {
    element.attr(key).and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use crate::extract::media::ODS;
    use crate::extract::tests::{packed, read};
    use crate::extract::{ExtractError, Limits, extract};

    fn workbook(rows: &str) -> Vec<u8> {
        let content = format!(
            "<office:document-content><office:body><office:spreadsheet><table:table table:name=\"First\">{rows}\
             </table:table></office:spreadsheet></office:body></office:document-content>"
        );
        packed(&[("content.xml", content.as_bytes())])
    }

    #[test]
    fn cells_are_shown_and_repeated() {
        let rows = r#"<table:table-row><table:table-cell table:number-columns-repeated="3"/>
            <table:table-cell office:date-value="2021-01-01"><text:p>01/01/21</text:p><text:p>noon</text:p></table:table-cell>
            <table:table-cell office:value="7"/></table:table-row>
            <table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="4"/>
            <table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>
            <table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>"#;
        let extracted = read(&workbook(rows), ODS);
        assert_eq!(extracted.text, "## First\n\n| 01/01/21 noon | 7 |\n| --- | --- |\n|  | x |\n|  | x |\n");
    }

    #[test]
    fn cells_over_the_limit_are_an_error() {
        let rows = r#"<table:table-row table:number-rows-repeated="1048576">
            <table:table-cell table:number-columns-repeated="1024"><text:p>x</text:p></table:table-cell></table:table-row>"#;
        let limits = Limits { cells_max: 10_000, ..Limits::default() };
        assert_eq!(extract(&workbook(rows), ODS, &limits, &mut || ()), Err(ExtractError::TooManyCells));
    }
}
