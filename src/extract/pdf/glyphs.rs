//! Glyphs at their places on the page, turned so that their text runs from left to right and lines from top to bottom.

use std::rc::Rc;

use hayro_font::kurbo::{Affine, Point, Vec2};
use unicode_normalization::UnicodeNormalization as _;

/// A glyph: its text, the place of its origin, its width and size in points, in the direction that it is read.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    pub text: Rc<str>,
    /// The direction of its text on the page in whole degrees, clockwise.
    pub angle: i16,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub size: f64,
}

/// How a font places a glyph: `matrix` from its unit square to the page, `advance` along its line in that square.
pub(super) struct Placement {
    pub matrix: Affine,
    pub advance: f64,
    pub em: f64,
    pub vertical: bool,
}

impl Glyph {
    /// None when the glyph has no finite place.
    pub fn new(text: Rc<str>, placement: &Placement) -> Option<Self> {
        let Placement { matrix, advance, em, vertical } = placement;
        let origin = *matrix * Point::ZERO;
        let along = if *vertical { Point::new(0.0, -1.0) } else { Point::new(1.0, 0.0) };
        let along = *matrix * along - origin;
        let up = if *vertical { Point::new(1.0, 0.0) } else { Point::new(0.0, 1.0) };
        let size = (*matrix * up - origin).hypot() * em;
        let width = along.hypot() * advance.abs();
        let numbers = [origin.x, origin.y, along.x, along.y, size, width];
        if numbers.iter().any(|number| !number.is_finite() || number.abs() > 1e7) || size < 1e-3 {
            return None;
        }
        let angle = whole_degrees(along);
        let (x, y) = turned(origin, angle);
        Some(Self { text, angle, x, y, width, size })
    }

    pub fn is_space(&self) -> bool {
        self.text.chars().all(char::is_whitespace)
    }

    /// Whether another glyph stands further on the same line.
    pub fn continues_to(&self, other: &Self) -> bool {
        self.angle == other.angle && other.x >= self.x && (other.y - self.y).abs() < 0.5 * self.size
    }
}

/// The direction in whole degrees. Scans are rarely quite straight, so what is nearly a quarter turn is one.
#[expect(clippy::cast_possible_truncation, reason = "an angle is between -180 and 180")]
fn whole_degrees(along: Vec2) -> i16 {
    const SNAP: f64 = 6.0;
    let degrees = along.y.atan2(along.x).to_degrees();
    let quarter = (degrees / 90.0).round() * 90.0;
    let snapped = if (degrees - quarter).abs() <= SNAP { quarter } else { (degrees / 5.0).round() * 5.0 };
    (snapped as i16).rem_euclid(360)
}

/// The place in coordinates whose x axis runs along the text.
fn turned(origin: Point, angle: i16) -> (f64, f64) {
    match angle {
        0 => (origin.x, origin.y),
        90 => (origin.y, -origin.x),
        180 => (-origin.x, -origin.y),
        270 => (-origin.y, origin.x),
        other => {
            let (sin, cos) = f64::from(other).to_radians().sin_cos();
            (origin.x * cos + origin.y * sin, origin.y * cos - origin.x * sin)
        }
    }
}

/// A text without control characters and private codes, with ligatures and presentation forms spelled out.
pub(super) fn meaningful(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => out.push(' '),
            // A soft hyphen that is drawn is a hyphen.
            '\u{ad}' => out.push('-'),
            '\u{f0b7}' => out.push('•'),
            '\u{f0a7}' => out.push('▪'),
            '\u{f020}'..='\u{f07e}' => out.extend(char::from_u32(u32::from(c) - 0xf000)),
            '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => out.extend(std::iter::once(c).nfkc()),
            '\u{200b}' | '\u{feff}' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if out.chars().count() > 1 && out.chars().all(is_right_to_left) {
        // Glyphs of such a line are put in reading order one by one; what one of them stands for is turned with it.
        return out.chars().rev().collect();
    }
    out
}

/// Hebrew, Arabic, Syriac, Thaana and their like.
pub(super) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}')
}

/// Chinese, Japanese and Korean characters, between which a line end is no space.
pub(in crate::extract) fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{312f}' | '\u{3190}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_glyph_is_spelled_out() {
        assert_eq!(meaningful("ﬃ\u{a0}\u{ad}\u{e001}\u{0}"), "ffi -");
        assert_eq!(meaningful("\u{fefb}"), "ال");
    }

    #[test]
    fn slightly_turned_text_is_straight() {
        assert_eq!(whole_degrees(Vec2::new(1.0, 0.05)), 0);
        assert_eq!(whole_degrees(Vec2::new(0.0, -1.0)), 270);
        assert_eq!(whole_degrees(Vec2::new(1.0, 1.0)), 45);
    }
}
