//! What a file is: what its name claims, and what its content shows.
//!
//! Content decides. A name only chooses among kinds of text, which content cannot tell apart, and refuses at the door
//! what no text can ever be read from.

use std::io::{self, Read, Seek, SeekFrom};

use file_format::{FileFormat, Kind};

use super::containers;

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

/// Media type and the extensions that claim it.
const EXTENSIONS: &[(&str, &str)] = &[
    (TEXT, "txt text log asc me lst nfo conf cfg ini properties env"),
    ("text/markdown", "md markdown mdown mkd mdx rmd qmd"),
    ("text/x-rst", "rst rest"),
    ("text/csv", "csv"),
    ("text/tab-separated-values", "tsv tab"),
    ("application/json", "json geojson json5 jsonc webmanifest"),
    ("application/x-ndjson", "jsonl ndjson"),
    ("application/yaml", "yaml yml"),
    ("application/toml", "toml"),
    ("application/x-tex", "tex latex ltx sty cls bib"),
    ("application/x-subrip", "srt"),
    ("text/vtt", "vtt"),
    ("application/x-ipynb+json", "ipynb"),
    ("application/sql", "sql"),
    (XML, "xml xsd xsl xslt rss atom wsdl xmp jats dita"),
    (SVG, "svg"),
    (HTML, "html htm shtml"),
    (XHTML, "xhtml xht"),
    (PDF, "pdf"),
    (DOCX, "docx docm dotx dotm"),
    (PPTX, "pptx pptm ppsx ppsm potx potm"),
    (XLSX, "xlsx xlsm xltx xltm xlam"),
    (XLSB, "xlsb"),
    (DOC, "doc dot"),
    (PPT, "ppt pps pot"),
    (XLS, "xls xlt xla"),
    (MSG, "msg"),
    (ODT, "odt ott fodt"),
    (ODS, "ods ots"),
    (ODP, "odp otp"),
    (RTF, "rtf"),
    (EPUB, "epub"),
    (EML, "eml mht mhtml"),
    ("image/png", "png"),
    ("image/jpeg", "jpg jpeg jpe jfif"),
    ("image/tiff", "tif tiff"),
    ("image/gif", "gif"),
    ("image/bmp", "bmp dib"),
    ("image/webp", "webp"),
    ("image/x-portable-anymap", "pnm pbm pgm ppm"),
    ("application/zip", "zip"),
    ("application/x-tar", "tar"),
    ("application/gzip", "gz tgz"),
    ("text/css", "css scss sass less"),
    ("text/javascript", "js mjs cjs jsx"),
    ("text/x-typescript", "ts tsx mts cts"),
    ("text/x-c", "c h cc cpp cxx hpp hh hxx m mm ino cu"),
    ("text/x-rust", "rs"),
    ("text/x-python", "py pyi pyx pyw"),
    ("text/x-java", "java"),
    ("text/x-source", SOURCES),
];

/// Source code and scripts of languages that have no media type of their own here.
const SOURCES: &str = "go rb php pl pm t sh bash zsh fish ps1 psm1 bat cmd cs fs fsx vb swift kt kts scala sc groovy \
    gradle clj cljs cljc edn ex exs erl hrl hs lhs elm ml mli lua r jl dart d nim zig v sv vhd vhdl f f90 f95 for pas pp \
    ada adb ads asm s lisp el scm rkt tcl awk sed vim proto thrift graphql gql tf hcl nix cmake mk mak dockerfile \
    makefile gitignore gitattributes editorconfig lock diff patch vue svelte astro hbs ejs pug j2 jinja erb haml slim \
    coffee cr sol wat move cairo ipy org adoc asciidoc textile wiki pod ics vcf ldif po strings reg desktop service";

/// What no text can ever be read from: programs, sound, moving pictures, disk images, fonts, compiled code.
const REFUSED: &str = "exe dll sys com msi scr so dylib o a lib obj ko elf apk aab ipa deb rpm dmg iso img vhdx \
    vmdk qcow2 mp3 wav flac ogg oga opus m4a aac wma aif aiff mid midi mp4 m4v mov avi mkv webm wmv flv mpg mpeg 3gp \
    swf ttf otf woff woff2 eot ttc class pyc pyo wasm pdb jar war ear node sqlite sqlite3 db mdb accdb blend fbx glb \
    stl crx xpi cab";

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

/// The media type that the name claims by its extension; none when there is none or it is unknown.
#[must_use]
pub fn claimed(name: &str) -> Option<&'static str> {
    let extension = extension(name)?;
    EXTENSIONS.iter().find(|(_, list)| lists(list, &extension)).map(|(media_type, _)| *media_type)
}

/// Whether [`extract`](super::extract) reads this type.
#[must_use]
pub fn is_readable(media_type: &str) -> bool {
    super::engine(media_type).is_some()
}

/// Whether a file of this name may be taken in. Only extensions of what can never be read are refused; when there is
/// none, or it is unknown, the content decides later.
#[must_use]
pub fn name_allowed(name: &str) -> bool {
    extension(name).is_none_or(|extension| !lists(REFUSED, &extension))
}

fn lists(list: &str, extension: &str) -> bool {
    list.split(' ').any(|listed| listed == extension)
}

/// The last extension in lower case; of a name such as `Makefile` or `.gitignore` the name itself.
fn extension(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let lower = file.trim_end_matches([' ', '.']).to_ascii_lowercase();
    match lower.rsplit_once('.') {
        Some((_, extension)) => Some(extension.to_owned()),
        None => ["makefile", "dockerfile"].contains(&lower.as_str()).then_some(lower),
    }
}

/// What the content shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
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

/// Looks at the content first and at the name second.
///
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

/// Whether a file of this type begins as text does, so that only its name tells it from other text.
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || TEXT_APPLICATIONS.contains(&media_type)
        || [EML, XML, XHTML, SVG].contains(&media_type)
}

/// How much of a file is looked at to tell text from other bytes.
const HEAD_BYTES: u64 = 64 << 10;

fn shown<R: Read + Seek>(claim: Option<&'static str>, mut content: R) -> io::Result<Shown> {
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
        return Ok(Shown::Known(package.unwrap_or("application/zip")));
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
        (b"\x1f\x8b\x08", "application/gzip"),
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
    (head.get(257..262) == Some(b"ustar")).then_some("application/x-tar")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Text has next to no control characters, whatever its encoding. UTF-16 and UTF-32 are told by their zero bytes.
fn looks_like_text(head: &[u8]) -> bool {
    if super::charset::is_wide(head) {
        return true;
    }
    let control = |byte: &&u8| **byte < 0x20 && !b"\t\n\r\x0c\x08\x1b\x1a".contains(*byte) || **byte == 0x7f;
    head.iter().filter(control).count() * 100 <= head.len()
}

/// The kind of text that the beginning shows.
fn by_beginning(head: &[u8]) -> &'static str {
    let text = super::charset::decode(&head[..head.len().min(4096)], None).text;
    let start: String = text.trim_start().chars().take(1024).collect::<String>().to_ascii_lowercase();
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
