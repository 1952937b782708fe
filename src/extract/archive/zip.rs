//! ZIP archives that are no package of a document format (APPNOTE 6.3).

use std::io::Cursor;

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use crate::extract::markdown::Writer;
use crate::extract::unpack::{Unpacked, Unpacker};
use crate::extract::{ExtractError, Extracted, Room, inner};

const ENGINE: &str = "zip 9.8.1";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| ExtractError::parse(error.to_string()))?;
    let mut unpacker = Unpacker::new(bytes.len(), room);
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    let (mut files, mut locked) = (0_usize, 0_usize);
    for index in 0..archive.len() {
        room.step(writer.len())?;
        let name =
            archive.name_for_index(index).and_then(Result::ok).map_or(String::new(), std::borrow::Cow::into_owned);
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
