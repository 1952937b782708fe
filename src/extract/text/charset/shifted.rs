//! Seven-bit encodings that switch between ASCII and two-byte characters: ISO-2022-KR (RFC 1557) and HZ (RFC 1843).
//!
//! Browsers refuse both, so `encoding_rs` does not have them; what they switch to is EUC-KR and GBK without the high bits.

use encoding_rs::{EUC_KR, Encoding, GBK};
use memchr::memmem;

/// The text, when the bytes are in one of the two.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    if !bytes.is_ascii() {
        return None;
    }
    let position = |needle: &[u8]| memmem::find(bytes, needle);
    if let Some(at) = position(b"\x1b$)C") {
        let text = [&bytes[..at], &bytes[at + 4..]].concat();
        return Some(switched(&text, EUC_KR, &[b"\x0e"], &[b"\x0f"]));
    }
    let (start, end) = (position(b"~{")?, position(b"~}")?);
    let inside = bytes.get(start + 2..end)?;
    let is_pairs =
        !inside.is_empty() && inside.len() % 2 == 0 && inside.iter().all(|byte| (0x21..=0x7e).contains(byte));
    is_pairs.then(|| switched(bytes, GBK, &[b"~{"], &[b"~}", b"\n"]))
}

/// Raises what stands between a mark and the next mark back, and decodes the whole.
fn switched(bytes: &[u8], encoding: &'static Encoding, to: &[&[u8]], back: &[&[u8]]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut raised = false;
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let marks = if raised { back } else { to };
        if let Some(mark) = marks.iter().find(|mark| rest.starts_with(mark)) {
            raised = !raised;
            rest = &rest[mark.len()..];
            if **mark == *b"\n" {
                out.push(b'\n');
            }
            continue;
        }
        let escaped_tilde = encoding == GBK && !raised && rest.starts_with(b"~~");
        out.push(if raised && !first.is_ascii_control() && *first != b' ' { first | 0x80 } else { *first });
        rest = if escaped_tilde { &tail[1..] } else { tail };
    }
    encoding.decode_without_bom_handling(&out).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read() {
        assert_eq!(decode(b"\x1b$)C\x0eGQ1[\x0f ok").as_deref(), Some("한글 ok"));
        assert_eq!(decode(b"say ~{<:Ky2;~} ~~").as_deref(), Some("say 己所不 ~"));
        assert_eq!(decode(b"plain ~{ text"), None);
    }
}
