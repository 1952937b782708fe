//! A page on its way to the recogniser: how large it is drawn, and what drawing it may cost.

use std::collections::BTreeSet;
use std::rc::Rc;

use hayro_font::kurbo::{Affine, BezPath, Rect};
use hayro_syntax::object::{ObjectIdentifier, Stream};
use hayro_syntax::page::Resources;

use super::canvas::{Canvas, Place, unit_box};
use super::fill::{Fill, fill};
use super::headers;
use super::picture::{Fault, Frame, Picture, decode};

/// Pixels for each point at 300 dpi, which recognisers are made for.
const USUAL_SCALE: f64 = 300.0 / 72.0;
/// A scan that is this near to it is shown pixel by pixel: drawing it anew would only blur it.
const NEAR_USUAL: std::ops::RangeInclusive<f64> = 0.75 * USUAL_SCALE..=1.34 * USUAL_SCALE;
/// The longer side that a page is enlarged to at most: 14 inches at 300 dpi. Beyond, letters are large already.
const ENLARGED_SIDE_MAX: f64 = 4_200.0;
/// The most pixels of a page: more only take longer to read.
const PIXELS_MAX: u32 = 4_000 * 6_000;
/// Recognisers take no picture with a side of 32,768 pixels.
const SIDE_MAX: f64 = 32_000.0;
/// The pixels that may be decoded and painted for a page, over one another; drawing so many takes some ten seconds.
const WORK_MAX: usize = 40 * PIXELS_MAX as usize;

pub(in crate::extract::pdf) struct Paper {
    canvas: Canvas,
    scale: f64,
    pixels_max: u64,
    work: usize,
    /// The picture painted last, for those who paint the same one many times.
    last: Option<(ObjectIdentifier, Rc<Picture>)>,
    pub(super) faults: BTreeSet<Fault>,
    is_painted: bool,
}

impl Paper {
    /// Paper for a page of so many points, whose largest picture has `density` samples for each; none when there is no
    /// memory for it.
    pub fn new((width, height): (f64, f64), density: Option<f64>, pixels_max: u64) -> Option<Self> {
        let scale = scale((width, height), density, pixels_max);
        let canvas = Canvas::new(pixels(width * scale), pixels(height * scale))?;
        let (work, last, faults) = (0, None, BTreeSet::new());
        Some(Self { canvas, scale, pixels_max, work, last, faults, is_painted: false })
    }

    /// Paints a picture whose unit square `matrix` takes to the page. Says how much work it was, in pixels.
    pub fn picture(
        &mut self,
        (stream, resources): (&Stream<'_>, &Resources<'_>),
        (matrix, clip): (Affine, Rect),
        colour: u8,
    ) -> usize {
        let place = Place { matrix: Affine::scale(self.scale) * matrix, clip: self.scaled(clip) };
        let (columns, rows) = self.canvas.pixels_in(unit_box(place.matrix).intersect(place.clip));
        if columns.is_empty() || rows.is_empty() || self.work > WORK_MAX {
            return 0;
        }
        let before = self.work;
        match self.decoded(stream, resources, place.matrix) {
            Ok(picture) => {
                self.work += self.canvas.paint(&picture, &place, colour);
                self.is_painted = true;
            }
            Err(fault) => drop(self.faults.insert(fault)),
        }
        self.work - before
    }

    fn decoded(
        &mut self,
        stream: &Stream<'_>,
        resources: &Resources<'_>,
        matrix: Affine,
    ) -> Result<Rc<Picture>, Fault> {
        let id = stream.dict().obj_id();
        if let Some((last, picture)) = &self.last
            && id == Some(*last)
        {
            return Ok(Rc::clone(picture));
        }
        self.last = None;
        if let Some((width, height)) = headers::size(stream.dict()) {
            let samples = u64::from(width) * u64::from(height);
            self.work = self.work.saturating_add(usize::try_from(samples).unwrap_or(usize::MAX));
        }
        let [a, b, c, d, ..] = matrix.as_coeffs();
        let shown = (side(a.hypot(b)), side(c.hypot(d)));
        let picture = Rc::new(decode(stream, resources, &Frame { pixels_max: self.pixels_max, shown })?);
        self.last = id.map(|id| (id, Rc::clone(&picture)));
        Ok(picture)
    }

    /// Fills a shape on the page. Says how much work it was, in pixels.
    pub fn fill(&mut self, mut path: BezPath, clip: Rect, even_odd: bool, colour: u8) -> usize {
        path.apply_affine(Affine::scale(self.scale));
        let work_max = WORK_MAX.saturating_sub(self.work);
        let shape = Fill { even_odd, clip: self.scaled(clip), colour, work_max };
        let work = fill(&mut self.canvas, &path, &shape);
        self.work += work;
        self.is_painted |= work > 0;
        work
    }

    fn scaled(&self, clip: Rect) -> Rect {
        Affine::scale(self.scale).transform_rect_bbox(clip)
    }

    /// The page as a picture file; none when nothing is on it.
    pub(super) fn into_picture(self) -> Option<Vec<u8>> {
        let is_blank = !self.is_painted || self.canvas.is_of_one_colour();
        // Nothing is decoded any more, and the copy needs the room.
        drop(self.last);
        (!is_blank).then(|| self.canvas.into_pgm())
    }
}

fn scale((width, height): (f64, f64), density: Option<f64>, pixels_max: u64) -> f64 {
    let enlarged = USUAL_SCALE.min(ENLARGED_SIDE_MAX / width.max(height));
    let scale = match density {
        Some(density) if NEAR_USUAL.contains(&density) => density,
        Some(density) if density < USUAL_SCALE => density.max(enlarged),
        Some(_) => USUAL_SCALE,
        None => enlarged,
    };
    let pixels_max = u32::try_from(pixels_max).unwrap_or(u32::MAX).min(PIXELS_MAX);
    scale.min((f64::from(pixels_max) / (width * height)).sqrt()).min(SIDE_MAX / width.max(height))
}

/// A part of a pixel is one, but what rounding left is not.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the scale")]
fn pixels(length: f64) -> usize {
    ((length - 0.01).ceil() as usize).max(1)
}

/// A hair less than a length, so that a picture that is just twice as fine may be decoded at half its size.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn side(length: f64) -> u32 {
    (length * 0.99).clamp(1.0, SIDE_MAX) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: (f64, f64) = (612.0, 792.0);

    #[track_caller]
    fn check(size: (f64, f64), density: Option<f64>, dpi: f64) {
        let scale = scale(size, density, u64::MAX);
        assert!((scale * 72.0 - dpi).abs() < 1.0, "{}", scale * 72.0);
    }

    #[test]
    fn coarse_and_fine_scans_are_shown_at_300_dpi_and_usual_ones_as_they_are() {
        check(LETTER, Some(150.0 / 72.0), 300.0);
        check(LETTER, Some(600.0 / 72.0), 300.0);
        check(LETTER, Some(240.0 / 72.0), 240.0);
        check(LETTER, None, 300.0);
    }

    #[test]
    fn page_measured_in_pixels_is_not_enlarged_much() {
        check((2550.0, 3300.0), Some(1.0), 91.6);
    }

    #[test]
    fn pixels_are_bounded() {
        let scale = scale(LETTER, None, 1_000_000);
        assert!(LETTER.0 * LETTER.1 * scale * scale <= 1_000_001.0);
    }
}
