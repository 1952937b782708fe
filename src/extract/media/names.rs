//! What a name says: the types that extensions claim, and those that are refused at the door.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{
    DOC, DOCX, EML, EPUB, GZIP, HTML, MSG, ODP, ODS, ODT, PDF, PPT, PPTX, RTF, SVG, TAR, TEXT, XHTML, XLS, XLSB, XLSX,
    XML, ZIP,
};

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
    (ZIP, "zip"),
    (TAR, "tar"),
    (GZIP, "gz tgz"),
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

/// What an extension says.
#[derive(Clone, Copy)]
enum Claim {
    Type(&'static str),
    Refused,
}

static CLAIMS: LazyLock<HashMap<&str, Claim>> = LazyLock::new(|| {
    let refused = REFUSED.split(' ').map(|extension| (extension, Claim::Refused));
    let types =
        EXTENSIONS.iter().flat_map(|(media_type, list)| list.split(' ').map(|it| (it, Claim::Type(media_type))));
    refused.chain(types).collect()
});

/// The media type that the name claims by its extension; none when there is none or it is unknown.
#[must_use]
pub fn claimed(name: &str) -> Option<&'static str> {
    match CLAIMS.get(extension(name)?.as_str()) {
        Some(Claim::Type(media_type)) => Some(media_type),
        Some(Claim::Refused) | None => None,
    }
}

/// Whether a file of this name may be taken in. Only extensions of what can never be read are refused; when there is
/// none, or it is unknown, the content decides later.
#[must_use]
pub fn name_allowed(name: &str) -> bool {
    !extension(name).is_some_and(|extension| matches!(CLAIMS.get(extension.as_str()), Some(Claim::Refused)))
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
