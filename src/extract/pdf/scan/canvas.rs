//! A sheet of white paper, on which pictures and shapes are painted in grey.

use hayro_font::kurbo::{Affine, Rect};

use super::picture::Picture;
use super::view::View;

pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Where a picture is painted: `matrix` takes its unit square there, and nothing is painted outside of `clip`.
pub(super) struct Place {
    pub matrix: Affine,
    pub clip: Rect,
}

impl Canvas {
    /// None when there is no memory for it.
    pub fn new(width: usize, height: usize) -> Option<Self> {
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(width.checked_mul(height)?).ok()?;
        pixels.resize(width * height, 255);
        Some(Self { width, height, pixels })
    }

    pub fn is_of_one_colour(&self) -> bool {
        self.pixels.iter().all(|pixel| Some(pixel) == self.pixels.first())
    }

    /// The sheet as a picture file: a portable greymap (netpbm's `pgm(5)`).
    pub fn into_pgm(self) -> Vec<u8> {
        let mut pgm = format!("P5\n{} {}\n255\n", self.width, self.height).into_bytes();
        pgm.reserve_exact(self.pixels.len());
        pgm.extend_from_slice(&self.pixels);
        pgm
    }

    /// The pixels whose centres are in a rectangle: their columns and rows.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the sheet")]
    #[expect(clippy::cast_precision_loss, reason = "a sheet has far fewer pixels")]
    pub fn pixels_in(&self, area: Rect) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let range = |from: f64, to: f64, end: usize| {
            let bound = |edge: f64| (edge - 0.5).ceil().clamp(0.0, end as f64) as usize;
            bound(from)..bound(to).max(bound(from))
        };
        (range(area.x0, area.x1, self.width), range(area.y0, area.y1, self.height))
    }

    /// Pixels of a row from `x` on, covered in parts by a colour.
    pub fn blend(&mut self, (x, y): (usize, usize), coverage: impl Iterator<Item = u8>, colour: u8) {
        let from = y * self.width + x;
        for (pixel, covered) in self.pixels[from..(y + 1) * self.width].iter_mut().zip(coverage) {
            *pixel = mixed(*pixel, colour, covered);
        }
    }

    /// Paints a picture; a stencil in a colour. Says how much work it was, in pixels.
    pub fn paint(&mut self, picture: &Picture, place: &Place, colour: u8) -> usize {
        let (columns, rows) = self.pixels_in(unit_box(place.matrix).intersect(place.clip));
        if place.matrix.determinant().abs() < 1e-9 || columns.is_empty() {
            return 0;
        }
        let back = place.matrix.inverse();
        let (main, alpha) = match picture {
            Picture::Tones(tones, alpha) => (tones, alpha.as_ref()),
            Picture::Stencil(stencil) => (stencil, None),
        };
        let width = main.width.max(main.height);
        let mut main = View::new(main, back, columns.clone());
        let cost = main.cost();
        let mut alpha = alpha.map(|alpha| View::new(alpha, back, columns.clone()));
        for y in rows.clone() {
            let pixels = &mut self.pixels[y * self.width..][columns.clone()];
            let samples = main.row(y);
            let covered = alpha.as_mut().map(|alpha| alpha.row(y));
            for (index, (pixel, sample)) in pixels.iter_mut().zip(samples).enumerate() {
                let Some(sample) = *sample else { continue };
                let covered = covered.map_or(255, |covered| covered[index].unwrap_or(0));
                *pixel = match picture {
                    Picture::Stencil(_) => mixed(*pixel, colour, sample),
                    Picture::Tones(..) => mixed(*pixel, sample, covered),
                };
            }
        }
        rows.len() * (columns.len() * cost).max(width)
    }
}

/// What a matrix makes of the unit square, as far as a rectangle tells.
pub(in crate::extract::pdf) fn unit_box(matrix: Affine) -> Rect {
    matrix.transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0))
}

fn mixed(below: u8, above: u8, covered: u8) -> u8 {
    let [below, above, covered] = [below, above, covered].map(u32::from);
    let sum = below * (255 - covered) + above * covered + 127;
    u8::try_from(sum / 255).unwrap_or(u8::MAX)
}
