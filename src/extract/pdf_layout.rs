//! From glyphs at their places to text in reading order.
//!
//! Glyphs that follow one another on a line become segments; a page is cut into columns where a gutter runs between
//! full lines; segments of a column become lines, lines become paragraphs. Text turned by quarter turns is read in
//! its own direction, after the upright text.

use super::markdown::Writer;

/// A glyph: its text, the place of its origin, its width and size in points, in the direction that it is read.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    text: String,
    turn: Turn,
    x: f64,
    y: f64,
    width: f64,
    size: f64,
}

/// Which way the text runs on the page, whose y axis points down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Upright,
    Down,
    UpsideDown,
    Up,
}

const TURNS: [Turn; 4] = [Turn::Upright, Turn::Down, Turn::Up, Turn::UpsideDown];

impl Piece {
    /// None when the glyph has no finite place or no text that means anything.
    pub fn new(text: String, origin: (f64, f64), along: (f64, f64), size: f64, vertical: bool) -> Option<Self> {
        let (dx, dy) = along;
        let numbers = [origin.0, origin.1, dx, dy, size];
        if numbers.iter().any(|number| !number.is_finite() || number.abs() > 1e7) || size < 1e-3 {
            return None;
        }
        let text = meaningful(text);
        if text.is_empty() {
            return None;
        }
        let turn = match (dx.abs() >= dy.abs(), dx >= 0.0, dy >= 0.0) {
            _ if vertical => Turn::Down,
            (true, true, _) => Turn::Upright,
            (true, false, _) => Turn::UpsideDown,
            (false, _, true) => Turn::Down,
            (false, _, false) => Turn::Up,
        };
        let width = if vertical { size } else { dx.hypot(dy) };
        let (x, y) = match turn {
            Turn::Upright => origin,
            Turn::Down => (origin.1, -origin.0),
            Turn::UpsideDown => (-origin.0, -origin.1),
            Turn::Up => (-origin.1, origin.0),
        };
        Some(Self { text, turn, x, y, width, size })
    }

    fn is_space(&self) -> bool {
        self.text.chars().all(char::is_whitespace)
    }
}

/// The text of a glyph without control characters and private codes, and with ligatures spelled out.
fn meaningful(text: String) -> String {
    let plain = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{ad}' | '\u{e000}'..='\u{f8ff}' | '\u{fb00}'..='\u{fb06}' | '\u{feff}' | '\u{fffd}')
    };
    if text.chars().all(plain) {
        return text;
    }
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            '\u{ad}' => out.push('-'),
            '\t' | '\n' | '\r' => out.push(' '),
            c if plain(c) => out.push(c),
            _ => {}
        }
    }
    out
}

/// Glyphs that stand together on a line.
#[derive(Debug, Clone)]
struct Segment {
    text: String,
    left: f64,
    right: f64,
    y: f64,
    size: f64,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    left: f64,
    right: f64,
    y: f64,
    size: f64,
}

/// Parts of a document that are gathered page by page.
#[derive(Debug, Default)]
pub(super) struct Document {
    pages: Vec<Vec<Vec<Line>>>,
    text_bytes: usize,
}

impl Document {
    pub fn add_page(&mut self, pieces: &[Piece]) {
        let mut columns = Vec::new();
        for turn in TURNS {
            let segments = segments(pieces.iter().filter(|piece| piece.turn == turn));
            cut(segments, 0, &mut columns);
        }
        let lines: Vec<Vec<Line>> = columns.into_iter().map(lines).filter(|lines| !lines.is_empty()).collect();
        self.text_bytes += lines.iter().flatten().map(|line| line.text.len() + 1).sum::<usize>();
        self.pages.push(lines);
    }

    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    pub fn finish(self) -> String {
        let headings = heading_sizes(&self.pages);
        let mut writer = Writer::default();
        for (index, columns) in self.pages.iter().enumerate() {
            if index > 0 && !columns.is_empty() {
                writer.remark(&format!("page {}", index + 1));
            }
            for column in columns {
                write_column(column, &headings, &mut writer);
            }
        }
        if self.text_bytes == 0 { String::new() } else { writer.finish() }
    }
}

