//! From the order that words stand in on a line to the order that they are read in.
//!
//! Only lines with right-to-left letters differ. This is the reverse of the Unicode bidirectional algorithm (UAX 9) as
//! far as it can be undone: the direction of a line is that of most of its words.

use super::glyphs;

/// Whether most letters of a text are written from right to left.
pub(super) fn is_right_to_left(text: &str) -> bool {
    let right_to_left = text.chars().filter(|c| glyphs::is_right_to_left(*c)).count();
    right_to_left > 0 && right_to_left * 2 > text.chars().filter(|c| c.is_alphabetic()).count()
}

/// The words of a line, from left to right, in the order that they are read in.
pub(super) fn logical(words: Vec<String>) -> Vec<String> {
    if !words.iter().any(|word| word.chars().any(glyphs::is_right_to_left)) {
        return words;
    }
    let directions: Vec<Option<bool>> = words.iter().map(|word| direction(word)).collect();
    let (right, left) = (count(&directions, true), count(&directions, false));
    let base = right >= left;
    let mut words: Vec<String> = words.into_iter().map(|word| turned(&word, base)).collect();
    let mut against: Vec<bool> = directions.iter().map(|direction| direction.unwrap_or(base) != base).collect();
    if base {
        words.reverse();
        against.reverse();
    }
    // Runs against the direction of the line are read the other way round.
    let mut from = 0;
    while from < words.len() {
        let length = against[from..].iter().take_while(|against| **against).count();
        words[from..from + length].reverse();
        from += length.max(1);
    }
    words
}

/// Some(true) for right to left, none for a word without letters.
fn direction(word: &str) -> Option<bool> {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    (letters > 0).then(|| is_right_to_left(word))
}

fn count(directions: &[Option<bool>], right_to_left: bool) -> usize {
    directions.iter().filter(|direction| **direction == Some(right_to_left)).count()
}

/// A word in reading order: its letters from right to left turned round, numbers and Latin letters in it not.
fn turned(word: &str, base: bool) -> String {
    let has_right_to_left = word.chars().any(glyphs::is_right_to_left);
    if !has_right_to_left && (!base || word.chars().any(char::is_alphanumeric)) {
        return word.to_owned();
    }
    let mut chars: Vec<char> = word.chars().rev().map(mirrored).collect();
    let stays = |c: char| c.is_alphanumeric() && !glyphs::is_right_to_left(c);
    let mut from = 0;
    while from < chars.len() {
        let mut length = chars[from..].iter().take_while(|c| stays(**c)).count();
        // A point or comma between digits belongs to the number.
        while length > 0
            && chars.get(from + length).is_some_and(|c| matches!(c, '.' | ',' | ':' | '/'))
            && chars.get(from + length + 1).is_some_and(|c| stays(*c))
        {
            length += 1 + chars[from + length + 1..].iter().take_while(|c| stays(**c)).count();
        }
        chars[from..from + length].reverse();
        from += length.max(1);
    }
    marks_after_letters(&mut chars);
    chars.into_iter().collect()
}

/// Vowel points follow the letter that they belong to.
fn marks_after_letters(chars: &mut [char]) {
    let is_mark =
        |c: char| matches!(c, '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}');
    let mut from = 0;
    while from < chars.len() {
        let marks = chars[from..].iter().take_while(|c| is_mark(**c)).count();
        let end = (from + marks + 1).min(chars.len());
        if marks > 0 {
            chars[from..end].rotate_right(1);
        }
        from = end;
    }
}

/// Brackets are drawn mirrored where text runs from right to left.
fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        logical(line.split(' ').map(str::to_owned).collect()).join(" ")
    }

    #[test]
    fn latin_line_stays() {
        assert_eq!(read("one two (3)"), "one two (3)");
    }

    #[test]
    fn right_to_left_line_is_turned_but_its_numbers_are_not() {
        assert_eq!(read("3.14 םולש"), "שלום 3.14");
        assert_eq!(read("(םלוע) םולש"), "שלום (עולם)");
        assert_eq!(read("12,5-ה Adobe Reader םולש"), "שלום Adobe Reader ה-12,5");
    }

    #[test]
    fn right_to_left_words_in_a_latin_line_are_turned_among_themselves() {
        assert_eq!(read("say םלוע םולש to all"), "say שלום עולם to all");
    }
}
