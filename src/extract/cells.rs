//! Merged cells: puts each cell of a row at its column, with blanks where a merged one reaches.

/// Appends a cell that spans `span` columns; the columns after its first stay blank.
pub(super) fn push(row: &mut Vec<String>, text: String, span: usize) {
    /// A span beyond this is an error in the file, and would only cost memory.
    const SPAN_MAX: usize = 256;
    row.push(text);
    row.extend(std::iter::repeat_n(String::new(), span.clamp(1, SPAN_MAX) - 1));
}
