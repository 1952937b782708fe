//! Segments: glyphs that follow one another on a line, as words with the gaps between them.

use unicode_normalization::char::compose;

use super::glyphs::{Glyph, is_wide};

/// A gap of this part of the size is a space; poppler has the same.
const SPACE_GAP: f64 = 0.1;
/// Between characters that need no spaces, only a wide gap is one.
const WIDE_SPACE_GAP: f64 = 0.4;
/// A gap of this part of the size ends a segment.
const SEGMENT_GAP: f64 = 0.9;
/// Glyphs and segments this near to an equal one are the same one, drawn again to look bold or to throw a shadow.
const SAME_PLACE: f64 = 0.12;

#[derive(Debug, Clone)]
pub(super) struct Word {
    pub text: String,
    pub left: f64,
    pub right: f64,
    pub glyphs: usize,
    /// Whether a space character stands before it, not just a gap.
    pub after_space: bool,
}

/// Glyphs that stand together on a line.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub words: Vec<Word>,
    pub left: f64,
    pub right: f64,
    pub y: f64,
    pub size: f64,
    /// Where the last glyph begins, for accents that are drawn over it.
    last_left: f64,
    pub ends_with_space: bool,
}

impl Word {
    fn new(glyph: &Glyph, after_space: bool) -> Self {
        Self { text: glyph.text.to_string(), left: glyph.x, right: glyph.x + glyph.width, glyphs: 1, after_space }
    }
}

impl Segment {
    fn new(glyph: &Glyph) -> Self {
        Self {
            words: vec![Word::new(glyph, false)],
            left: glyph.x,
            right: glyph.x + glyph.width,
            y: glyph.y,
            size: glyph.size,
            last_left: glyph.x,
            ends_with_space: false,
        }
    }

    fn last(&mut self) -> &mut Word {
        self.words.last_mut().expect("a segment begins with a word")
    }

    /// Whether another segment says the same in the same place.
    fn doubles(&self, other: &Self) -> bool {
        let near = SAME_PLACE.max(0.2) * self.size;
        let text = |segment: &Self| segment.words.iter().map(|word| word.text.len()).sum::<usize>();
        (self.left - other.left).abs() < near
            && (self.y - other.y).abs() < near
            && text(self) == text(other)
            && self.words.iter().flat_map(|word| word.text.bytes()).eq(other.words.iter().flat_map(|w| w.text.bytes()))
    }

    /// Adds a glyph that continues the segment; says whether it does.
    fn join(&mut self, glyph: &Glyph) -> bool {
        let size = self.size.max(glyph.size);
        let gap = glyph.x - self.right;
        // Superscripts stand off the line but belong to it.
        let same_line =
            (glyph.y - self.y).abs() < 0.5 * size && glyph.size > 0.4 * self.size && self.size > 0.4 * glyph.size;
        if self.accent(glyph) {
            return true;
        }
        if !same_line || gap < -0.6 * size || gap > SEGMENT_GAP * size {
            return false;
        }
        if glyph.is_space() {
            self.ends_with_space = true;
        } else {
            self.add(glyph, gap, size);
        }
        self.right = self.right.max(glyph.x + glyph.width);
        self.last_left = glyph.x;
        true
    }

    fn add(&mut self, glyph: &Glyph, gap: f64, size: f64) {
        let wide =
            self.last().text.chars().next_back().is_some_and(is_wide) && glyph.text.chars().next().is_some_and(is_wide);
        let space_gap = if wide { WIDE_SPACE_GAP } else { SPACE_GAP };
        if std::mem::take(&mut self.ends_with_space) {
            self.words.push(Word::new(glyph, true));
        } else if gap > space_gap * size {
            self.words.push(Word::new(glyph, false));
        } else {
            let word = self.last();
            word.text.push_str(&glyph.text);
            word.right = word.right.max(glyph.x + glyph.width);
            word.glyphs += 1;
        }
        if glyph.size > self.size {
            self.size = glyph.size;
            self.y = glyph.y;
        }
    }

