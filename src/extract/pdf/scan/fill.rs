//! Filled shapes, for pages whose letters are drawn as outlines.

use hayro_font::kurbo::{BezPath, PathEl, Point, Rect, Shape as _, flatten};

use super::canvas::Canvas;

/// Lines across a pixel on which it is looked up what a shape covers.
const LINES: usize = 4;
/// How far a chord may be from its curve, in pixels.
const TOLERANCE: f64 = 0.25;
/// The edges that one shape is followed to.
const EDGES_MAX: usize = 1_000_000;

/// What it takes to cross an edge, in pixels painted.
const CROSSING_COST: usize = 8;

/// A straight edge, from its upper end down.
struct Edge {
    top: Point,
    bottom: Point,
    /// 1 when the shape goes down along it, else -1.
    winding: i32,
}

impl Edge {
    fn x_at(&self, y: f64) -> f64 {
        let part = (y - self.top.y) / (self.bottom.y - self.top.y);
        self.top.x + part * (self.bottom.x - self.top.x)
    }
}

/// How a shape is filled.
pub(super) struct Fill {
    pub even_odd: bool,
    pub clip: Rect,
    pub colour: u8,
    /// Where to stop in the middle of the shape.
    pub work_max: usize,
}

/// Fills a shape given in pixels. Says how much work it was, in pixels.
pub(super) fn fill(canvas: &mut Canvas, path: &BezPath, fill: &Fill) -> usize {
    let (columns, rows) = canvas.pixels_in(path.bounding_box().inflate(1.0, 1.0).intersect(fill.clip));
    if columns.is_empty() || rows.is_empty() {
        return 0;
    }
    let (mut edges, mut work) = edges(path);
    edges.sort_by(|a, b| a.top.y.total_cmp(&b.top.y));
    let mut waiting = edges.iter().peekable();
    let mut crossed: Vec<&Edge> = Vec::new();
    let mut coverage = vec![0.0_f32; columns.len()];
    let left = real(columns.start);
    for row in rows {
        if work > fill.work_max {
            break;
        }
        coverage.fill(0.0);
        for line in 0..LINES {
            let y = real(row) + (real(line) + 0.5) / real(LINES);
            while let Some(edge) = waiting.next_if(|edge| edge.top.y <= y) {
                crossed.push(edge);
            }
            crossed.retain(|edge| edge.bottom.y > y);
            work += crossed.len() * CROSSING_COST;
            let mut crossings: Vec<(f64, i32)> =
                crossed.iter().map(|edge| (edge.x_at(y) - left, edge.winding)).collect();
            crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
            spans(&crossings, fill.even_odd, |from, to| cover(&mut coverage, from, to));
        }
        work += columns.len();
        canvas.blend((columns.start, row), coverage.iter().map(|part| byte(*part)), fill.colour);
    }
    work
}

/// Calls back with what is inside of a shape on a line that crosses its edges.
fn spans(crossings: &[(f64, i32)], even_odd: bool, mut inside: impl FnMut(f64, f64)) {
    let mut winding = 0;
    for pair in crossings.windows(2) {
        winding += pair[0].1;
        if if even_odd { winding % 2 != 0 } else { winding != 0 } {
            inside(pair[0].0, pair[1].0);
        }
    }
}

/// Adds the part of each pixel that is between two places on one of its lines.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the row")]
fn cover(coverage: &mut [f32], from: f64, to: f64) {
    let (from, to) = (from.clamp(0.0, real(coverage.len())), to.clamp(0.0, real(coverage.len())));
    let (first, end) = (from.floor() as usize, to.ceil() as usize);
    for (x, part) in coverage.iter_mut().enumerate().take(end).skip(first) {
        *part += (to.min(real(x + 1)) - from.max(real(x))) as f32 / real(LINES) as f32;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn byte(part: f32) -> u8 {
    (part * 255.0).round().clamp(0.0, 255.0) as u8
}

#[expect(clippy::cast_precision_loss, reason = "sheets have far fewer pixels")]
fn real(number: usize) -> f64 {
    number as f64
}

/// The edges of a path whose parts are all closed, but for level ones, which nothing crosses; and how many it has.
fn edges(path: &BezPath) -> (Vec<Edge>, usize) {
    let (mut edges, mut count) = (Vec::new(), 0);
    let (mut start, mut last) = (Point::ZERO, Point::ZERO);
    let mut add = |from: Point, to: Point| {
        count += 1;
        let (top, bottom, winding) = if from.y < to.y { (from, to, 1) } else { (to, from, -1) };
        if edges.len() < EDGES_MAX && top.y < bottom.y {
            edges.push(Edge { top, bottom, winding });
        }
    };
    flatten(path, TOLERANCE, |element| match element {
        PathEl::MoveTo(to) => {
            add(last, start);
            (start, last) = (to, to);
        }
        PathEl::LineTo(to) => {
            add(last, to);
            last = to;
        }
        _ => {
            add(last, start);
            last = start;
        }
    });
    add(last, start);
    (edges, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(path: &str, even_odd: bool) -> Vec<u8> {
        let mut canvas = Canvas::new(4, 1).unwrap();
        let path = BezPath::from_svg(path).unwrap();
        fill(&mut canvas, &path, &Fill { even_odd, clip: Rect::new(0.0, 0.0, 4.0, 1.0), colour: 0, work_max: 1000 });
        let pgm = canvas.into_pgm();
        pgm[pgm.len() - 4..].to_vec()
    }

    #[test]
    fn shape_covers_its_pixels_and_parts_of_others() {
        assert_eq!(filled("M1 0 H2.5 V1 H1", false), [255, 0, 127, 255]);
    }

    #[test]
    fn holes_are_left_out_by_either_rule() {
        let ring = "M0 -1 H4 V2 H0 Z M1 -1 V2 H2 V-1 Z";
        assert_eq!(filled(ring, false), [0, 255, 0, 0]);
        assert_eq!(filled("M0 -1 H4 V2 H0 Z M1 -1 H2 V2 H1 Z", true), [0, 255, 0, 0]);
    }
}
