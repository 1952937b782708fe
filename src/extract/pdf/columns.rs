//! Cuts a page into columns where a gutter runs between full lines; what stands above and below is a part of its own.

use super::lines;
use super::segments::Segment;

/// Lines on both sides of a gutter, at least.
const LINES_MIN: usize = 5;
/// A page with more segments is a map or an attack, and is read from top to bottom.
const SEGMENTS_MAX: usize = 20_000;
const CUTS_MAX: usize = 12;
const CANDIDATES_MAX: usize = 200;
/// Gutters that are looked at closely, those with the most lines first.
const TRIES_MAX: usize = 8;

/// The columns of a page in reading order.
pub(super) fn columns(segments: Vec<Segment>) -> Vec<Vec<Segment>> {
    let mut columns = Vec::new();
    let depth = if segments.len() > SEGMENTS_MAX { CUTS_MAX } else { 0 };
    cut(segments, depth, &mut columns);
    columns
}

fn cut(segments: Vec<Segment>, depth: usize, columns: &mut Vec<Vec<Segment>>) {
    if segments.is_empty() {
        return;
    }
    if depth < CUTS_MAX
        && let Some(gutter) = gutter(&segments)
    {
        for part in gutter.parts(segments) {
            cut(part, depth + 1, columns);
        }
        return;
    }
    columns.push(segments);
}

/// A gap between columns, from the first line beside it to the last.
#[derive(Debug, Clone, Copy)]
struct Gutter {
    x: f64,
    top: f64,
    bottom: f64,
    lines: usize,
}

impl Gutter {
    /// What is above, left, right and below.
    fn parts(&self, segments: Vec<Segment>) -> [Vec<Segment>; 4] {
        let mut parts: [Vec<Segment>; 4] = Default::default();
        for segment in segments {
            let part = if segment.y < self.top {
                0
            } else if segment.y > self.bottom {
                3
            } else if segment.left >= self.x {
                2
            } else {
                1
            };
            parts[part].push(segment);
        }
        parts
    }
}

/// The gutter with the most lines of which both sides are running text.
fn gutter(segments: &[Segment]) -> Option<Gutter> {
    if segments.len() < 2 * LINES_MIN {
        return None;
    }
    let size = lines::median(segments.iter().map(|segment| segment.size));
    let left = segments.iter().map(|segment| segment.left).fold(f64::INFINITY, f64::min);
    let right = segments.iter().map(|segment| segment.right).fold(f64::NEG_INFINITY, f64::max);
    if right - left < 20.0 * size {
        return None;
    }
    let rows = rows(segments, size);
    let mut starts: Vec<f64> = segments.iter().map(|segment| segment.left).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup_by(|a, b| (*a - *b).abs() < 0.5 * size);
    let candidates = starts.into_iter().map(|start| start - 0.4 * size);
    let inside = candidates.filter(|x| *x > left + 6.0 * size && *x < right - 6.0 * size).take(CANDIDATES_MAX);
    let mut found: Vec<Gutter> = inside.flat_map(|x| runs(&rows, x, size)).collect();
    found.sort_by(|a, b| b.lines.cmp(&a.lines).then(a.x.total_cmp(&b.x)));
    found.dedup_by(|a, b| a.lines == b.lines && same(a.top, b.top) && same(a.bottom, b.bottom));
    found.into_iter().take(TRIES_MAX).find(|gutter| {
        let [_, left, right, _] = gutter.parts(segments.to_vec());
        is_running_text(left) && is_running_text(right)
    })
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// The segments line by line, from top to bottom.
fn rows(segments: &[Segment], size: f64) -> Vec<Vec<&Segment>> {
    let mut sorted: Vec<&Segment> = segments.iter().collect();
    sorted.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut rows: Vec<Vec<&Segment>> = Vec::new();
    for segment in sorted {
        match rows.last_mut() {
            Some(row) if segment.y - row[0].y < 0.4 * size => row.push(segment),
            _ => rows.push(vec![segment]),
        }
    }
    rows
}

/// The runs of lines of which none crosses `x`; the length of a run is that of the side with fewer lines.
fn runs(rows: &[Vec<&Segment>], x: f64, size: f64) -> Vec<Gutter> {
    let crosses =
        |row: &Vec<&Segment>| row.iter().any(|segment| segment.left < x - 0.3 * size && segment.right > x + 0.1 * size);
    let mut gutters = Vec::new();
    for run in rows.split(crosses) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let right = run.iter().filter(|row| row.iter().any(|segment| segment.left >= x)).count();
        let left = run.iter().filter(|row| row.iter().any(|segment| segment.left < x)).count();
        let lines = right.min(left);
        if lines >= LINES_MIN {
            let bottom = last.iter().map(|segment| segment.y).fold(last[0].y, f64::max);
            gutters.push(Gutter { x, top: first[0].y, bottom, lines });
        }
    }
    gutters
}

/// Whether most lines of a part fill it, as running text does and the cells of a table do not.
fn is_running_text(part: Vec<Segment>) -> bool {
    let lines = lines::lines(part);
    if lines.len() < LINES_MIN {
        return false;
    }
    let left = lines.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
    let right = lines.iter().map(|line| line.right).fold(f64::NEG_INFINITY, f64::max);
    let filled = lines.iter().filter(|line| line.right - line.left > 0.6 * (right - left)).count();
    filled * 2 >= lines.len()
}
