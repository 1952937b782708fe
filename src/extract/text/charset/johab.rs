//! Johab (KS X 1001:1992, annex 3; code page 1361): Korean syllables by their parts, in two bytes.
//!
//! Fifteen bits hold the initial, the vowel and the final of a syllable, so Hangul needs no table. Symbols and Chinese
//! characters are those of KS X 1001 in another place, which EUC-KR has too.

use encoding_rs::EUC_KR;

/// Single letters as they stand alone, by initial and by vowel.
const INITIALS: [char; 19] =
    ['ㄱ', 'ㄲ', 'ㄴ', 'ㄷ', 'ㄸ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅃ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅉ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ'];

pub(super) fn decode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.first()) {
            (0x5c, _) => out.push('₩'),
            (0..=0x7f, _) => out.push(char::from(*first)),
            (_, Some(second)) => {
                if let Some(c) = pair(*first, *second) {
                    out.push(c);
                    rest = &tail[1..];
                } else {
                    out.push('\u{fffd}');
                }
            }
            (_, None) => out.push('\u{fffd}'),
        }
    }
    out
}

fn pair(first: u8, second: u8) -> Option<char> {
    match first {
        0x84..=0xd3 => syllable(u16::from(first) << 8 | u16::from(second)),
        0xd9..=0xde | 0xe0..=0xf9 => symbol(first, second),
        _ => None,
    }
}

fn syllable(code: u16) -> Option<char> {
    let part = |shift: u16| u32::from(code >> shift & 31);
    let initial = part(10).checked_sub(2).filter(|initial| *initial < 19);
    let vowel = match part(5) {
        code @ 3..=7 => Some(code - 3),
        code @ 10..=15 => Some(code - 5),
        code @ 18..=23 => Some(code - 7),
        code @ 26..=29 => Some(code - 9),
        _ => None,
    };
    let last = match part(0) {
        code @ 1..=17 => Some(code - 1),
        code @ 19..=29 => Some(code - 2),
        _ => None,
    };
    match (initial, vowel, last) {
        (Some(initial), Some(vowel), Some(last)) => char::from_u32(0xac00 + (initial * 21 + vowel) * 28 + last),
        (Some(initial), None, Some(0)) if part(5) == 2 => INITIALS.get(initial as usize).copied(),
        (None, Some(vowel), Some(0)) if part(10) == 1 => char::from_u32(0x314f + vowel),
        _ => None,
    }
}

/// A symbol or Chinese character: two rows of KS X 1001 stand under each first byte.
fn symbol(first: u8, second: u8) -> Option<char> {
    let place = match second {
        0x31..=0x7e => second - 0x31,
        0x91..=0xfe => second - 0x43,
        _ => return None,
    };
    let row = if first < 0xe0 { 2 * (u16::from(first) - 0xd9) } else { 2 * u16::from(first) - 0x197 };
    let row = row + u16::from(place >= 0x5e) + 0xa1;
    let code = [u8::try_from(row).ok()?, place % 0x5e + 0xa1];
    let text = EUC_KR.decode_without_bom_handling(&code).0;
    text.chars().next().filter(|c| *c != '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_composed_and_symbols_found() {
        assert_eq!(decode(b"\xd0\x65\x8b\x69 a"), "한글 a");
        assert_eq!(decode(b"\xd9\x33"), "。");
    }
}
