//! Bytes in, text out: Markdown where the file has structure, its own text where it is text already.
//!
//! Knows neither actix nor sled nor tokio and nothing else of ours. Deterministic: the same bytes and limits give the
//! same text. A parser may still overflow its stack or run out of memory, so this runs in a child process.
//! Empty text (a scan, an empty file) is a success with a warning that begins with `no_text: `.

mod cells;
mod charset;
mod containers;
mod docx;
mod dom;
mod epub;
mod html;
mod image;
mod mail;
mod markdown;
pub mod media;
mod numbering;
mod odf;
mod ooxml;
mod package;
mod pdf;
mod pdf_layout;
mod pptx;
mod rtf;
mod text;
mod workbook;
mod xml;

use derive_more::{Display, Error};

/// How much an extraction may produce. More limits may come, so build it with `..Limits::default()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of text.
    pub text_bytes_max: usize,
    /// The most bytes that the parts of one container (a DOCX, an EPUB) may unpack to, all together.
    pub unpacked_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes_max: 64 << 20, unpacked_bytes_max: 256 << 20 }
    }
}

/// What was got out of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extracted {
    pub text: String,
    /// Pages, slides or sheets, where the format has them.
    pub pages: Option<u32>,
    pub title: Option<String>,
    pub author: Option<String>,
    /// What was skipped and why: `code: sentence`.
    pub warnings: Vec<String>,
    /// The engine and its version, as in `hayro 0.9.0`.
    pub engine: &'static str,
}

/// Why there is no text. All of them are the file's own fault and will not pass with time.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq)]
pub enum ExtractError {
    #[display("files of this type cannot be read")]
    UnsupportedType,
    #[display("the file needs a password")]
    PasswordProtected,
    /// The reason is for the log only: it may quote the file.
    #[display("the file is damaged: {_0}")]
    Parse(#[error(not(source))] String),
    #[display("the text is larger than the limit")]
    TextTooLarge,
    #[display("the file unpacks to more than the limit")]
    ExpandsTooFar,
}

impl ExtractError {
    fn parse(reason: impl Into<String>) -> Self {
        Self::Parse(reason.into())
    }
}

/// The warning of a file that has pictures instead of text.
const NO_OCR: &str = "no_text: OCR is not available.";

/// What every engine is given besides the bytes: its limits, and someone to tell that it is alive.
struct Room<'a> {
    limits: &'a Limits,
    progress: &'a mut dyn FnMut(),
}

impl Room<'_> {
    /// Called between pieces of work with the size of the text so far.
    fn step(&mut self, text_bytes: usize) -> Result<(), ExtractError> {
        (self.progress)();
        if text_bytes > self.limits.text_bytes_max { Err(ExtractError::TextTooLarge) } else { Ok(()) }
    }
}

type Engine = fn(&[u8], &mut Room<'_>) -> Result<Extracted, ExtractError>;

/// The engine for each media type; what is not listed but begins with `text/` is read as plain text.
const ENGINES: &[(&[&str], Engine)] = &[
    (&[media::PDF], pdf::extract),
    (&[media::DOCX], docx::extract),
    (&[media::PPTX], pptx::extract),
    (&[media::XLSX, media::XLS, media::XLSB, media::ODS], workbook::extract),
    (&[media::ODT], odf::extract_text_document),
    (&[media::ODP], odf::extract_presentation),
    (&[media::RTF], rtf::extract),
    (&[media::EPUB], epub::extract),
    (&[media::EML], mail::extract),
    (&[media::HTML, media::XHTML], html::extract),
    (&[media::XML, media::SVG], xml::extract),
    (media::IMAGES, image::extract),
    (media::TEXT_APPLICATIONS, text::extract),
];

fn engine(media_type: &str) -> Option<Engine> {
    let listed = ENGINES.iter().find(|(types, _)| types.contains(&media_type)).map(|(_, engine)| *engine);
    listed.or_else(|| media_type.starts_with("text/").then_some(text::extract as Engine))
}

/// Reads the text out of a file of a type that [`media::judge`] has found.
///
/// `progress` is called between pieces of work (a page, a sheet, an entry).
///
/// # Errors
/// [`ExtractError`]: each is final for these bytes.
pub fn extract(
    bytes: &[u8],
    media_type: &str,
    limits: &Limits,
    progress: &mut dyn FnMut(),
) -> Result<Extracted, ExtractError> {
    let engine = engine(media_type).ok_or(ExtractError::UnsupportedType)?;
    let mut room = Room { limits, progress };
    let mut extracted = engine(bytes, &mut room)?;
    room.step(extracted.text.len())?;
    extracted.title = extracted.title.as_deref().and_then(one_line);
    extracted.author = extracted.author.as_deref().and_then(one_line);
    if extracted.text.trim().is_empty() {
        extracted.text.clear();
        if !extracted.warnings.iter().any(|warning| warning.starts_with("no_text: ")) {
            extracted.warnings.push("no_text: The file has no text in it.".to_owned());
        }
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
    use super::*;

    pub(super) fn read(bytes: &[u8], media_type: &str) -> Extracted {
        extract(bytes, media_type, &Limits::default(), &mut || ()).expect("the sample can be read")
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
