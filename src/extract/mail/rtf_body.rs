//! The RTF body of a message, which is packed ([MS-OXRTFCP]): copies out of a ring of 4,096 bytes that begins filled.

use crate::extract::office::bytes::{size_at, u32_at};

/// What the ring holds before the first byte.
const BEGINNING: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
    \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

const RING_BYTES: usize = 4096;

/// The unpacked body; none when it is no such body. At most `bytes_max` bytes are unpacked.
pub(super) fn unpack(body: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let length = size_at(body, 4)?.min(bytes_max);
    let packed = body.get(16..)?;
    match u32_at(body, 8)? {
        0x414c_454d => return Some(packed[..packed.len().min(length)].to_vec()),
        0x7546_5a4c => {}
        _ => return None,
    }
    let mut ring = [b' '; RING_BYTES];
    ring[..BEGINNING.len()].copy_from_slice(BEGINNING);
    let mut place = BEGINNING.len();
    let mut out = Vec::new();
    let mut bytes = packed.iter().copied();
    'all: while let Some(flags) = bytes.next() {
        for bit in 0..8 {
            if out.len() >= length {
                break 'all;
            }
            let Some(first) = bytes.next() else { break 'all };
            let (from, count) = if flags >> bit & 1 == 0 {
                ring[place] = first;
                (place, 1)
            } else {
                let Some(second) = bytes.next() else { break 'all };
                let from = usize::from(first) << 4 | usize::from(second >> 4);
                if from == place {
                    break 'all;
                }
                (from, usize::from(second & 15) + 2)
            };
            for step in 0..count {
                let byte = ring[(from + step) % RING_BYTES];
                ring[place] = byte;
                place = (place + 1) % RING_BYTES;
                out.push(byte);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_the_specification_is_unpacked() {
        let packed =
            b"\x2d\0\0\0\x2b\0\0\0\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\0\x0a\0\x72\x63\x70\x67\x31\x32\x35\x42\
            \x32\x0a\xf3\x20\x68\x65\x6c\x09\0\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0";
        let expected = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
        assert_eq!(unpack(packed, 1 << 20).as_deref(), Some(expected.as_slice()));
    }
}
