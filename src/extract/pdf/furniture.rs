//! Page furniture: a header or footer that stands word for word on many pages counts once.
//!
//! Lines with the number of the page in them stay: what counts pages cannot be told from other numbers for sure.

use std::collections::BTreeMap;

use super::document::PageText;
use super::lines::Line;

/// Lines from the edge of a page that may be furniture.
const DEPTH: usize = 2;
const PAGES_MIN: usize = 3;

/// Where a line stands: its page, column and place in it.
type Place = (usize, usize, usize);

/// Removes what repeats at the edges of pages, but for the first time.
pub(super) fn remove(pages: &mut [PageText]) {
    let mut groups: BTreeMap<(String, i64), Vec<Place>> = BTreeMap::new();
    for (index, page) in pages.iter().enumerate() {
        for (place, line) in edges(index, page) {
            groups.entry((line.text(), quarter_lines(line))).or_default().push(place);
        }
    }
    let mut doomed: Vec<Place> = groups.into_values().flat_map(|places| repeated(&places)).collect();
    // From the end, so that the places of the others stay right.
    doomed.sort_unstable_by(|a, b| b.cmp(a));
    for (page, column, line) in doomed {
        pages[page].columns[column].lines.remove(line);
    }
}

/// The lines at the top and at the bottom of a page.
fn edges(index: usize, page: &PageText) -> Vec<(Place, &Line)> {
    let mut lines: Vec<(Place, &Line)> = Vec::new();
    for (column, content) in page.columns.iter().enumerate().filter(|(_, column)| column.angle == 0) {
        lines.extend(content.lines.iter().enumerate().map(|(line, content)| ((index, column, line), content)));
    }
    lines.sort_by(|a, b| a.1.y.total_cmp(&b.1.y));
    let last_top = DEPTH.min(lines.len());
    let first_bottom = lines.len().saturating_sub(DEPTH).max(last_top);
    lines.drain(last_top..first_bottom);
    lines
}

#[expect(clippy::cast_possible_truncation, reason = "places on a page are bounded")]
fn quarter_lines(line: &Line) -> i64 {
    (line.y / 4.0).round() as i64
}

/// The places to leave out: all but the first, when they are on at least a third of the pages between them.
fn repeated(places: &[Place]) -> Vec<Place> {
    let (Some((first, ..)), Some((last, ..))) = (places.first(), places.last()) else { return Vec::new() };
    let mut pages: Vec<usize> = places.iter().map(|(page, ..)| *page).collect();
    pages.dedup();
    if pages.len() < PAGES_MIN || pages.len() < places.len() || pages.len() * 3 < last - first + 1 {
        return Vec::new();
    }
    places[1..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::document::Column;
    use super::super::lines::Cell;
    use super::*;

    fn page(lines: &[(f64, String)]) -> PageText {
        let line = |(y, text): &(f64, String)| Line {
            cells: vec![Cell { text: text.clone(), left: 0.0, right: 50.0 }],
            left: 0.0,
            right: 50.0,
            y: *y,
            size: 10.0,
        };
        let columns = vec![Column { angle: 0, lines: lines.iter().map(line).collect() }];
        PageText { columns, ..PageText::default() }
    }

    #[test]
    fn header_counts_once_and_what_differs_stays() {
        let number = |number: usize| {
            page(&[
                (10.0, "The Report".to_owned()),
                (100.0, format!("text {number}")),
                (300.0, "the same in the middle".to_owned()),
                (400.0, format!("more {number}")),
                (800.0, format!("Page {number} of 4")),
            ])
        };
        let mut pages: Vec<PageText> = (1..=4).map(number).collect();
        remove(&mut pages);
        let texts = |page: &PageText| page.columns[0].lines.iter().map(Line::text).collect::<Vec<_>>();
        assert_eq!(texts(&pages[0])[0], "The Report");
        assert_eq!(texts(&pages[3]), ["text 4", "the same in the middle", "more 4", "Page 4 of 4"]);
    }
}
