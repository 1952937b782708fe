//! How much of a page its pictures cover, and whether the page is a scan.

use hayro_font::kurbo::{Affine, Rect};

use super::canvas::unit_box;

/// The grid by which covered parts are counted; where pictures lie on one another, they count once.
const CELLS: u32 = 32;
/// Samples for each point of a page, below which no letter can be made out: half of that is 36 dpi.
const DENSITY_MIN: f64 = 0.5;

/// The letters that a scan may have besides: a stamp, a page number, a note of who loaded it down.
const LETTERS_MAX: usize = 200;
/// The part of a page that pictures cover on a scan with such letters, and on one without any.
const COVERED_MIN: f64 = 0.5;
const COVERED_MIN_WITHOUT_LETTERS: f64 = 0.1;
/// Curved shapes on a page without letters or pictures that may be letters drawn as outlines: a line of text has more.
const OUTLINES_MIN: usize = 64;

/// What pictures and shapes a page shows.
#[derive(Debug, Default)]
pub(in crate::extract::pdf) struct Coverage {
    rows: [u32; CELLS as usize],
    /// The area of the largest picture, in points, and its samples for each point along a line.
    largest: Option<(f64, f64)>,
    /// Curved shapes that are filled.
    pub outlines: usize,
}

impl Coverage {
    /// Adds a picture of `samples`, whose unit square `matrix` takes to the page. Tells what of the page it covers.
    pub fn add(&mut self, samples: (u32, u32), matrix: Affine, page: Rect, clip: Rect) -> Rect {
        let area = matrix.determinant().abs();
        let density = (f64::from(samples.0) * f64::from(samples.1) / area).sqrt();
        let shown = unit_box(matrix).intersect(clip).intersect(page);
        if !density.is_finite() || density < DENSITY_MIN || shown.is_zero_area() {
            return Rect::ZERO;
        }
        if self.largest.is_none_or(|(largest, _)| area > largest) {
            self.largest = Some((area, density));
        }
        let (columns, rows) =
            (cells(shown.x0, shown.x1, page.x0, page.x1), cells(shown.y0, shown.y1, page.y0, page.y1));
        let mask = columns.fold(0, |mask, column| mask | 1 << column);
        for row in rows {
            self.rows[row as usize] |= mask;
        }
        shown
    }

    /// Whether the text of a page with so many letters stands in its pictures.
    pub fn is_scan(&self, letters: usize) -> bool {
        let covered: u32 = self.rows.iter().map(|row| row.count_ones()).sum();
        let covered = f64::from(covered) / f64::from(CELLS * CELLS);
        match letters {
            0 => covered >= COVERED_MIN_WITHOUT_LETTERS || self.outlines >= OUTLINES_MIN,
            letters => letters <= LETTERS_MAX && covered >= COVERED_MIN,
        }
    }

    /// The samples for each point, along a line, of the largest picture.
    pub fn density(&self) -> Option<f64> {
        self.largest.map(|(_, density)| density)
    }
}

/// The cells whose centres are between two edges.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the grid")]
fn cells(from: f64, to: f64, page_from: f64, page_to: f64) -> std::ops::Range<u32> {
    let cell = |edge: f64| {
        let cells = f64::from(CELLS);
        ((edge - page_from) / (page_to - page_from) * cells - 0.5).ceil().clamp(0.0, cells) as u32
    };
    cell(from)..cell(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Rect = Rect::new(0.0, 0.0, 600.0, 800.0);

    fn covered(parts: &[Rect]) -> Coverage {
        let mut coverage = Coverage::default();
        for part in parts {
            let matrix = Affine::new([part.width(), 0.0, 0.0, part.height(), part.x0, part.y0]);
            coverage.add((1000, 1000), matrix, PAGE, PAGE);
        }
        coverage
    }

    #[test]
    fn pictures_over_one_another_count_once() {
        let half = Rect::new(0.0, 0.0, 600.0, 300.0);
        assert!(!covered(&[half, half, half]).is_scan(10));
        assert!(covered(&[half, Rect::new(0.0, 300.0, 600.0, 600.0)]).is_scan(10));
    }

    #[test]
    fn page_with_text_is_no_scan() {
        assert!(!covered(&[PAGE]).is_scan(1000));
    }

    #[test]
    fn small_picture_is_a_scan_where_there_is_nothing_else() {
        let receipt = Rect::new(100.0, 100.0, 300.0, 500.0);
        assert!(covered(&[receipt]).is_scan(0) && !covered(&[receipt]).is_scan(1));
    }
}