    /// Puts an accent and the letter that it is drawn over together, whichever comes first.
    fn accent(&mut self, glyph: &Glyph) -> bool {
        let size = self.size.max(glyph.size);
        let overlaps = glyph.x < self.right - 0.1 * size
            && glyph.x > self.last_left - 0.5 * size
            && (glyph.y - self.y).abs() < size;
        let mut chars = glyph.text.chars();
        let (Some(new), None) = (chars.next(), chars.next()) else { return false };
        let Some(old) = self.last().text.chars().next_back().filter(|_| overlaps && !self.ends_with_space) else {
            return false;
        };
        let composed = match (combining(old), combining(new)) {
            (None, Some(mark)) => compose(dotted(old), mark),
            (Some(mark), None) => compose(dotted(new), mark),
            _ => None,
        };
        let Some(composed) = composed else { return false };
        let word = self.last();
        word.text.pop();
        word.text.push(composed);
        word.right = word.right.max(glyph.x + glyph.width);
        self.right = self.right.max(glyph.x + glyph.width);
        true
    }
}

/// The combining mark of an accent that stands alone.
fn combining(c: char) -> Option<char> {
    Some(match c {
        '`' | 'ˋ' => '\u{300}',
        '´' | 'ˊ' => '\u{301}',
        '^' | 'ˆ' => '\u{302}',
        '~' | '˜' => '\u{303}',
        '¯' | 'ˉ' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' | '°' => '\u{30a}',
        '˝' => '\u{30b}',
        'ˇ' => '\u{30c}',
        '¸' => '\u{327}',
        '˛' => '\u{328}',
        '\u{300}'..='\u{36f}' => c,
        _ => return None,
    })
}

/// A letter that was drawn without its dot, to carry an accent, is the usual letter.
fn dotted(c: char) -> char {
    match c {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    }
}

/// Gathers glyphs of one direction, in the order that they are drawn.
pub(super) fn segments<'g>(glyphs: impl Iterator<Item = &'g Glyph>) -> Vec<Segment> {
    let mut done: Vec<Segment> = Vec::new();
    let mut open: Option<Segment> = None;
    let mut last: Option<&Glyph> = None;
    for glyph in glyphs {
        if last.is_some_and(|last| is_same(last, glyph)) {
            continue;
        }
        last = Some(glyph);
        if open.as_mut().is_some_and(|segment| segment.join(glyph)) {
            continue;
        }
        done.extend(open.take());
        if !glyph.is_space() {
            open = Some(Segment::new(glyph));
        }
    }
    done.extend(open);
    without_doubles(done)
}

fn is_same(last: &Glyph, glyph: &Glyph) -> bool {
    let near = SAME_PLACE * glyph.size;
    (glyph.x - last.x).abs() < near && (glyph.y - last.y).abs() < near && last.text == glyph.text && !glyph.is_space()
}

/// Segments that are drawn twice count once.
fn without_doubles(segments: Vec<Segment>) -> Vec<Segment> {
    const LOOK_BACK: usize = 24;
    let mut kept: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        let tail = kept.len().saturating_sub(LOOK_BACK);
        if !kept[tail..].iter().any(|other| other.doubles(&segment)) {
            kept.push(segment);
        }
    }
    kept
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn glyphs(text: &str, x: f64, y: f64, step: f64) -> Vec<Glyph> {
        let place = |(index, c): (u32, char)| Glyph {
            text: c.to_string().into(),
            angle: 0,
            x: x + f64::from(index) * step,
            y,
            width: 5.0,
            size: 10.0,
        };
        (0..).zip(text.chars()).map(place).collect()
    }

    fn words(glyphs: &[Glyph]) -> Vec<String> {
        segments(glyphs.iter()).iter().flat_map(|segment| &segment.words).map(|word| word.text.clone()).collect()
    }

    #[test]
    fn gaps_and_spaces_part_words() {
        let mut all = glyphs("one", 0.0, 0.0, 5.0);
        all.extend(glyphs("two three", 17.0, 0.0, 5.0));
        assert_eq!(words(&all), ["one", "two", "three"]);
    }

    #[test]
    fn text_drawn_twice_counts_once() {
        let mut all = glyphs("bold", 0.0, 0.0, 5.0);
        all.extend(glyphs("bold", 0.3, 0.0, 5.0));
        assert_eq!(words(&all), ["bold"]);
    }

    #[test]
    fn accents_join_their_letters() {
        let mut all = glyphs("u", 0.0, 0.0, 5.0);
        all.extend(glyphs("¨", 0.2, 0.0, 5.0));
        all.extend(glyphs("´e", 5.0, 0.0, 0.1));
        assert_eq!(words(&all), ["üé"]);
    }
}
