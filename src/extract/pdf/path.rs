//! The path under construction (ISO 32000-2, 8.5.2), as far as it clips and fills.

use hayro_font::kurbo::{Affine, BezPath, PathEl, Point, Rect};
use hayro_syntax::content::ops::TypedInstruction;

use super::content::number;

/// The elements of one path that are kept for filling; real ones have a few thousand.
const ELEMENTS_MAX: usize = 500_000;

/// A point that is farther away is on no page; following a curve there would take for ever.
const COORDINATE_MAX: f64 = 1e5;

#[derive(Default)]
pub(super) struct Path {
    /// Whether what the path is made of is kept, and not only what is told about it.
    pub is_kept: bool,
    elements: BezPath,
    current: Point,
    bounds: Option<Rect>,
    /// Closed parts so far.
    pub shapes: usize,
    pub is_curved: bool,
    /// Whether the path will clip what comes after it.
    pub clips: bool,
}

impl Path {
    /// Adds to the path; says whether the instruction does that.
    pub fn add(&mut self, instruction: &TypedInstruction<'_, '_>, ctm: Affine) -> bool {
        use TypedInstruction as I;
        let point = |x, y| ctm * Point::new(number(x), number(y));
        match instruction {
            I::MoveTo(to) => self.start(point(to.0, to.1)),
            I::LineTo(to) => self.push(PathEl::LineTo(point(to.0, to.1))),
            I::CubicTo(to) => self.curve(point(to.0, to.1), point(to.2, to.3), point(to.4, to.5)),
            I::CubicStartTo(to) => self.curve(self.current, point(to.0, to.1), point(to.2, to.3)),
            I::CubicEndTo(to) => self.curve(point(to.0, to.1), point(to.2, to.3), point(to.2, to.3)),
            I::ClosePath(_) => self.push(PathEl::ClosePath),
            I::RectPath(at) => {
                let [x, y, width, height] = [at.0, at.1, at.2, at.3].map(number);
                self.start(ctm * Point::new(x, y));
                for (x, y) in [(x + width, y), (x + width, y + height), (x, y + height)] {
                    self.push(PathEl::LineTo(ctm * Point::new(x, y)));
                }
                self.push(PathEl::ClosePath);
            }
            _ => return false,
        }
        true
    }

    fn start(&mut self, at: Point) {
        self.shapes += 1;
        self.push(PathEl::MoveTo(at));
    }

    fn curve(&mut self, first: Point, second: Point, to: Point) {
        self.is_curved = true;
        self.meet(first);
        self.meet(second);
        if is_near(first) && is_near(second) {
            self.push(PathEl::CurveTo(first, second, to));
        } else {
            self.meet(to);
        }
    }

    fn push(&mut self, element: PathEl) {
        if let Some(to) = element.end_point() {
            self.meet(to);
            if !is_near(to) {
                return;
            }
            self.current = to;
        }
        let elements = self.elements.elements().len();
        let begins = matches!(element, PathEl::MoveTo(_)) || elements > 0;
        if self.is_kept && begins && elements < ELEMENTS_MAX {
            self.elements.push(element);
        }
    }

    fn meet(&mut self, point: Point) {
        let here = Rect::from_points(point, point);
        self.bounds = Some(self.bounds.map_or(here, |bounds| bounds.union(here)));
    }

    /// Ends the path. What it clips to is the box round it, which is the same for nearly all that clip pictures.
    pub fn end(&mut self, clip: &mut Rect) -> BezPath {
        if let Some(bounds) = self.bounds.filter(|_| self.clips) {
            *clip = clip.intersect(bounds);
        }
        let elements = std::mem::take(&mut self.elements);
        *self = Self { is_kept: self.is_kept, ..Self::default() };
        elements
    }
}

fn is_near(point: Point) -> bool {
    point.x.abs() < COORDINATE_MAX && point.y.abs() < COORDINATE_MAX
}
