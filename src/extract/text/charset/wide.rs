//! UTF-16 and UTF-32: by their marks, or by what their characters look like when read one way and the other.

/// How a code unit is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wide {
    Utf16 { little: bool },
    Utf32 { little: bool },
}

/// Less than this says too little.
const SAMPLE_BYTES_MIN: usize = 8;

/// Which of them the bytes are in, if any.
pub(super) fn find(bytes: &[u8]) -> Option<Wide> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => Some(Wide::Utf32 { little: true }),
        [0, 0, 0xfe, 0xff, ..] => Some(Wide::Utf32 { little: false }),
        [0xff, 0xfe, ..] => Some(Wide::Utf16 { little: true }),
        [0xfe, 0xff, ..] => Some(Wide::Utf16 { little: false }),
        _ => unmarked(&bytes[..bytes.len().min(super::SAMPLE_BYTES_MAX)]),
    }
}

fn unmarked(sample: &[u8]) -> Option<Wide> {
    // One-byte text has no control characters to speak of, and two-byte text has a zero or another one in every blank.
    let controls = super::count(sample, |byte| matches!(byte, 0..=8 | 0x0e..=0x1a));
    if sample.len() < SAMPLE_BYTES_MIN || controls * 100 < sample.len() {
        return None;
    }
    let quads = [true, false].into_iter().find(|little| looks_like_utf32(sample, *little));
    if let Some(little) = quads {
        return Some(Wide::Utf32 { little });
    }
    let score = |little| utf16_score(sample, little);
    let (little, big) = (score(true), score(false));
    let best = little.max(big);
    (best > 50 && little != big).then_some(Wide::Utf16 { little: little > big })
}

/// Every unit is a character, and nearly all of them have two zero bytes.
fn looks_like_utf32(sample: &[u8], little: bool) -> bool {
    let mut high = 0;
    let units = sample.len() / 4;
    for unit in units32(sample, little) {
        match char::from_u32(unit) {
            Some(c) if c != '\0' => high += usize::from(unit > 0xffff),
            _ => return false,
        }
    }
    high * 2 <= units
}

/// How much the bytes look like UTF-16, in percent: characters that text is made of count for it, others against.
fn utf16_score(sample: &[u8], little: bool) -> i64 {
    let mut score = 0_i64;
    let mut count = 0_i64;
    for unit in units16(sample, little) {
        count += 1;
        score += match unit {
            // Letters, blanks and marks that stand in every longer text of their script.
            0x09
            | 0x0a
            | 0x0d
            | 0x20..=0x7e
            | 0x3000..=0x3002
            | 0xff0c
            | 0xff01
            | 0xff1a
            | 0x060c
            | 0x2018..=0x201d
            | 0x2013
            | 0x2014 => 3,
            0xa0..=0x24f
            | 0x370..=0x6ff
            | 0x900..=0xdff
            | 0xe01..=0xe5b
            | 0x3041..=0x30ff
            | 0x4e00..=0x9fff
            | 0xac00..=0xd7a3 => 1,
            0xd800..=0xdfff => 0,
            0..=0x1f | 0x7f..=0x9f | 0xe000..=0xf8ff | 0xfff0..=0xffff => -8,
            _ => -1,
        };
    }
    if count == 0 { 0 } else { score * 100 / count }
}

fn units16(bytes: &[u8], little: bool) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(move |pair| {
        let pair = [pair[0], pair[1]];
        if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    })
}

fn units32(bytes: &[u8], little: bool) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(move |quad| {
        let quad = [quad[0], quad[1], quad[2], quad[3]];
        if little { u32::from_le_bytes(quad) } else { u32::from_be_bytes(quad) }
    })
}

impl Wide {
    pub fn decode(self, bytes: &[u8]) -> String {
        let text: String = match self {
            Self::Utf16 { little } => {
                let characters = char::decode_utf16(units16(bytes, little));
                characters.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
            Self::Utf32 { little } => {
                let characters = units32(bytes, little).map(char::from_u32);
                characters.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
        };
        text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn utf16_is_found_in_every_script() {
        for text in [
            "A line of text",
            "Строка обычного текста",
            "一行文字。\n再一行，還有。",
            "여러 줄의 글\n다음 줄",
            "naïve café",
        ] {
            for little in [true, false] {
                assert_eq!(find(&stored(text, little)), Some(Wide::Utf16 { little }), "{text}");
            }
        }
    }

    #[test]
    fn one_byte_text_and_programs_are_not_wide() {
        assert_eq!(find(b"plain text of one byte each"), None);
        assert_eq!(find(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0\x10\x11\x40\0"), None);
        assert_eq!(find(&[0; 64]), None);
    }
}
