//! Files inside files: members of archives and attachments of messages, each under its name.
//!
//! What cannot be read costs only itself: it becomes a warning, also where its parser panics. A limit that all files
//! share ends the whole reading.

use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};

use super::markdown::Writer;
use super::{ExtractError, Extracted, Room, media};

/// Appends a file to the text of the one it stands in, `outer`, under its name as a heading.
pub(crate) fn append(
    name: &str,
    bytes: &[u8],
    writer: &mut Writer,
    outer: &mut Extracted,
    room: &mut Room<'_>,
) -> Result<(), ExtractError> {
    writer.heading(2, name);
    let text_bytes = writer.len();
    match guard(|| extract(name, bytes, text_bytes, room)) {
        Ok(inner) => {
            writer.paragraph(&inner.text);
            let about = inner.warnings.iter().map(|warning| match warning.split_once(": ") {
                Some((code @ ("ocr" | "truncated" | "damaged"), reason)) => format!("{code}: {name}: {reason}"),
                Some(("no_text" | "skipped", reason)) => format!("skipped: {name}: {reason}"),
                _ => format!("skipped: {name}: {warning}"),
            });
            outer.warnings.extend(about);
            outer.truncated |= inner.truncated;
            Ok(())
        }
        Err(error @ (ExtractError::TextTooLarge | ExtractError::ExpandsTooFar | ExtractError::TooManyEntries)) => {
            Err(error)
        }
        Err(error) => {
            outer.warnings.push(format!("skipped: {name}: {}: {error}.", error.code()));
            Ok(())
        }
    }
}

/// Appends what stands inside the body of a message. A picture there is only named: most are logos and lines, and each
/// would cost seconds.
pub(crate) fn append_inline(
    name: &str,
    bytes: &[u8],
    writer: &mut Writer,
    outer: &mut Extracted,
    room: &mut Room<'_>,
) -> Result<(), ExtractError> {
    let is_picture = matches!(
        media::judge(name, Cursor::new(bytes)),
        Ok(media::Judged::Agreed(kind) | media::Judged::Differs { media_type: kind, .. })
            if media::IMAGES.contains(&kind.as_str())
    );
    if !is_picture {
        return append(name, bytes, writer, outer, room);
    }
    room.stock.take_entry()?;
    writer.heading(2, name);
    Ok(())
}

/// Appends a folder of an archive: its name as a heading, so that one that holds nothing is not lost.
pub(crate) fn append_folder(name: &str, writer: &mut Writer) {
    writer.heading(2, &format!("{}/", name.trim_end_matches(['/', '\\'])));
}

/// Makes a parser's panic an error like any other: most often it met bytes that it took for impossible.
///
/// What the panic interrupted is dropped with the file. Only counters outlive it, and they have counted what was used.
fn guard(work: impl FnOnce() -> Result<Extracted, ExtractError>) -> Result<Extracted, ExtractError> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_payload| Err(ExtractError::parse("the parser panicked")))
}

fn extract(name: &str, bytes: &[u8], text_bytes: usize, room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut room = room.inner(text_bytes)?;
    room.stock.take_entry()?;
    let judged = media::judge(name, Cursor::new(bytes)).map_err(|error| ExtractError::parse(error.to_string()))?;
    let (media::Judged::Agreed(media_type) | media::Judged::Differs { media_type, .. }) = judged else {
        return Err(ExtractError::UnsupportedType);
    };
    let engine = super::engine(&media_type).ok_or(ExtractError::UnsupportedType)?;
    let extracted = engine(bytes, &mut room)?;
    room.step(extracted.text.len())?;
    Ok(extracted)
}

#[cfg(test)]
mod tests {
    use super::guard;
    use crate::extract::office::compound::write::file_of;
    use crate::extract::tests::{packed, read};
    use crate::extract::{ExtractError, Limits, extract, media};

    /// A workbook whose code page has one byte instead of two, on which calamine panics.
    fn panicking_workbook() -> Vec<u8> {
        file_of(&[("Workbook", b"\x42\x00\x01\x00\xe4\x0a\x00\x00\x00")])
    }

    #[test]
    fn panic_costs_only_its_member() {
        let workbook = panicking_workbook();
        let alone = std::panic::catch_unwind(|| extract(&workbook, media::XLS, &Limits::default(), &mut || ()));
        assert!(alone.is_err(), "the sample must make its parser panic");
        let archive = packed(&[("a.txt", b"before"), ("b.xls", &workbook), ("c.txt", b"after")]);
        let extracted = read(&archive, media::ZIP);
        assert_eq!(extracted.text, "## a.txt\n\nbefore\n\n## b.xls\n\n## c.txt\n\nafter\n");
        assert_eq!(extracted.warnings, ["skipped: b.xls: parse_error: the file is damaged."]);
    }

    #[test]
    fn errors_pass_as_they_are() {
        assert_eq!(guard(|| Err(ExtractError::TooManyEntries)), Err(ExtractError::TooManyEntries));
        assert!(matches!(guard(|| panic!("cannot be")), Err(ExtractError::Parse(_))));
    }
}
