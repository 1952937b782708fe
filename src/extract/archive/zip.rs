//! ZIP archives that are no package of a document format (APPNOTE 6.3).

use std::borrow::Cow;
use std::io::Cursor;

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use crate::extract::markdown::Writer;
use crate::extract::text::charset;
use crate::extract::unpack::{Unpacked, Unpacker};
use crate::extract::{ExtractError, Extracted, Room, inner};

const ENGINE: &str = "zip 9.8.1";

/// From here on code page 437 has frames and signs of mathematics, up to here letters.
const FRAMES_FROM: u8 = 0xb0;

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| ExtractError::parse(error.to_string()))?;
    let mut unpacker = Unpacker::new(bytes.len(), room);
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    let (mut files, mut locked) = (0_usize, 0_usize);
    let names = names(&mut archive, room.limits.entries_max.saturating_add(1));
    for (index, name) in names.into_iter().enumerate() {
        room.step(writer.len())?;
        let mark = writer.mark();
        let done = match member(&mut archive, index, &mut unpacker) {
            Ok(None) => {
                inner::append_folder(&name, &mut writer);
                continue;
            }
            Ok(Some(member)) => {
                files += 1;
                if member.broken {
                    extracted.warnings.push(format!("damaged: {name} breaks off."));
                }
                inner::append(&name, &member.bytes, &mut writer, &mut extracted, room)
            }
            Err(error) if error.is_limit() => Err(error),
            Err(error) => {
                files += 1;
                locked += usize::from(error == ExtractError::PasswordProtected);
                writer.heading(2, &name);
                extracted.warnings.push(format!("skipped: {name}: {}: {error}.", error.code()));
                Ok(())
            }
        };
        if let Err(error) = done {
            writer.rewind(mark);
            extracted.end_at(error, writer.len() > 0)?;
            break;
        }
    }
    if files > 0 && locked == files {
        return Err(ExtractError::PasswordProtected);
    }
    extracted.text = writer.finish();
    Ok(extracted)
}

/// The names of the first members. One without the mark of UTF-8 is of code page 437 as it was specified, and of what
/// its writer used in fact: UTF-8 where it can be, and where it has characters that no name has, what all such names
/// together look like.
fn names(archive: &mut ZipArchive<Cursor<&[u8]>>, count_max: usize) -> Vec<String> {
    let count = archive.len().min(count_max);
    let given = |index| archive.name_for_index(index).and_then(Result::ok).map_or(String::new(), Cow::into_owned);
    let mut names: Vec<String> = (0..count).map(given).collect();
    let (mut odd, mut odd_bytes) = (Vec::new(), Vec::new());
    for (index, name) in names.iter_mut().enumerate().filter(|(_, name)| !name.is_ascii()) {
        let Ok(member) = archive.by_index_raw(index) else { continue };
        let bytes = member.name_raw();
        // A name in a field of its own is no reading of these bytes, one character for each.
        let is_read = name.chars().count() == bytes.len();
        if let Ok(text) = std::str::from_utf8(bytes) {
            text.clone_into(name);
        } else if is_read && bytes.iter().any(|byte| *byte >= FRAMES_FROM) && !bytes.contains(&b'\n') {
            odd.push(index);
            odd_bytes.extend_from_slice(bytes);
            odd_bytes.push(b'\n');
        }
    }
    let guessed = charset::decode(&odd_bytes, None).text;
    for (index, name) in odd.into_iter().zip(guessed.lines()) {
        name.clone_into(&mut names[index]);
    }
    names
}

/// A member's bytes; none when it is a folder.
fn member(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    unpacker: &mut Unpacker<'_>,
) -> Result<Option<Unpacked>, ExtractError> {
    match archive.by_index(index) {
        Ok(member) if member.is_dir() => Ok(None),
        Ok(member) => unpacker.read(member).map(Some),
        Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => Err(ExtractError::PasswordProtected),
        Err(error) => Err(ExtractError::parse(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::tests::{packed, read};
    use crate::extract::{ExtractError, Limits, extract};

    const ZIP: &str = "application/zip";

    #[test]
    fn members_stand_under_their_names() {
        let nested = packed(&[("in.md", b"*deep*")]);
        let archive = packed(&[("a/b.txt", b"text"), ("n.zip", &nested), ("p.png", b"\x89PNG\r\n\x1a\n")]);
        let extracted = read(&archive, ZIP);
        assert_eq!(extracted.text, "## a/b.txt\n\ntext\n\n## n.zip\n\n## in.md\n\n*deep*\n\n## p.png\n");
        assert!(extracted.warnings[0].starts_with("skipped: p.png: "));
    }

    #[test]
    fn folders_are_listed() {
        let mut archive = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.add_directory("kept", ::zip::write::SimpleFileOptions::default()).unwrap();
        archive.add_directory("kept/empty/", ::zip::write::SimpleFileOptions::default()).unwrap();
        let extracted = read(&archive.finish().unwrap().into_inner(), ZIP);
        assert_eq!(extracted.text, "## kept/\n\n## kept/empty/\n");
    }

    /// An archive of empty members whose names are these bytes, without the mark of UTF-8.
    fn of_names(names: &[&[u8]]) -> Vec<u8> {
        let stand_ins: Vec<String> = (0..names.len()).map(|index| format!("{index:0>20}")).collect();
        let parts: Vec<(&str, &[u8])> = stand_ins.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let mut archive = packed(&parts);
        for (stand_in, name) in stand_ins.iter().zip(names) {
            let name = [name, &b"____________________"[name.len()..]].concat();
            while let Some(at) = archive.windows(20).position(|window| window == stand_in.as_bytes()) {
                archive[at..at + 20].copy_from_slice(&name);
            }
        }
        archive
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        let read = |names: &[&[u8]]| read(&of_names(names), ZIP).text.replace('_', "");
        assert_eq!(read(&["naïve".as_bytes(), b"caf\x82"]), "## naïve\n\n## café\n");
        // Names of Chinese and Russian machines.
        assert_eq!(
            read(&[b"\xd6\xd0\xce\xc4\xce\xc4\xb5\xb5.a", b"\xb2\xe2\xca\xd4.b"]),
            "## 中文文档.a\n\n## 测试.b\n"
        );
        let russian = b"\x8f\xe0\xa8\xa2\xa5\xe2 \xac\xa8\xe0.a";
        assert_eq!(read(&[russian]), "## Привет мир.a\n");
    }

    #[test]
    fn entries_over_the_limit_leave_the_text_so_far() {
        let archive = packed(&[("a", b"one"), ("b", b"two"), ("c", b"three")]);
        let limits = Limits { entries_max: 2, ..Limits::default() };
        let extracted = extract(&archive, ZIP, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "## a\n\none\n\n## b\n\ntwo\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: too_many_entries: "));
    }

    #[test]
    fn archive_that_grows_too_much_is_refused() {
        let archive = packed(&[("bomb", &vec![b' '; 20 << 20])]);
        let result = extract(&archive, ZIP, &Limits::default(), &mut || ());
        assert_eq!(result, Err(ExtractError::ExpandsTooFar));
    }

    #[test]
    fn archives_may_stand_inside_one_another_only_so_deep() {
        let mut archive = packed(&[("x.txt", b"x")]);
        for _ in 0..20 {
            archive = packed(&[("n.zip", &archive)]);
        }
        let extracted = read(&archive, ZIP);
        assert!(extracted.warnings.iter().any(|warning| warning.contains("nested_too_deep")));
    }
}
