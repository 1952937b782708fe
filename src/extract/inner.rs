//! Files inside files: members of archives and attachments of messages, each under its name.
//!
//! What cannot be read costs only itself: it becomes a warning. A limit that all files share ends the whole reading.

use std::io::Cursor;

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
    match extract(name, bytes, writer.len(), room) {
        Ok(inner) => {
            writer.paragraph(&inner.text);
            let about = inner.warnings.iter().map(|warning| {
                let reason = warning.strip_prefix("no_text: ").or(warning.strip_prefix("skipped: ")).unwrap_or(warning);
                format!("skipped: {name}: {reason}")
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
