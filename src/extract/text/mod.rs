//! Files that are text already: plain text, Markdown, source code, JSON, CSV, subtitles, notebooks.
//!
//! The text is kept whole; only its encoding, its byte order mark and NULs change.

pub(crate) mod charset;

use super::{ExtractError, Extracted, Room};

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let decoded = charset::decode(bytes, None);
    let text = if decoded.text.contains('\0') { decoded.text.replace('\0', "") } else { decoded.text };
    Ok(Extracted {
        text,
        warnings: decoded.warning.into_iter().collect(),
        engine: charset::ENGINE,
        ..Extracted::default()
    })
}