/// A gap of this part of the size is a space; poppler has the same.
const SPACE_GAP: f64 = 0.1;
/// A gap of this part of the size ends a segment.
const SEGMENT_GAP: f64 = 0.9;

fn segments<'p>(pieces: impl Iterator<Item = &'p Piece>) -> Vec<Segment> {
    let mut done: Vec<Segment> = Vec::new();
    let mut open: Option<Segment> = None;
    let mut last: Option<&Piece> = None;
    for piece in pieces {
        // Text that is drawn twice, filled and stroked or moved by a hair to look bold, counts once.
        if let Some(last) = last
            && last.text == piece.text
            && (piece.x - last.x).abs() < 0.08 * piece.size
            && (piece.y - last.y).abs() < 0.08 * piece.size
        {
            continue;
        }
        last = Some(piece);
        let joined = open.as_mut().is_some_and(|segment| join(segment, piece));
        if !joined {
            done.extend(open.take());
            if !piece.is_space() {
                let (left, right) = (piece.x, piece.x + piece.width);
                open = Some(Segment { text: piece.text.clone(), left, right, y: piece.y, size: piece.size });
            }
        }
    }
    done.extend(open);
    for segment in &mut done {
        segment.text.truncate(segment.text.trim_end().len());
    }
    drop_doubles(done)
}

/// Adds a glyph to the segment that it continues.
fn join(segment: &mut Segment, piece: &Piece) -> bool {
    let size = segment.size.max(piece.size);
    let gap = piece.x - segment.right;
    // Superscripts stand off the line but belong to it.
    let same_line =
        (piece.y - segment.y).abs() < 0.5 * size && piece.size > 0.4 * segment.size && segment.size > 0.4 * piece.size;
    if !same_line || gap < -0.6 * size || gap > SEGMENT_GAP * size {
        return false;
    }
    if piece.is_space() {
        if !segment.text.ends_with(' ') {
            segment.text.push(' ');
        }
    } else {
        let after_space = segment.text.ends_with(' ');
        if gap > SPACE_GAP * size
            && !after_space
            && !(is_wide(segment.text.chars().next_back()) && is_wide(piece.text.chars().next()))
        {
            segment.text.push(' ');
        }
        segment.text.push_str(&piece.text);
        if piece.size > segment.size {
            segment.size = piece.size;
            segment.y = piece.y;
        }
    }
    segment.right = segment.right.max(piece.x + piece.width);
    true
}

/// Whether two texts meet at characters between which there is no space.
fn between_wide(before: &str, after: &str) -> bool {
    is_wide(before.chars().next_back()) && is_wide(after.chars().next())
}

/// Chinese, Japanese and Korean characters, between which a gap is no space.
fn is_wide(c: Option<char>) -> bool {
    c.is_some_and(|c| matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}'))
}

/// Whole segments drawn twice at the same place count once.
fn drop_doubles(segments: Vec<Segment>) -> Vec<Segment> {
    let mut kept: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        let tail = kept.len().saturating_sub(8);
        let double = kept[tail..].iter().any(|other| {
            other.text == segment.text
                && (other.left - segment.left).abs() < 0.15 * segment.size
                && (other.y - segment.y).abs() < 0.15 * segment.size
        });
        if !double {
            kept.push(segment);
        }
    }
    kept
}

/// Cuts a region into columns as long as a gutter is found, and what is above and below them into regions of its own.
fn cut(segments: Vec<Segment>, depth: usize, columns: &mut Vec<Vec<Segment>>) {
    const DEPTH_MAX: usize = 12;
    if segments.is_empty() {
        return;
    }
    if depth < DEPTH_MAX
        && let Some((above, left, right, below)) = gutter(&segments)
    {
        for part in [above, left, right, below] {
            cut(part, depth + 1, columns);
        }
        return;
    }
    columns.push(segments);
}

type Parts = (Vec<Segment>, Vec<Segment>, Vec<Segment>, Vec<Segment>);

