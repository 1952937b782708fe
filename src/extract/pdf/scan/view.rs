//! How a plane of samples looks from the pixels of a sheet: the mean of what each pixel covers.

use std::borrow::Cow;
use std::ops::Range;

use hayro_font::kurbo::{Affine, Point};

use super::picture::Plane;

/// Where edges meet, neither of two pictures may lose a pixel to rounding.
const HAIR: f64 = 1e-6;

/// The samples in each direction that a pixel of a tilted plane is the mean of.
const TILTED_REACH_MAX: f64 = 16.0;

/// A plane seen row by row.
pub(super) struct View<'p> {
    plane: Cow<'p, Plane>,
    /// From the sheet to the samples.
    back: Affine,
    size: (f64, f64),
    /// The samples that a pixel covers in each direction, but not less than one: between two that are farther apart
    /// than pixels, a pixel shows some of both.
    reach: (f64, f64),
    columns: Range<usize>,
    /// The samples under each column, where the plane stands straight and they are the same in every row.
    parts: Option<Vec<Vec<(usize, f32)>>>,
    /// The means of the samples above one another under a row.
    means: Vec<f32>,
    row: Vec<Option<u8>>,
}

impl<'p> View<'p> {
    /// The plane in those columns of the sheet that it reaches, which `back` takes to the unit square, whose lower edge
    /// is the last line of the plane.
    pub fn new(plane: &'p Plane, back: Affine, columns: Range<usize>) -> Self {
        let (width, height) = (real(plane.width), real(plane.height));
        let back = Affine::new([width, 0.0, 0.0, -height, 0.0, height]) * back;
        let is_none = |slope: f64| slope.abs() < 1e-9;
        let along = back.as_coeffs();
        // On a page that lies on its side, lines of the plane are columns of the sheet; as lines they are read faster.
        if is_none(along[0]) && is_none(along[3]) {
            let swapped = Affine::new([0.0, 1.0, 1.0, 0.0, 0.0, 0.0]) * back;
            Self::seen(Cow::Owned(plane.turned_over()), swapped, columns, true)
        } else {
            Self::seen(Cow::Borrowed(plane), back, columns, is_none(along[1]) && is_none(along[2]))
        }
    }

    fn seen(plane: Cow<'p, Plane>, back: Affine, columns: Range<usize>, is_straight: bool) -> Self {
        let size = (real(plane.width), real(plane.height));
        let [a, b, c, d, ..] = back.as_coeffs();
        let reach = ((a.abs() + c.abs()).max(1.0), (b.abs() + d.abs()).max(1.0));
        // Nothing that is so much smaller than its picture, and tilted as well, can be read.
        let reach_max = if is_straight { f64::INFINITY } else { TILTED_REACH_MAX };
        let reach = (reach.0.min(reach_max), reach.1.min(reach_max));
        let (means, row) = (Vec::new(), Vec::new());
        let mut view = Self { plane, back, size, reach, columns, parts: None, means, row };
        if is_straight {
            let columns = view.columns.clone();
            view.parts = Some(columns.map(|x| parts(view.at(x, 0).x, reach.0, view.plane.width).collect()).collect());
        }
        view
    }

    /// How much longer it takes to see a pixel than where the plane stands straight.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded where the plane is tilted")]
    pub fn cost(&self) -> usize {
        const OF_SAMPLE: f64 = 8.0;
        if self.parts.is_some() { 1 } else { (self.reach.0 * self.reach.1 * OF_SAMPLE).ceil() as usize }
    }

    /// The pixels of a row; none where the plane does not reach.
    pub fn row(&mut self, y: usize) -> &[Option<u8>] {
        self.row.clear();
        if let Some(columns) = &self.parts {
            let at = self.back * Point::new(0.0, real(y) + 0.5);
            self.means.clear();
            self.means.resize(self.plane.width, 0.0);
            for (line, height) in parts(at.y, self.reach.1, self.plane.height) {
                for (mean, sample) in self.means.iter_mut().zip(self.plane.line(line)) {
                    *mean += f32::from(*sample) * height;
                }
            }
            let means = &self.means;
            let pixel = |parts: &Vec<(usize, f32)>| parts.iter().map(|(column, width)| means[*column] * width).sum();
            self.row.extend(columns.iter().map(|parts| Some(byte(pixel(parts)))));
        } else {
            let pixels = self.columns.clone().map(|x| self.pixel(x, y));
            let row = pixels.collect();
            self.row = row;
        }
        &self.row
    }

