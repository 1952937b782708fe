//! PDF: glyphs read off the pages' instructions, put in reading order page by page.
//!
//! hayro parses the file and its fonts; what a page shows is followed here, since an extraction must be able to stop in
//! the middle of a page. Invisible text counts, since OCR puts its text under the picture; text outside the page and in
//! hidden layers does not. Pages that are pictures are drawn, and a recogniser reads them.

mod actual;
mod annotations;
mod bounds;
mod columns;
mod content;
mod document;
mod fonts;
mod furniture;
mod glyphs;
mod layers;
mod lines;
mod metadata;
mod order;
mod path;
mod prose;
mod repair;
mod scan;
mod segments;
mod state;
mod strings;
mod tables;
#[cfg(test)]
mod tests;
mod unicode;

use std::rc::Rc;

use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use self::content::{PageReader, Past};
use self::document::Document;
use self::fonts::Fonts;
pub(super) use self::glyphs::is_wide;
use self::layers::Layers;
use self::scan::{Paper, Scans};
use super::{ExtractError, Extracted, Room};

const ENGINE: &str = "hayro 0.9.0";

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let pdf = open(bytes)?;
    room.step(0)?;
    let mut extracted =
        Extracted { pages: u32::try_from(pdf.pages().len()).ok(), engine: ENGINE, ..Extracted::default() };
    metadata::read(&pdf, &mut extracted);
    let mut gathered = Gathered::default();
    let ended = read_pages(&pdf, &mut gathered, room);
    let text = gathered.document.finish();
    if let Err(error) = ended {
        extracted.end_at(error, !text.trim().is_empty())?;
    }
    extracted.text = text;
    let has_unread_images = gathered.has_images && !room.can_recognise();
    gathered.scans.report(&mut extracted, has_unread_images);
    if gathered.guessed_glyphs * 20 > gathered.glyphs {
        extracted.warnings.push("uncertain_text: A font does not say what its characters mean.".to_owned());
    }
    Ok(extracted)
}

/// Opens a file. One whose index leads to no page is searched from end to end for its objects.
fn open(bytes: &[u8]) -> Result<Pdf, ExtractError> {
    let repaired = repair::repaired(bytes);
    let pdf = Pdf::new(repaired).map_err(refusal)?;
    if pdf.pages().is_empty()
        && let Ok(searched) = Pdf::new(repair::without_index(bytes))
    {
        return Ok(searched);
    }
    Ok(pdf)
}

fn refusal(error: LoadPdfError) -> ExtractError {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => ExtractError::PasswordProtected,
        other => ExtractError::parse(format!("{other:?}")),
    }
}

/// What has been read of a file so far.
#[derive(Default)]
struct Gathered {
    document: Document,
    scans: Scans,
    has_images: bool,
    glyphs: usize,
    /// Glyphs whose meaning no part of the file told.
    guessed_glyphs: usize,
}

/// Reads page after page; on an error the pages before it, and what was read of its own page, are kept.
fn read_pages(pdf: &Pdf, gathered: &mut Gathered, room: &mut Room<'_>) -> Result<(), ExtractError> {
    let layers = Rc::new(Layers::of(pdf));
    let mut fonts = Fonts::default();
    let mut past = Past::default();
    for (index, page) in pdf.pages().iter().enumerate() {
        if index >= room.limits.pages_max {
            return Err(ExtractError::TooManyPages);
        }
        let mut reader = PageReader::new(page, &mut fonts, Rc::clone(&layers), &mut past, room);
        let ended = reader.read(page);
        let shown = reader.finish();
        gathered.has_images |= shown.has_images;
        gathered.glyphs += shown.glyphs.len();
        gathered.guessed_glyphs += shown.guessed;
        gathered.document.add_page(&shown.glyphs);
        ended?;
        past.text_bytes = gathered.document.text_bytes();
        room.step(past.text_bytes)?;
        if shown.is_scan() && gathered.scans.wants(room) {
            let mut paper = paper(page, shown.coverage.density(), room);
            drop(shown);
            if let Some(paper) = &mut paper {
                let mut painter =
                    PageReader::new(page, &mut fonts, Rc::clone(&layers), &mut past, room).painting(paper);
                let ended = painter.read(page);
                painter.finish();
                ended?;
            }
            room.step(past.text_bytes)?;
            let recognised = gathered.scans.recognise(index + 1, paper, room);
            gathered.document.add_recognised(recognised.unwrap_or_default());
            past.text_bytes = gathered.document.text_bytes();
            room.step(past.text_bytes)?;
        }
    }
    Ok(())
}

fn paper(page: &Page<'_>, density: Option<f64>, room: &Room<'_>) -> Option<Paper> {
    let sheet = content::sheet(page);
    Paper::new((sheet.width(), sheet.height()), density, room.limits.image_pixels_max)
}