/// Finds the place where the most lines leave a gap that they share, with full lines on both sides of it.
fn gutter(segments: &[Segment]) -> Option<Parts> {
    const LINES_MIN: usize = 5;
    if segments.len() < 2 * LINES_MIN {
        return None;
    }
    let size = median(segments.iter().map(|segment| segment.size));
    let left_edge = segments.iter().map(|segment| segment.left).fold(f64::INFINITY, f64::min);
    let right_edge = segments.iter().map(|segment| segment.right).fold(f64::NEG_INFINITY, f64::max);
    if right_edge - left_edge < 20.0 * size {
        return None;
    }
    let mut best: Option<(usize, f64, (f64, f64))> = None;
    let mut starts: Vec<f64> = segments.iter().map(|segment| segment.left).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup_by(|a, b| (*a - *b).abs() < 0.5 * size);
    for start in starts {
        let x = start - 0.4 * size;
        if x < left_edge + 6.0 * size || x > right_edge - 6.0 * size {
            continue;
        }
        if let Some((span, lines)) = run_of_lines(segments, x, size)
            && best.is_none_or(|(most, ..)| lines > most)
        {
            best = Some((lines, x, span));
        }
    }
    let (lines, x, (top, bottom)) = best?;
    if lines < LINES_MIN {
        return None;
    }
    let mut parts = Parts::default();
    for segment in segments {
        let part = if segment.y < top {
            &mut parts.0
        } else if segment.y > bottom {
            &mut parts.3
        } else if segment.left >= x {
            &mut parts.2
        } else {
            &mut parts.1
        };
        part.push(segment.clone());
    }
    let full = |part: &[Segment]| is_running_text(part, LINES_MIN);
    (full(&parts.1) && full(&parts.2)).then_some(parts)
}

/// The longest run of lines, from top to bottom, of which none crosses `x`, with its extent and the number of its lines.
fn run_of_lines(segments: &[Segment], x: f64, size: f64) -> Option<((f64, f64), usize)> {
    let mut crossing: Vec<f64> = segments
        .iter()
        .filter(|segment| segment.left < x - 0.3 * size && segment.right > x + 0.1 * size)
        .map(|segment| segment.y)
        .collect();
    crossing.push(f64::NEG_INFINITY);
    crossing.push(f64::INFINITY);
    crossing.sort_by(f64::total_cmp);
    let mut best = None;
    for pair in crossing.windows(2) {
        let inside = |segment: &&Segment| segment.y > pair[0] + 0.3 * size && segment.y < pair[1] - 0.3 * size;
        let right: Vec<f64> =
            segments.iter().filter(inside).filter(|segment| segment.left >= x).map(|segment| segment.y).collect();
        let left: Vec<f64> =
            segments.iter().filter(inside).filter(|segment| segment.left < x).map(|segment| segment.y).collect();
        let lines = distinct(&right, size).min(distinct(&left, size));
        if lines > 0 && best.is_none_or(|(_, most)| lines > most) {
            let all = || right.iter().chain(&left).copied();
            best = Some(((all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max)), lines));
        }
    }
    best
}

/// How many lines these baselines are.
fn distinct(baselines: &[f64], size: f64) -> usize {
    let mut sorted = baselines.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup_by(|a, b| (*a - *b).abs() < 0.4 * size);
    sorted.len()
}

/// Whether most lines of a part fill it, as running text does and the cells of a table do not.
fn is_running_text(part: &[Segment], lines_min: usize) -> bool {
    let lines = lines(part.to_vec());
    if lines.len() < lines_min {
        return false;
    }
    let left = lines.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
    let right = lines.iter().map(|line| line.right).fold(f64::NEG_INFINITY, f64::max);
    let filled = lines.iter().filter(|line| line.right - line.left > 0.6 * (right - left)).count();
    filled * 2 >= lines.len()
}

/// Puts the segments of a column together into lines, from top to bottom.
fn lines(mut segments: Vec<Segment>) -> Vec<Line> {
    segments.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.left.total_cmp(&b.left)));
    let mut rows: Vec<Vec<Segment>> = Vec::new();
    for segment in segments {
        let row = rows.iter_mut().rev().take(4).find(|row| {
            let base = row.iter().max_by(|a, b| a.size.total_cmp(&b.size)).expect("a row has a segment");
            let tolerance = 0.35 * base.size.max(segment.size);
            let overlaps = row.iter().any(|other| {
                segment.left < other.right - 0.3 * segment.size && other.left < segment.right - 0.3 * segment.size
            });
            (segment.y - base.y).abs() < tolerance && !overlaps
        });
        match row {
            Some(row) => row.push(segment),
            None => rows.push(vec![segment]),
        }
    }
    rows.into_iter().map(line).collect()
}

