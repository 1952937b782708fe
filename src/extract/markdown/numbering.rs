//! Numbers of list items, as Word and ODF count them.

/// Levels that a list can have; deeper ones count as the deepest.
pub(crate) const LEVELS: usize = 9;

/// How the items of a level are marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Level {
    pub format: Format,
    pub start: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Bullet,
    /// No mark at all.
    None,
    Decimal,
    LowerLetter,
    UpperLetter,
    LowerRoman,
    UpperRoman,
}

/// Where a list stands: the number of the last item of each level, 0 before the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter([u32; LEVELS]);

impl Counter {
    /// The mark of the next item of this level. Deeper levels start again.
    pub fn next(&mut self, level: usize, kind: &Level) -> String {
        let level = level.min(LEVELS - 1);
        let last = self.0[level];
        self.0[level] = if last == 0 { kind.start.max(1) } else { last.saturating_add(1) };
        self.0[level + 1..].fill(0);
        mark(self.0[level], kind.format)
    }

    /// Makes the next item of this level the first again.
    pub fn restart(&mut self, level: usize) {
        self.0[level.min(LEVELS - 1)..].fill(0);
    }
}

fn mark(number: u32, format: Format) -> String {
    match format {
        Format::Bullet | Format::None => "-".to_owned(),
        Format::Decimal => format!("{number}."),
        Format::LowerLetter => format!("{}.", letters(number).to_lowercase()),
        Format::UpperLetter => format!("{}.", letters(number)),
        Format::LowerRoman => format!("{}.", roman(number).to_lowercase()),
        Format::UpperRoman => format!("{}.", roman(number)),
    }
}

/// A to Z, then AA to ZZ, as Word does.
fn letters(number: u32) -> String {
    let index = number.saturating_sub(1);
    let letter = char::from(b'A' + (index % 26) as u8);
    std::iter::repeat_n(letter, (index / 26 + 1).min(10) as usize).collect()
}

fn roman(number: u32) -> String {
    const STEPS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if number > 4999 {
        return number.to_string();
    }
    let mut rest = number;
    let mut out = String::new();
    for (value, sign) in STEPS {
        while rest >= value {
            out.push_str(sign);
            rest -= value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_on_their_own() {
        let decimal = Level { format: Format::Decimal, start: 1 };
        let roman = Level { format: Format::LowerRoman, start: 4 };
        let mut counter = Counter::default();
        let marks = [(0, &decimal), (1, &roman), (1, &roman), (0, &decimal), (1, &roman)];
        let marks: Vec<String> = marks.into_iter().map(|(level, kind)| counter.next(level, kind)).collect();
        assert_eq!(marks, ["1.", "iv.", "v.", "2.", "iv."]);
        assert_eq!(mark(28, Format::LowerLetter), "bb.");
    }
}
