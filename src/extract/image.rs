//! Images: nothing to read without OCR.

use super::{ExtractError, Extracted, NO_OCR, Room};

pub(super) fn extract(_: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    Ok(Extracted { pages: Some(1), warnings: vec![NO_OCR.to_owned()], engine: "none", ..Extracted::default() })
}
