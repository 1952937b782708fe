//! Width and height of a picture, out of its header alone: a decoder would first reserve the memory.

use crate::extract::office::bytes::{u16_at, u32_at};

/// Width and height; none when the header does not say.
pub(super) fn of(bytes: &[u8]) -> Option<(u64, u64)> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((big32(bytes, 16)?, big32(bytes, 20)?)),
        [b'G', b'I', b'F', ..] => Some((little16(bytes, 6)?, little16(bytes, 8)?)),
        [b'B', b'M', ..] => {
            Some((u64::from(u32_at(bytes, 18)?), u64::from(u32_at(bytes, 22)?.cast_signed().unsigned_abs())))
        }
        [0xff, 0xd8, ..] => jpeg(bytes),
        [b'I', b'I', ..] | [b'M', b'M', ..] => tiff(bytes),
        [b'R', b'I', b'F', b'F', ..] => webp(bytes),
        [b'P', b'1'..=b'6', ..] => netpbm(bytes),
        _ => None,
    }
}

fn little16(bytes: &[u8], at: usize) -> Option<u64> {
    u16_at(bytes, at).map(u64::from)
}

fn big16(bytes: &[u8], at: usize) -> Option<u64> {
    u16_at(bytes, at).map(|number| u64::from(number.swap_bytes()))
}

fn big32(bytes: &[u8], at: usize) -> Option<u64> {
    u32_at(bytes, at).map(|number| u64::from(number.swap_bytes()))
}

/// The frame header, behind segments that each tell their length (ITU T.81, B.2).
fn jpeg(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut at = 2;
    loop {
        match bytes.get(at..at + 2)? {
            [0xff, 0xff] => at += 1,
            [0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf] => {
                return Some((big16(bytes, at + 7)?, big16(bytes, at + 5)?));
            }
            [0xff, 0x01 | 0xd0..=0xd8] => at += 2,
            [0xff, _] => at += 2 + usize::try_from(big16(bytes, at + 2)?).ok()?,
            _ => return None,
        }
    }
}

/// The tags 256 and 257 of the first directory (TIFF 6.0, section 2).
fn tiff(bytes: &[u8]) -> Option<(u64, u64)> {
    let little = bytes[0] == b'I';
    let number16 = |at| if little { little16(bytes, at) } else { big16(bytes, at) };
    let number32 = |at| if little { u32_at(bytes, at).map(u64::from) } else { big32(bytes, at) };
    let directory = usize::try_from(number32(4)?).ok()?;
    let count = usize::try_from(number16(directory)?).ok()?;
    let find = |tag: u64| {
        let entry = (0..count).map(|index| directory + 2 + 12 * index).find(|at| number16(*at) == Some(tag))?;
        // Type 3 is a short number, which stands at the beginning of its field.
        if number16(entry + 2)? == 3 { number16(entry + 8) } else { number32(entry + 8) }
    };
    Some((find(256)?, find(257)?))
}

/// The three kinds of WebP (RFC 9649, sections 2.5 to 2.7).
fn webp(bytes: &[u8]) -> Option<(u64, u64)> {
    match bytes.get(12..16)? {
        b"VP8 " => Some((little16(bytes, 26)? & 0x3fff, little16(bytes, 28)? & 0x3fff)),
        b"VP8L" => {
            let both = u64::from(u32_at(bytes, 21)?);
            Some(((both & 0x3fff) + 1, (both >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            Some(((u64::from(u32_at(bytes, 24)?) & 0xff_ffff) + 1, (u64::from(u32_at(bytes, 27)?) & 0xff_ffff) + 1))
        }
        _ => None,
    }
}

/// Two numbers in words, among remarks (netpbm's `pbm(5)`).
fn netpbm(bytes: &[u8]) -> Option<(u64, u64)> {
    let head = String::from_utf8_lossy(&bytes[2..bytes.len().min(1024)]);
    let words = head.lines().map(|line| line.split('#').next().unwrap_or("")).flat_map(str::split_whitespace);
    let mut numbers = words.map_while(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_the_size() {
        assert_eq!(of(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\0\0\0\0\x02"), Some((256, 2)));
        assert_eq!(of(b"GIF89a\x03\0\x04\0"), Some((3, 4)));
        assert_eq!(of(b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x05\0\x06"), Some((6, 5)));
        assert_eq!(of(b"P4\n# remark\n7 8\n"), Some((7, 8)));
        let tiff = b"II*\0\x08\0\0\0\x02\0\0\x01\x03\0\x01\0\0\0\x09\0\0\0\x01\x01\x04\0\x01\0\0\0\x0a\0\0\0";
        assert_eq!(of(tiff), Some((9, 10)));
    }
}
