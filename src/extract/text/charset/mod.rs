//! Bytes to text: byte order mark, then what is declared, then what the bytes look like.
//!
//! Nothing fails: what cannot be decoded becomes U+FFFD and a warning.

mod guess;
mod johab;
mod shifted;
mod tables;
mod wide;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use tables::{CP437, CP850, CP852, CP855, Table};

pub(crate) const ENGINE: &str = "encoding_rs 0.8.44";

/// How much of a file is looked at to find its encoding.
const SAMPLE_BYTES_MAX: usize = 1 << 20;

pub(crate) struct Decoded {
    pub text: String,
    pub warning: Option<String>,
}

/// A way to read bytes that are neither UTF-16 nor UTF-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Known(&'static Encoding),
    Table(&'static Table),
    Johab,
}

impl Codec {
    /// By a name as it stands in headers and declarations.
    fn for_label(label: &str) -> Option<Self> {
        let label = label.trim();
        let lower = label.to_ascii_lowercase();
        if ["johab", "cp1361", "ms1361"].contains(&lower.as_str()) {
            return Some(Self::Johab);
        }
        let table = [&CP437, &CP850, &CP852, &CP855].into_iter().find(|table| table.labels.contains(&lower.as_str()));
        table.map(Self::Table).or_else(|| Encoding::for_label(label.as_bytes()).map(Self::Known))
    }

    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Known(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Table(table) => table.decode(bytes),
            Self::Johab => johab::decode(bytes),
        }
    }

    fn fits(self, bytes: &[u8]) -> bool {
        // UTF-8 was tried before, and a declared UTF-16 that shows no zero bytes is a lie.
        let lies = [UTF_8, UTF_16LE, UTF_16BE].map(Self::Known).contains(&self);
        !lies && !self.decode(&bytes[..bytes.len().min(SAMPLE_BYTES_MAX)]).contains('\u{fffd}')
    }
}

/// Decodes text. `declared` is what a header or a `meta` element says; a byte order mark and valid UTF-8 outrank it.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    if let Some(wide) = wide::find(bytes) {
        return finish(wide.decode(bytes));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(text) = shifted::decode(bytes) {
        return finish(text);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains('\x1b')
    {
        return Decoded { text: text.to_owned(), warning: None };
    }
    let declared = declared.and_then(Codec::for_label).filter(|codec| codec.fits(bytes));
    finish(declared.unwrap_or_else(|| guess::guess(bytes)).decode(bytes))
}

fn finish(text: String) -> Decoded {
    let lost = text.chars().filter(|c| *c == '\u{fffd}').count();
    let warning = (lost > 0).then(|| format!("undecodable: {lost} characters could not be decoded."));
    Decoded { text, warning }
}

/// Whether the bytes are UTF-16 or UTF-32.
pub(crate) fn is_wide(bytes: &[u8]) -> bool {
    wide::find(bytes).is_some()
}

/// How many of the bytes are like this. They are counted in bytes themselves, many with one instruction.
pub(crate) fn count(bytes: &[u8], is_counted: impl Fn(u8) -> bool) -> usize {
    let of_few = |few: &[u8]| few.iter().fold(0_u8, |counted, byte| counted + u8::from(is_counted(*byte)));
    bytes.chunks(usize::from(u8::MAX)).map(|few| usize::from(of_few(few))).sum()
}

/// The first `name="value"` or `name=value` of a declaration such as `<?xml … encoding="…"?>` or `<meta charset=…>`.
pub(crate) fn declared_label<'a>(head: &'a str, name: &str) -> Option<&'a str> {
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