fn line(mut row: Vec<Segment>) -> Line {
    row.sort_by(|a, b| a.left.total_cmp(&b.left));
    let size = row.iter().map(|segment| segment.size).fold(0.0, f64::max);
    let mut line = Line { text: String::new(), left: row[0].left, right: row[0].right, y: row[0].y, size };
    for segment in row {
        if !line.text.is_empty() && segment.left - line.right > SPACE_GAP * size {
            line.text.push(' ');
        }
        line.text.push_str(&segment.text);
        line.right = line.right.max(segment.right);
        if segment.size >= size {
            line.y = segment.y;
        }
    }
    line
}

/// The sizes of headings, largest first: those well above the size that most of the text has.
fn heading_sizes(pages: &[Vec<Vec<Line>>]) -> Vec<i64> {
    const LEVELS_MAX: usize = 4;
    let mut counts: std::collections::BTreeMap<i64, usize> = std::collections::BTreeMap::new();
    for line in pages.iter().flatten().flatten() {
        *counts.entry(half_points(line.size)).or_default() += line.text.len();
    }
    let total: usize = counts.values().sum();
    let Some(body) = counts.iter().max_by_key(|(_, count)| **count).map(|(size, _)| *size) else {
        return Vec::new();
    };
    let larger = counts.into_iter().rev().filter(|(size, count)| *size * 20 > body * 23 && count * 5 < total);
    larger.map(|(size, _)| size).take(LEVELS_MAX).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "sizes are bounded")]
fn half_points(size: f64) -> i64 {
    (size * 2.0).round() as i64
}

fn write_column(column: &[Line], headings: &[i64], writer: &mut Writer) {
    let right = column.iter().map(|line| line.right).fold(f64::NEG_INFINITY, f64::max);
    let spacing = median(column.windows(2).map(|pair| pair[1].y - pair[0].y).filter(|gap| *gap > 0.0));
    let mut paragraph = String::new();
    let mut level = None;
    for (index, line) in column.iter().enumerate() {
        let previous = index.checked_sub(1).map(|index| &column[index]);
        let line_level =
            headings.iter().position(|size| *size == half_points(line.size)).filter(|_| line.text.len() < 200);
        let continues = level == line_level && previous.is_some_and(|previous| goes_on(previous, line, right, spacing));
        if !continues {
            flush(&mut paragraph, level, writer);
        }
        level = line_level;
        append_line(&mut paragraph, &line.text);
    }
    flush(&mut paragraph, level, writer);
}

fn flush(paragraph: &mut String, level: Option<usize>, writer: &mut Writer) {
    let text = std::mem::take(paragraph);
    match level {
        Some(level) => writer.heading(level + 1, &text),
        None => writer.paragraph(&text),
    }
}

/// Whether a line continues the paragraph of the line above it.
fn goes_on(previous: &Line, line: &Line, right: f64, spacing: f64) -> bool {
    let size = previous.size.max(line.size);
    let gap = line.y - previous.y;
    let close = gap > 0.0 && gap < 1.35 * spacing.max(size) && gap < 2.6 * size;
    let same_size = (previous.size - line.size).abs() < 0.15 * size;
    let reaches = previous.right > right - 0.2 * (right - previous.left).max(size);
    let indented = line.left > previous.left + 1.2 * size;
    close && same_size && reaches && !indented
}

/// Appends a line to a paragraph; a word broken at the end of the line is put together again.
fn append_line(paragraph: &mut String, line: &str) {
    let starts_lower = line.chars().next().is_some_and(char::is_lowercase);
    let ends_broken =
        paragraph.ends_with(['-', '\u{2010}']) && paragraph.chars().rev().nth(1).is_some_and(char::is_alphabetic);
    if ends_broken && starts_lower {
        paragraph.pop();
    } else if !paragraph.is_empty() && !between_wide(paragraph, line) {
        paragraph.push(' ');
    }
    paragraph.push_str(line);
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
