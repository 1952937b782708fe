//! Images: nothing to read without OCR.

mod size;

use super::{ExtractError, Extracted, NO_OCR, Room};

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let pixels = size::of(bytes).map_or(0, |(width, height)| width.saturating_mul(height));
    if pixels > room.limits.image_pixels_max {
        return Err(ExtractError::ImageTooLarge);
    }
    Ok(Extracted { pages: Some(1), warnings: vec![NO_OCR.to_owned()], engine: "none", ..Extracted::default() })
}

#[cfg(test)]
mod tests {
    use crate::extract::{ExtractError, Limits, extract};

    #[test]
    fn picture_with_too_many_pixels_is_refused() {
        let mut picture = b"GIF89a".to_vec();
        picture.extend([0xff; 4]);
        let limits = Limits { image_pixels_max: 1000, ..Limits::default() };
        assert_eq!(extract(&picture, "image/gif", &limits, &mut || ()), Err(ExtractError::ImageTooLarge));
    }
}
