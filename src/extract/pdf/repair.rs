//! Small repairs to the bytes of a file before it is parsed. No byte moves, so that every offset in it stays right.

use memchr::memmem;

/// The bytes with blanks between the keyword `stream` and its line end moved in front of the keyword.
///
/// Such blanks are against the letter (ISO 32000-2, 7.3.8.1), but some printers write them, and the parser then sees
/// no stream at all.
pub(super) fn repaired(bytes: &[u8]) -> Vec<u8> {
    const KEYWORD: &[u8] = b"stream";
    let mut out = bytes.to_vec();
    let find = memmem::Finder::new(KEYWORD);
    for at in find.find_iter(bytes) {
        let end = at + KEYWORD.len();
        let after = &bytes[end..];
        let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_ends = matches!(after.get(blanks), Some(b'\r' | b'\n'));
        if blanks > 0 && line_ends && follows_a_dictionary(&bytes[..at]) {
            out[at..end + blanks].fill(b' ');
            out[at + blanks..end + blanks].copy_from_slice(KEYWORD);
        }
    }
    out
}

/// The bytes without what leads to the index, so that the parser must look for every object itself.
pub(super) fn without_index(bytes: &[u8]) -> Vec<u8> {
    const KEYWORD: &[u8] = b"startxref";
    let mut out = repaired(bytes);
    for at in memmem::find_iter(bytes, KEYWORD) {
        out[at..at + KEYWORD.len()].fill(b' ');
    }
    out
}

fn follows_a_dictionary(before: &[u8]) -> bool {
    before.trim_ascii_end().ends_with(b">>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_after_the_keyword_move_before_it() {
        assert_eq!(repaired(b"<< >> stream \r\nx\nendstream \n"), b"<< >>  stream\r\nx\nendstream \n");
    }

    #[test]
    fn other_bytes_stay() {
        let bytes = b"<< >>\nstream\nstream \nendstream";
        assert_eq!(repaired(bytes), bytes);
    }
}
