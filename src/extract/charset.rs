//! Bytes to text: byte order mark, then what is declared, then what the bytes look like.
//!
//! UTF-16 and UTF-32 are found without a mark by where their zero bytes lie. Everything else that is not UTF-8 is
//! chardetng's guess. Nothing fails: what cannot be decoded becomes U+FFFD and a warning.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

pub(super) const ENGINE: &str = "encoding_rs 0.8.44";

/// How much of a file is looked at to find its encoding.
const SAMPLE_BYTES_MAX: usize = 1 << 20;

pub(super) struct Decoded {
    pub text: String,
    pub warning: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    Utf16(&'static Encoding),
    Utf32 { little: bool },
}

/// Decodes text. `declared` is what a header or a `meta` element says; a byte order mark and valid UTF-8 outrank it.
pub(super) fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    if let Some(wide) = wide(bytes) {
        return match wide {
            Wide::Utf32 { little } => finish(utf32(bytes, little)),
            Wide::Utf16(encoding) => finish(encoding.decode_with_bom_removal(bytes).0.into_owned()),
        };
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains('\x1b')
    {
        return Decoded { text: text.to_owned(), warning: None };
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    let encoding = declared.filter(|encoding| fits(encoding, bytes)).unwrap_or_else(|| guess(bytes));
    finish(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

fn finish(text: String) -> Decoded {
    let lost = text.chars().filter(|c| *c == '\u{fffd}').count();
    let warning = (lost > 0).then(|| format!("undecodable: {lost} characters could not be decoded."));
    Decoded { text, warning }
}

fn fits(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES_MAX)];
    // UTF-8 was tried before, and a declared UTF-16 that shows no zero bytes is a lie.
    encoding != UTF_8
        && encoding != UTF_16LE
        && encoding != UTF_16BE
        && !encoding.decode_without_bom_handling(sample).0.contains('\u{fffd}')
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES_MAX)];
    // A cut-off or slightly damaged UTF-8 file is still UTF-8 when most of what is not ASCII is well formed.
    if mostly_utf8(sample) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Allow)
}

fn mostly_utf8(sample: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in sample.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += chunk.invalid().len().min(1);
    }
    good > bad * 8
}

/// Whether the bytes are UTF-16 or UTF-32.
pub(super) fn is_wide(bytes: &[u8]) -> bool {
    wide(bytes).is_some()
}

/// UTF-16 or UTF-32, by mark or by the places of the zero bytes.
fn wide(bytes: &[u8]) -> Option<Wide> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => return Some(Wide::Utf32 { little: true }),
        [0, 0, 0xfe, 0xff, ..] => return Some(Wide::Utf32 { little: false }),
        [0xff, 0xfe, ..] => return Some(Wide::Utf16(UTF_16LE)),
        [0xfe, 0xff, ..] => return Some(Wide::Utf16(UTF_16BE)),
        _ => {}
    }
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES_MAX) & !3];
    if sample.len() < 8 {
        return None;
    }
    let quads = sample.len() / 4;
    let mut zeros = [0_usize; 4];
    for quad in sample.chunks_exact(4) {
        for (place, byte) in quad.iter().enumerate() {
            zeros[place] += usize::from(*byte == 0);
        }
    }
    let all = |place: usize| zeros[place] * 100 >= quads * 98;
    let few = |place: usize| zeros[place] * 100 <= quads * 5;
    let many = |place: usize| zeros[place] * 100 >= quads * 40;
    if all(0) && (all(1) || zeros[1] * 2 > quads) && few(3) {
        return Some(Wide::Utf32 { little: false });
    }
    if all(3) && (all(2) || zeros[2] * 2 > quads) && few(0) {
        return Some(Wide::Utf32 { little: true });
    }
    if many(0) && many(2) && few(1) && few(3) {
        return Some(Wide::Utf16(UTF_16BE));
    }
    if many(1) && many(3) && few(0) && few(2) {
        return Some(Wide::Utf16(UTF_16LE));
    }
    None
}

fn utf32(bytes: &[u8], little: bool) -> String {
    let units = bytes.chunks_exact(4).map(|quad| {
        let quad = [quad[0], quad[1], quad[2], quad[3]];
        if little { u32::from_le_bytes(quad) } else { u32::from_be_bytes(quad) }
    });
    let text: String = units.map(|unit| char::from_u32(unit).unwrap_or('\u{fffd}')).collect();
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// The first `name="value"` or `name=value` of a declaration such as `<?xml … encoding="…"?>` or `<meta charset=…>`.
pub(super) fn declared_label<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lower = head.to_ascii_lowercase();
    let at = lower.find(name)? + name.len();
    let rest = head[at..].trim_start().strip_prefix('=')?.trim_start();
    let rest = rest.trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        decode(bytes, None).text
    }

    #[test]
    fn marks_are_obeyed_and_removed() {
        assert_eq!(text(b"\xef\xbb\xbfhi"), "hi");
        assert_eq!(text(b"\xff\xfeh\0i\0"), "hi");
        assert_eq!(text(b"\xfe\xff\0h\0i"), "hi");
        assert_eq!(text(b"\0\0\xfe\xff\0\0\0h"), "h");
        assert_eq!(text(b"\xff\xfe\0\0h\0\0\0"), "h");
    }

    #[test]
    fn wide_text_without_a_mark_is_found() {
        let be: Vec<u8> = "A line of text".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&be), "A line of text");
        let le: Vec<u8> = "A line of text".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        assert_eq!(text(&le), "A line of text");
    }

    #[test]
    fn declared_charset_is_used_when_the_bytes_fit() {
        assert_eq!(decode(b"\xcf\xf0\xe8\xe2\xe5\xf2", Some("windows-1251")).text, "Привет");
    }

    #[test]
    fn damaged_utf8_stays_utf8_with_a_warning() {
        let mut bytes = "größer als früher, völlig äußerst schön, wünschenswert übermütig".as_bytes().to_vec();
        bytes.push(0xc3);
        let decoded = decode(&bytes, None);
        assert!(decoded.text.starts_with("größer"));
        assert!(decoded.warning.is_some());
    }

    #[test]
    fn label_is_read_from_a_declaration() {
        assert_eq!(declared_label("<?xml version='1.0' encoding = \"koi8-r\"?>", "encoding"), Some("koi8-r"));
        assert_eq!(declared_label("<meta charset=big5>", "charset"), Some("big5"));
        assert_eq!(declared_label("<meta>", "charset"), None);
    }
}
