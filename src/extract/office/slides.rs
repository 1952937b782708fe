//! The slides of a presentation one after the other, whatever its form.

use crate::extract::ExtractError;
use crate::extract::markdown::Writer;

/// Writes each slide behind a remark with its number. One that cannot be written whole is left out, and ends it.
///
/// # Errors
/// What ended it: that of a slide, or [`ExtractError::TooManyPages`].
pub(super) fn write_each<P, S>(
    presentation: &mut P,
    slides: impl IntoIterator<Item = S>,
    pages_max: usize,
    writer: impl Fn(&mut P) -> &mut Writer,
    mut write: impl FnMut(&mut P, S) -> Result<(), ExtractError>,
) -> Result<(), ExtractError> {
    for (index, slide) in slides.into_iter().enumerate() {
        if index >= pages_max {
            return Err(ExtractError::TooManyPages);
        }
        let mark = writer(presentation).mark();
        writer(presentation).remark(&format!("slide {}", index + 1));
        if let Err(error) = write(presentation, slide) {
            writer(presentation).rewind(mark);
            return Err(error);
        }
    }
    Ok(())
}
