//! TAR archives (POSIX.1-2017 pax, `ustar`, and the long names of GNU tar).

use crate::extract::markdown::Writer;
use crate::extract::{ExtractError, Extracted, Room, inner};

const ENGINE: &str = "consign-tar 1";

const BLOCK_BYTES: usize = 512;

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    let mut any = false;
    for Member { name, content } in (Members { rest: bytes }) {
        any = true;
        let mark = writer.mark();
        let done = if let Some(content) = content {
            inner::append(&name, content, &mut writer, &mut extracted, room)
        } else {
            inner::append_folder(&name, &mut writer);
            Ok(())
        };
        if let Err(error) = done.and_then(|()| room.step(writer.len())) {
            writer.rewind(mark);
            extracted.end_at(error, writer.len() > 0)?;
            break;
        }
    }
    if !any && !bytes.is_empty() && !is_header(bytes) {
        return Err(ExtractError::parse("no TAR header"));
    }
    extracted.text = writer.finish();
    Ok(extracted)
}

/// Whether these bytes begin with the header of a member.
pub(super) fn is_header(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

struct Member<'a> {
    name: String,
    /// None when the member is a folder.
    content: Option<&'a [u8]>,
}

/// The regular files and folders of an archive.
struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut long_name = None;
        loop {
            let header = self.rest.get(..BLOCK_BYTES).filter(|header| header[0] != 0)?;
            let size = number(&header[124..136])?;
            let after = &self.rest[BLOCK_BYTES..];
            let content = &after[..size.min(after.len())];
            self.rest = &after[size.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES).min(after.len())..];
            match header[156] {
                b'L' => long_name = Some(text(content)),
                b'x' => long_name = pax_path(content).or(long_name),
                kind @ (0 | b'0' | b'7' | b'5') => {
                    let name = long_name.unwrap_or_else(|| name(header));
                    // Before POSIX a folder was a file whose name ends so.
                    let is_folder = kind == b'5' || (kind == 0 && name.ends_with('/'));
                    return Some(Member { name, content: (!is_folder).then_some(content) });
                }
                _ => {}
            }
        }
    }
}

/// Octal digits, or a number of 95 bits when the first bit is set.
fn number(field: &[u8]) -> Option<usize> {
    if field[0] & 0x80 != 0 {
        let mut bytes = field[4..].iter().map(|byte| usize::from(*byte));
        return bytes.try_fold(0_usize, |number, byte| number.checked_mul(256)?.checked_add(byte));
    }
    let digits = field.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| usize::from(byte - b'0'));
    digits.filter(|digit| *digit < 8).try_fold(0_usize, |number, digit| number.checked_mul(8)?.checked_add(digit))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn name(header: &[u8]) -> String {
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    if is_header(header) && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
}

/// The `path` of a pax header, whose records are `LENGTH KEY=VALUE` lines.
fn pax_path(content: &[u8]) -> Option<String> {
    let content = String::from_utf8_lossy(content);
    content.lines().find_map(|line| line.split_once(' ')?.1.strip_prefix("path=").map(str::to_owned))
}

#[cfg(test)]
pub(super) mod tests {
    use crate::extract::tests::read;

    /// An archive of one file.
    pub(in crate::extract::archive) fn archived(name: &str, content: &[u8]) -> Vec<u8> {
        let mut archive = member(b'0', name, content);
        archive.resize(archive.len() + 1024, 0);
        archive
    }

    fn member(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o} ", content.len()).as_bytes());
        block[156] = kind;
        block[257..262].copy_from_slice(b"ustar");
        block.extend(content);
        block.resize(block.len().next_multiple_of(512), 0);
        block
    }

    #[test]
    fn members_stand_under_their_names() {
        let extracted = read(&archived("dir/a.txt", b"inside"), "application/x-tar");
        assert_eq!(extracted.text, "## dir/a.txt\n\ninside\n");
    }

    #[test]
    fn folders_are_listed() {
        let archive = [member(b'5', "empty", b""), member(0, "old/", b""), member(b'0', "a.txt", b"x")].concat();
        assert_eq!(read(&archive, "application/x-tar").text, "## empty/\n\n## old/\n\n## a.txt\n\nx\n");
    }
}