    fn at(&self, x: usize, y: usize) -> Point {
        self.back * Point::new(real(x) + 0.5, real(y) + 0.5)
    }

    fn pixel(&self, x: usize, y: usize) -> Option<u8> {
        let at = self.at(x, y);
        let is_inside = |at: f64, size: f64| at > -HAIR && at < size + HAIR;
        if !is_inside(at.x, self.size.0) || !is_inside(at.y, self.size.1) {
            return None;
        }
        let mut mean = 0.0;
        for (line, height) in parts(at.y, self.reach.1, self.plane.height) {
            let samples = self.plane.line(line);
            let columns = parts(at.x, self.reach.0, self.plane.width);
            mean += height * columns.map(|(column, width)| f32::from(samples[column]) * width).sum::<f32>();
        }
        Some(byte(mean))
    }
}

/// Samples beside one another under a pixel, with the part of the pixel that each of them fills; beyond the edge of
/// the plane, its last one goes on.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the plane")]
fn parts(centre: f64, reach: f64, samples: usize) -> impl Iterator<Item = (usize, f32)> {
    let (from, to) = (centre - reach / 2.0, centre + reach / 2.0);
    // Under a pixel that covers more than all of the plane, the edge does not go on for ever.
    let (from, to) = (from.max(-1.0), to.min(real(samples) + 1.0));
    let mut sample = (from + HAIR).floor();
    std::iter::from_fn(move || {
        let covered = to.min(sample + 1.0) - from.max(sample);
        let index = (sample.max(0.0) as usize).min(samples - 1);
        sample += 1.0;
        (covered > HAIR).then_some((index, (covered / (to - from)) as f32))
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of bytes is one")]
fn byte(mean: f32) -> u8 {
    (mean + 0.5) as u8
}

#[expect(clippy::cast_precision_loss, reason = "pictures have far fewer samples")]
fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(samples: &[u8]) -> Plane {
        Plane { width: samples.len(), height: 1, samples: samples.to_vec() }
    }

    fn row(plane: &Plane, pixels: usize, matrix: Affine) -> Vec<u8> {
        let mut view = View::new(plane, matrix.inverse(), 0..pixels);
        view.row(0).iter().map(|pixel| pixel.unwrap()).collect()
    }

    #[test]
    fn samples_that_fit_the_pixels_stay() {
        assert_eq!(row(&plane(&[0, 100, 200]), 3, Affine::scale_non_uniform(3.0, 1.0)), [0, 100, 200]);
    }

    #[test]
    fn pixels_that_cover_many_samples_show_their_mean() {
        assert_eq!(row(&plane(&[0, 100, 200, 100]), 2, Affine::scale_non_uniform(2.0, 1.0)), [50, 150]);
    }

    #[test]
    fn pixels_between_samples_show_some_of_both() {
        assert_eq!(row(&plane(&[0, 100]), 4, Affine::scale_non_uniform(4.0, 1.0)), [0, 25, 75, 100]);
    }

    #[test]
    fn plane_smaller_than_a_pixel_is_seen_at_once() {
        let matrix = Affine::translate((0.5, 0.0)) * Affine::scale_non_uniform(1e-9, 1.0);
        assert_eq!(row(&plane(&[50, 50]), 1, matrix), [50]);
    }

    #[test]
    fn tilted_plane_is_seen_where_it_reaches() {
        let plane = Plane { width: 2, height: 2, samples: vec![10; 4] };
        let matrix =
            Affine::translate((2.0, 2.0)) * Affine::rotate(0.8) * Affine::scale(2.0) * Affine::translate((-0.5, -0.5));
        let mut view = View::new(&plane, matrix.inverse(), 0..4);
        assert_eq!(view.row(0), [None; 4]);
        assert_eq!(view.row(1), [None, Some(10), Some(10), None]);
    }

    #[test]
    fn turned_plane_is_read_from_top_to_bottom() {
        let plane = plane(&[10, 20]);
        // A quarter turn: what was on the left is at the top.
        let matrix = Affine::new([0.0, 2.0, -1.0, 0.0, 1.0, 0.0]);
        let mut view = View::new(&plane, matrix.inverse(), 0..1);
        assert_eq!([0, 1].map(|y| view.row(y)[0]), [Some(10), Some(20)]);
    }
}
