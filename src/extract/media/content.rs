//! What the content shows: magic numbers, containers, and what tells text from other bytes.

use std::io::{self, Read, Seek, SeekFrom};

use file_format::{FileFormat, Kind};
use memchr::memmem;

use super::{EML, GZIP, HTML, PDF, RTF, SVG, TAR, TEXT, XHTML, XLS, XML, ZIP, containers};
use crate::extract::text::charset;

/// What the content shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A type that can be told from its content for certain.
    Known(&'static str),
    /// Text, of the kind that its beginning suggests.
    Text(&'static str),
    Empty,
    /// Something else that is recognised and that is not text.
    Other,
    /// Bytes of no known kind, as a file that lost its beginning.
    Unknown,
}

/// How much of a file is looked at to tell text from other bytes.
const HEAD_BYTES: u64 = 64 << 10;

pub(super) fn shown<R: Read + Seek>(claim: Option<&'static str>, mut content: R) -> io::Result<Shown> {
    content.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    content.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Shown::Empty);
    }
    if let Some(media_type) = by_magic(&head) {
        return Ok(Shown::Known(media_type));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let package = containers::package_type(&mut content, &head, claim)?;
        return Ok(Shown::Known(package.unwrap_or(ZIP)));
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Ok(containers::compound_type(&mut content, &head)?.map_or(Shown::Unknown, Shown::Known));
    }
    if looks_like_text(&head) {
        return Ok(Shown::Text(by_beginning(&head)));
    }
    content.seek(SeekFrom::Start(0))?;
    let format = FileFormat::from_reader(content)?;
    Ok(if format == FileFormat::ArbitraryBinaryData || format.kind() == Kind::Other {
        Shown::Unknown
    } else {
        Shown::Other
    })
}

fn by_magic(head: &[u8]) -> Option<&'static str> {
    // Readers accept a PDF whose header stands within the first 1,024 bytes (PDF 1.7, implementation note 13).
    let window = &head[..head.len().min(1024)];
    if window.starts_with(b"%PDF-") || (contains(window, b"%PDF-1") && !window.starts_with(b"PK")) {
        return Some(PDF);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let magics: [(&[u8], &str); 14] = [
        (b"{\\rtf", RTF),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"II+\0", "image/tiff"),
        (b"MM\0+", "image/tiff"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"\x1f\x8b\x08", GZIP),
        // BIFF 5 to 8 streams that stand alone, as early Excel wrote them.
        (b"\x09\x08\x10\0\0\x06\x05\0", XLS),
        (b"\x09\x08\x08\0\0\x05\x05\0", XLS),
        (b"\x09\x04\x06\0\0\0\x10\0", XLS),
        (b"\x09\x02\x06\0\0\0\x10\0", XLS),
    ];
    if let Some((_, media_type)) = magics.iter().find(|(magic, _)| text.starts_with(magic)) {
        return Some(media_type);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    if head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) {
        return Some("image/bmp");
    }
    let netpbm = head.len() > 3 && head[0] == b'P' && (b'1'..=b'6').contains(&head[1]) && head[2].is_ascii_whitespace();
    if netpbm && head[3..].trim_ascii_start().first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'#') {
        return Some("image/x-portable-anymap");
    }
    (head.get(257..262) == Some(b"ustar")).then_some(TAR)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memmem::find(haystack, needle).is_some()
}

/// Text has next to no control characters, whatever its encoding. UTF-16 and UTF-32 are told by their zero bytes.
fn looks_like_text(head: &[u8]) -> bool {
    if charset::is_wide(head) {
        return true;
    }
    let controls = charset::count(head, |byte| matches!(byte, 0..=7 | 0x0b | 0x0e..=0x19 | 0x1c..=0x1f | 0x7f));
    controls * 100 <= head.len()
}

/// The kind of text that the beginning shows.
fn by_beginning(head: &[u8]) -> &'static str {
    let text = charset::decode(&head[..head.len().min(4096)], None).text;
    let start = text.trim_start();
    let end = start.char_indices().nth(1024).map_or(start.len(), |(end, _)| end);
    let start = start[..end].to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return HTML;
    }
    if start.starts_with("<?xml") || start.starts_with("<svg") {
        return if start.contains("<html") {
            XHTML
        } else if start.contains("<svg") {
            SVG
        } else {
            XML
        };
    }
    if is_mail(&start) { EML } else { TEXT }
}

/// A message begins with header fields (RFC 5322), two of them well known ones.
fn is_mail(start: &str) -> bool {
    const FIELDS: [&str; 9] = [
        "from:",
        "to:",
        "subject:",
        "date:",
        "received:",
        "return-path:",
        "message-id:",
        "mime-version:",
        "delivered-to:",
    ];
    let header = start.lines().take_while(|line| !line.trim().is_empty());
    let well_formed =
        start.lines().next().is_some_and(|line| line.split(':').next().is_some_and(|name| !name.contains(' ')));
    well_formed && header.filter(|line| FIELDS.iter().any(|field| line.starts_with(field))).count() >= 3
}
