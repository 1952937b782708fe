//! Images: what OCR reads in them.

mod size;

use super::{ExtractError, Extracted, NO_OCR, NOTHING_RECOGNISED, RECOGNISED, Recognition, Room, pdf};

/// The warning about a picture that came after as many as may be read.
const TOO_MANY: &str = "no_text: As many pictures of this file have been read as may be.";

/// The engine of a picture in which nothing was recognised.
pub const NO_ENGINE: &str = "none";

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let pixels = size::of(bytes).map_or(0, |(width, height)| width.saturating_mul(height));
    if pixels > room.limits.image_pixels_max {
        return Err(ExtractError::ImageTooLarge);
    }
    let mut extracted = Extracted { pages: Some(1), engine: NO_ENGINE, ..Extracted::default() };
    let warning = match room.recognise(bytes) {
        Recognition::Unavailable => NO_OCR,
        Recognition::TooMany => TOO_MANY,
        Recognition::Unreadable(reason) => return Err(ExtractError::parse(reason)),
        Recognition::Pages(pages) => {
            extracted.pages = u32::try_from(pages.len()).ok();
            let with_text: Vec<&str> = pages.iter().map(|page| page.trim()).filter(|page| is_writing(page)).collect();
            extracted.text = with_text.join("\n\n");
            if extracted.text.is_empty() { NOTHING_RECOGNISED } else { RECOGNISED }
        }
    };
    extracted.warnings.push(warning.to_owned());
    Ok(extracted)
}

/// Whether a text is more than the letters and marks that a recogniser sees in photographs and drawings.
pub(super) fn is_writing(text: &str) -> bool {
    let is_word =
        |word: &&str| word.chars().filter(|c| c.is_alphanumeric()).count() > 1 || word.chars().any(pdf::is_wide);
    let words = text.split_whitespace().filter(is_word).count();
    words * 2 > text.split_whitespace().count()
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
