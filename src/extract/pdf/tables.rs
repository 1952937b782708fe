//! Tables: lines whose cells stand under one another.

use std::ops::Range;

use super::lines::Line;

/// A table of fewer lines is a coincidence, unless these have several cells.
const ROWS_MIN: usize = 3;
const COLUMNS_OF_TWO_ROWS_MIN: usize = 3;
const COLUMNS_MAX: usize = 40;

/// Lines of a column, in parts.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Text(Range<usize>),
    Table(Vec<Vec<String>>),
}

/// Parts a column into running text and tables.
pub(super) fn parts(lines: &[Line]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text_from = 0;
    let mut at = 0;
    while at < lines.len() {
        let end = at + run(&lines[at..]);
        match table(&lines[at..end]) {
            Some(rows) => {
                if text_from < at {
                    parts.push(Part::Text(text_from..at));
                }
                parts.push(Part::Table(rows));
                text_from = end;
                at = end;
            }
            None => at = end.max(at + 1),
        }
    }
    if text_from < lines.len() {
        parts.push(Part::Text(text_from..lines.len()));
    }
    parts
}

/// How many lines from the first on could be a table: each has cells, and none stands far below the one before.
fn run(lines: &[Line]) -> usize {
    let mut length = 0;
    while let Some(line) = lines.get(length).filter(|line| line.cells.len() > 1) {
        let far = length.checked_sub(1).is_some_and(|before| line.y - lines[before].y > 3.5 * line.size);
        if far {
            break;
        }
        length += 1;
    }
    length
}

/// The rows of a table, or none when the cells do not stand under one another.
fn table(lines: &[Line]) -> Option<Vec<Vec<String>>> {
    let cells = lines.iter().map(|line| line.cells.len()).min().unwrap_or(0);
    if lines.len() < ROWS_MIN && (lines.len() < 2 || cells < COLUMNS_OF_TWO_ROWS_MIN) {
        return None;
    }
    let columns = columns(lines);
    if !(2..=COLUMNS_MAX).contains(&columns.len()) {
        return None;
    }
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let mut row = vec![String::new(); columns.len()];
        for cell in &line.cells {
            let middle = f64::midpoint(cell.left, cell.right);
            let column = columns.iter().position(|(_, right)| middle <= *right).unwrap_or(columns.len() - 1);
            if !row[column].is_empty() {
                row[column].push(' ');
            }
            row[column].push_str(&cell.text);
        }
        rows.push(row);
    }
    let filled = rows.iter().filter(|row| row.iter().filter(|cell| !cell.is_empty()).count() > 1).count();
    (filled * 4 >= rows.len() * 3).then_some(rows)
}

/// The spans that cells cover together, from left to right, with nothing between them.
fn columns(lines: &[Line]) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> =
        lines.iter().flat_map(|line| &line.cells).map(|cell| (cell.left, cell.right)).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for (left, right) in spans {
        match columns.last_mut() {
            Some(last) if left <= last.1 => last.1 = last.1.max(right),
            _ => columns.push((left, right)),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::super::lines::Cell;
    use super::*;

    fn line(y: f64, cells: &[(f64, &str)]) -> Line {
        let cells: Vec<Cell> = cells
            .iter()
            .map(|(left, text)| Cell { text: (*text).to_owned(), left: *left, right: left + 20.0 })
            .collect();
        Line { left: 0.0, right: 100.0, y, size: 10.0, cells }
    }

    #[test]
    fn aligned_cells_are_a_table() {
        let lines = [
            line(0.0, &[(0.0, "running text")]),
            line(12.0, &[(0.0, "a"), (50.0, "b")]),
            line(24.0, &[(2.0, "c"), (55.0, "d")]),
            line(36.0, &[(0.0, "e"), (50.0, "f")]),
        ];
        let rows = vec![
            vec!["a".to_owned(), "b".to_owned()],
            vec!["c".to_owned(), "d".to_owned()],
            vec!["e".to_owned(), "f".to_owned()],
        ];
        assert_eq!(parts(&lines), [Part::Text(0..1), Part::Table(rows)]);
    }

    #[test]
    fn wide_spaces_here_and_there_are_no_table() {
        let lines = [
            line(0.0, &[(0.0, "a"), (30.0, "b")]),
            line(12.0, &[(15.0, "c"), (45.0, "d")]),
            line(24.0, &[(0.0, "e"), (60.0, "f")]),
        ];
        assert_eq!(parts(&lines).len(), 1);
    }
}
