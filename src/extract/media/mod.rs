//! What a file is: what its name claims, and what its content shows.
//!
//! Content decides. A name only chooses among kinds of text, which content cannot tell apart, and refuses at the door
//! what no text can ever be read from.

mod containers;
mod content;
mod names;

use std::io::{self, Read, Seek};

use content::{Shown, shown};
pub use names::{claimed, name_allowed};

pub const PDF: &str = "application/pdf";
pub const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub const XLSB: &str = "application/vnd.ms-excel.sheet.binary.macroenabled.12";
pub const DOC: &str = "application/msword";
pub const PPT: &str = "application/vnd.ms-powerpoint";
pub const XLS: &str = "application/vnd.ms-excel";
pub const MSG: &str = "application/vnd.ms-outlook";
pub const ODT: &str = "application/vnd.oasis.opendocument.text";
pub const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";
pub const ODP: &str = "application/vnd.oasis.opendocument.presentation";
pub const RTF: &str = "application/rtf";
pub const EPUB: &str = "application/epub+zip";
pub const EML: &str = "message/rfc822";
pub const HTML: &str = "text/html";
pub const XHTML: &str = "application/xhtml+xml";
pub const XML: &str = "application/xml";
pub const SVG: &str = "image/svg+xml";
pub const ZIP: &str = "application/zip";
pub const TAR: &str = "application/x-tar";
pub const GZIP: &str = "application/gzip";
pub const TEXT: &str = "text/plain";
pub const IMAGES: &[&str] =
    &["image/png", "image/jpeg", "image/tiff", "image/gif", "image/bmp", "image/webp", "image/x-portable-anymap"];
/// Types outside `text/` whose content is text and is kept as it is.
pub const TEXT_APPLICATIONS: &[&str] = &[
    "application/json",
    "application/x-ndjson",
    "application/yaml",
    "application/toml",
    "application/x-tex",
    "application/x-subrip",
    "application/x-ipynb+json",
    "application/sql",
];

/// The verdict on a file's name and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// The content is what the name says, or the name says nothing. Holds the media type.
    Agreed(String),
    /// The content can be read, but is something other than the name says: go with the content.
    Differs { media_type: String, claimed: String },
    /// The name claims something readable and the content is something that is not, as a program named `.pdf`.
    Mismatch,
    /// Neither the name nor the content is something that text can be read from.
    Unsupported,
}

/// Whether [`extract`](super::extract) reads this type.
#[must_use]
pub fn is_readable(media_type: &str) -> bool {
    super::engine(media_type).is_some()
}

/// # Errors
/// When the content cannot be read.
pub fn judge<R: Read + Seek>(name: &str, content: R) -> io::Result<Judged> {
    let claim = claimed(name);
    Ok(verdict(claim, shown(claim, content)?))
}

fn verdict(claim: Option<&'static str>, shown: Shown) -> Judged {
    let readable_claim = claim.filter(|media_type| is_readable(media_type));
    let agreed = |media_type: &str| Judged::Agreed(media_type.to_owned());
    match shown {
        Shown::Known(media_type) if !is_readable(media_type) => match readable_claim {
            Some(_) => Judged::Mismatch,
            None => Judged::Unsupported,
        },
        Shown::Known(media_type) => settle(claim, media_type),
        Shown::Empty => agreed(readable_claim.unwrap_or(TEXT)),
        Shown::Text(media_type) => match claim {
            Some(claim) if is_text(claim) => agreed(claim),
            claim => settle(claim, media_type),
        },
        Shown::Other if readable_claim.is_some() => Judged::Mismatch,
        // A damaged file is still the file that its name says: its engine will say what is wrong with it.
        Shown::Unknown => readable_claim.map_or(Judged::Unsupported, agreed),
        Shown::Other => Judged::Unsupported,
    }
}

fn settle(claim: Option<&'static str>, media_type: &'static str) -> Judged {
    match claim {
        Some(claim) if claim != media_type => {
            Judged::Differs { media_type: media_type.to_owned(), claimed: claim.to_owned() }
        }
        _ => Judged::Agreed(media_type.to_owned()),
    }
}

/// Whether files of this type hold sentences, and not code or data.
pub(super) fn is_prose(media_type: &str) -> bool {
    let text = [
        TEXT,
        HTML,
        XHTML,
        EML,
        "text/markdown",
        "text/x-rst",
        "application/x-tex",
        "application/x-subrip",
        "text/vtt",
    ];
    text.contains(&media_type) || !is_text(media_type)
}

/// Whether a file of this type begins as text does, so that only its name tells it from other text.
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || TEXT_APPLICATIONS.contains(&media_type)
        || [EML, XML, XHTML, SVG].contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn judged(name: &str, content: &[u8]) -> Judged {
        judge(name, Cursor::new(content)).expect("memory can be read")
    }

    fn agreed(media_type: &str) -> Judged {
        Judged::Agreed(media_type.to_owned())
    }

    #[test]
    fn name_claims_by_its_last_extension() {
        assert_eq!(claimed("a.tar.PDF"), Some(PDF));
        assert_eq!(claimed("dir.x/Makefile"), Some("text/x-source"));
        assert_eq!(claimed("nothing"), None);
        assert_eq!(claimed("x.unheard"), None);
    }

    #[test]
    fn only_what_can_never_be_read_is_refused_by_name() {
        assert!(!name_allowed("setup.EXE"));
        assert!(!name_allowed("film.mp4"));
        assert!(name_allowed("report.pdf"));
        assert!(name_allowed("noext"));
        assert!(name_allowed("x.unheard"));
    }

    #[test]
    fn name_chooses_among_kinds_of_text() {
        assert_eq!(judged("a.csv", b"a,b\n1,2\n"), agreed("text/csv"));
        assert_eq!(judged("a.py", b"print(1)\n"), agreed("text/x-python"));
        assert_eq!(judged("a", b"<!DOCTYPE html><p>x"), agreed(HTML));
        assert_eq!(judged("a", b"plain words"), agreed(TEXT));
    }

    #[test]
    fn content_outranks_the_name() {
        let differs = judged("a.doc", b"{\\rtf1 x}");
        assert_eq!(differs, Judged::Differs { media_type: RTF.to_owned(), claimed: DOC.to_owned() });
    }

    #[test]
    fn program_named_as_a_document_is_a_mismatch() {
        let mut elf = b"\x7fELF\x02\x01\x01\0".to_vec();
        elf.extend([0; 64]);
        assert_eq!(judged("a.pdf", &elf), Judged::Mismatch);
        assert_eq!(judged("a", &elf), Judged::Unsupported);
    }

    #[test]
    fn damaged_file_is_still_what_its_name_says() {
        assert_eq!(judged("a.pdf", &[0, 1, 2, 3, 250, 251, 9, 0, 3]), agreed(PDF));
    }

    #[test]
    fn empty_file_is_what_its_name_says() {
        assert_eq!(judged("a.pdf", b""), agreed(PDF));
        assert_eq!(judged("a", b""), agreed(TEXT));
    }
}
