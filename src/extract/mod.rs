//! Bytes in, text out: Markdown where the file has structure, its own text where it is text already.
//!
//! Knows neither actix nor sled nor tokio and nothing else of ours. Deterministic: the same bytes and limits give the
//! same text. A parser may still overflow its stack or run out of memory, so this runs in a child process.
//! Empty text (a scan, an empty file) is a success with a warning that begins with `no_text: `.

mod archive;
mod error;
mod host;
mod image;
mod inner;
mod language;
mod mail;
mod markdown;
pub mod media;
mod office;
mod pdf;
mod room;
mod text;
mod time;
mod unpack;
mod web;
mod xml;

use archive::{gzip, tar, zip};
use mail::{eml, msg};
use office::{doc, docx, odf, ppt, pptx, rtf, workbook};
use web::{epub, html};

pub use error::ExtractError;
pub use host::{Host, Recognition};
pub use image::NO_ENGINE;
pub use room::Limits;
use room::{Room, Stock};

/// What was got out of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extracted {
    pub text: String,
    /// Pages, slides or sheets, where the format has them.
    pub pages: Option<u32>,
    pub title: Option<String>,
    pub author: Option<String>,
    /// When the document was made: a date, or a moment with its offset, in ISO 8601.
    pub created: Option<String>,
    /// The language, as in `de` or `pt-BR`.
    pub language: Option<String>,
    /// Whether a limit ended the reading, so that the text is only what was read before it.
    pub truncated: bool,
    /// What was skipped and why: `code: sentence`.
    pub warnings: Vec<String>,
    /// The engine and its version, as in `hayro 0.9.0`; [`NO_ENGINE`] of a picture, which only its host's engine reads.
    pub engine: &'static str,
}

/// More warnings than a reader would look at are only counted.
const WARNINGS_MAX: usize = 100;

/// The warning of a file that has pictures instead of text.
const NO_OCR: &str = "no_text: OCR is not available.";

/// The warning about a text that an engine made out of a picture.
const RECOGNISED: &str = "ocr: the text was recognised from an image.";

/// The warning about a picture in which there is none.
const NOTHING_RECOGNISED: &str = "no_text: No text was recognised in the image.";

impl Extracted {
    /// Ends the reading at a limit: what was read before it counts, unless that is nothing.
    fn end_at(&mut self, error: ExtractError, has_text: bool) -> Result<(), ExtractError> {
        if !error.is_limit() || !has_text {
            return Err(error);
        }
        self.truncated = true;
        self.warnings.push(format!("truncated: {}: {error}.", error.code()));
        Ok(())
    }

    /// Makes the metadata fit for use, and bounds the warnings: an archive can give one for each member.
    fn tidy(&mut self) {
        for field in [&mut self.title, &mut self.author, &mut self.created, &mut self.language] {
            *field = field.as_deref().and_then(one_line);
        }
        if self.text.trim().is_empty() {
            self.text.clear();
            if !self.warnings.iter().any(|warning| warning.starts_with("no_text: ")) {
                self.warnings.push("no_text: The file has no text in it.".to_owned());
            }
        }
        if self.warnings.len() > WARNINGS_MAX {
            let more = self.warnings.len() - WARNINGS_MAX;
            self.warnings.truncate(WARNINGS_MAX);
            self.warnings.push(format!("skipped: There are {more} more warnings."));
        }
    }
}

type Engine = fn(&[u8], &mut Room<'_>) -> Result<Extracted, ExtractError>;

/// The engine for each media type; what is not listed but begins with `text/` is read as plain text.
const ENGINES: &[(&[&str], Engine)] = &[
    (&[media::PDF], pdf::extract),
    (&[media::DOC], doc::extract),
    (&[media::DOCX], docx::extract),
    (&[media::PPT], ppt::extract),
    (&[media::PPTX], pptx::extract),
    (&[media::XLSX], workbook::extract_xlsx),
    (&[media::XLSB], workbook::extract_xlsb),
    (&[media::XLS], workbook::extract_xls),
    (&[media::ODT], odf::extract_text_document),
    (&[media::ODS], odf::extract_spreadsheet),
    (&[media::ODP], odf::extract_presentation),
    (&[media::RTF], rtf::extract),
    (&[media::EPUB], epub::extract),
    (&[media::EML], eml::extract),
    (&[media::MSG], msg::extract),
    (&[media::HTML, media::XHTML], html::extract),
    (&[media::XML], xml::extract),
    (&[media::SVG], xml::extract_svg),
    (&[media::ZIP], zip::extract),
    (&[media::TAR], tar::extract),
    (&[media::GZIP], gzip::extract),
    (media::IMAGES, image::extract),
    (media::TEXT_APPLICATIONS, text::extract),
];

fn engine(media_type: &str) -> Option<Engine> {
    let listed = ENGINES.iter().find(|(types, _)| types.contains(&media_type)).map(|(_, engine)| *engine);
    listed.or_else(|| media_type.starts_with("text/").then_some(text::extract as Engine))
}

/// Reads the text out of a file of a type that [`media::judge`] has found.
///
/// `host` is told between pieces of work that they go on, and asked for the text in pictures.
///
/// # Errors
/// [`ExtractError`]: each is final for these bytes.
pub fn extract(
    bytes: &[u8],
    media_type: &str,
    limits: &Limits,
    host: &mut dyn Host,
) -> Result<Extracted, ExtractError> {
    let engine = engine(media_type).ok_or(ExtractError::UnsupportedType)?;
    let stock = Stock::new(limits);
    let mut room = Room::new(limits, host, &stock);
    let mut extracted = engine(bytes, &mut room)?;
    room.step(extracted.text.len())?;
    extracted.tidy();
    if extracted.language.is_none() && media::is_prose(media_type) {
        extracted.language = language::of(&extracted.text);
    }
    Ok(extracted)
}

/// Metadata on one line, or none when nothing is left.
fn one_line(text: &str) -> Option<String> {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;

    pub(crate) fn read(bytes: &[u8], media_type: &str) -> Extracted {
        extract(bytes, media_type, &Limits::default(), &mut || ()).expect("the sample can be read")
    }

    /// A ZIP package of these parts.
    pub(crate) fn packed(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn empty_file_succeeds_with_a_warning() {
        let extracted = read(b"", "text/plain");
        assert_eq!(extracted.text, "");
        assert!(extracted.warnings[0].starts_with("no_text: "));
    }

    #[test]
    fn unknown_type_is_refused() {
        let result = extract(b"x", "application/x-unheard-of", &Limits::default(), &mut || ());
        assert_eq!(result, Err(ExtractError::UnsupportedType));
    }

    #[test]
    fn text_over_the_limit_is_an_error() {
        let limits = Limits { text_bytes_max: 3, ..Limits::default() };
        assert_eq!(extract(b"four", "text/plain", &limits, &mut || ()), Err(ExtractError::TextTooLarge));
    }

    #[test]
    fn every_engine_type_is_readable() {
        for (types, _) in ENGINES {
            assert!(types.iter().all(|media_type| media::is_readable(media_type)));
        }
    }
}
