//! Whole files, built byte by byte.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::super::{ExtractError, Extracted, Limits, extract as extract_any, media};

pub(super) const HELVETICA: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

/// A file of these objects, numbered from 1, of which the first is the catalog.
pub(super) fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        writeln!(out, "{} 0 obj", index + 1).unwrap();
        out.extend_from_slice(object);
        out.extend_from_slice(b"\nendobj\n");
    }
    let start = out.len();
    writeln!(out, "xref\n0 {}\n0000000000 65535 f ", objects.len() + 1).unwrap();
    for offset in offsets {
        writeln!(out, "{offset:010} 00000 n ").unwrap();
    }
    write!(out, "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF", objects.len() + 1).unwrap();
    out
}

pub(super) fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("<< {entries} /Length {} >>\nstream\n", data.len()).into_bytes();
    out.extend_from_slice(data);
    out.extend_from_slice(b"\nendstream");
    out
}

/// A file of one page whose contents are object 4 and whose font F is object 5; `more` begins at object 6.
struct OnePage<'t> {
    catalog: &'t str,
    page: &'t str,
    resources: &'t str,
    font: &'t str,
    contents: Vec<u8>,
    more: Vec<Vec<u8>>,
}

impl Default for OnePage<'_> {
    fn default() -> Self {
        Self { catalog: "", page: "", resources: "", font: HELVETICA, contents: Vec::new(), more: Vec::new() }
    }
}

impl OnePage<'_> {
    fn file(self) -> Vec<u8> {
        let Self { catalog, page, resources, font, contents, more } = self;
        let contents = if contents.starts_with(b"<<") { contents } else { stream("", &contents) };
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R {page} \
             /Resources << /Font << /F 5 0 R >> {resources} >> >>"
        );
        let mut objects: Vec<Vec<u8>> = vec![
            format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>").into(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".into(),
            page.into(),
            contents,
            font.into(),
        ];
        objects.extend(more);
        file(&objects)
    }

    fn text(self) -> String {
        read(&self.file()).text
    }
}

pub(super) fn read(bytes: &[u8]) -> Extracted {
    extract_any(bytes, media::PDF, &Limits::default(), &mut || ()).expect("the sample can be read")
}

fn shows(contents: &str) -> String {
    shows_bytes(contents.as_bytes())
}

fn shows_bytes(contents: &[u8]) -> String {
    OnePage { contents: contents.to_vec(), ..OnePage::default() }.text()
}

#[test]
fn lines_become_paragraphs_and_large_ones_headings() {
    let text = shows(
        "BT /F 20 Tf 50 700 Td (Title) Tj /F 10 Tf 0 -40 Td (The first line of a paragraph is bro-) Tj \
         0 -12 Td (ken here, and goes on for a while.) Tj 0 -40 Td [(Ano) -10 (ther) -400 (one.)] TJ ET",
    );
    let expected =
        "# Title\n\nThe first line of a paragraph is broken here, and goes on for a while.\n\nAnother one.\n";
    assert_eq!(text, expected);
}

#[test]
fn blank_after_the_keyword_stream_does_not_lose_the_page() {
    let contents = b"<< /Length 34 >> stream \r\nBT /F 10 Tf 50 700 Td (found) Tj ET\nendstream".to_vec();
    assert_eq!(OnePage { contents, ..OnePage::default() }.text(), "found\n");
}

#[test]
fn columns_are_read_one_after_the_other() {
    let mut contents = b"BT /F 10 Tf ".to_vec();
    for line in 0..8 {
        let y = 700 - 12 * line;
        for (x, word) in [(50, "left"), (320, "right")] {
            write!(contents, "1 0 0 1 {x} {y} Tm ({word} column of running text, line {line} of it) Tj ").unwrap();
        }
    }
    let text = shows_bytes(&contents);
    assert!(text.find("left column of running text, line 7").unwrap() < text.find("right column").unwrap(), "{text}");
}

#[test]
fn cells_under_one_another_are_a_table() {
    let mut contents = b"BT /F 10 Tf ".to_vec();
    for (row, cells) in [["Name", "Sum"], ["Ada", "12"], ["Bob", "7"]].iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            write!(contents, "1 0 0 1 {} {} Tm ({cell}) Tj ", 50 + 100 * column, 700 - 14 * row).unwrap();
        }
    }
    assert_eq!(shows_bytes(&contents), "| Name | Sum |\n| --- | --- |\n| Ada | 12 |\n| Bob | 7 |\n");
}

#[test]
fn turned_text_is_read_in_its_own_direction() {
    assert_eq!(shows("BT /F 10 Tf 0 1 -1 0 100 300 Tm (upwards all the way) Tj ET"), "upwards all the way\n");
    let page = "/Rotate 90";
    let contents = b"BT /F 10 Tf 0 1 -1 0 100 300 Tm (upright again) Tj ET".to_vec();
    assert_eq!(OnePage { page, contents, ..OnePage::default() }.text(), "upright again\n");
}

#[test]
fn invisible_text_counts_and_text_off_the_page_does_not() {
    assert_eq!(
        shows("BT /F 10 Tf 3 Tr 50 700 Td (recognised) Tj ET BT /F 10 Tf -900 700 Td (elsewhere) Tj ET"),
        "recognised\n"
    );
}

#[test]
fn actual_text_stands_for_its_glyphs() {
    let text = shows(
        "BT /F 10 Tf 50 700 Td (a ) Tj /Span << /ActualText <FEFF0066006600690020> >> BDC (###) Tj EMC (b) Tj ET",
    );
    assert_eq!(text, "a ffi b\n");
}

#[test]
fn hidden_layers_are_not_read() {
    let text = OnePage {
        catalog: "/OCProperties << /OCGs [6 0 R 7 0 R] /D << /OFF [6 0 R] >> >>",
        resources: "/Properties << /Off 6 0 R /On 7 0 R >>",
        contents: b"BT /F 10 Tf 50 700 Td /OC /Off BDC (hidden) Tj EMC /OC /On BDC (shown) Tj EMC ET".to_vec(),
        more: vec![b"<< /Type /OCG /Name (a) >>".to_vec(), b"<< /Type /OCG /Name (b) >>".to_vec()],
        ..OnePage::default()
    };
    assert_eq!(text.text(), "shown\n");
}

#[test]
fn japanese_font_without_a_map_to_unicode_is_read() {
    let text = OnePage {
        font: "<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light /Encoding /90ms-RKSJ-H /DescendantFonts [ \
               << /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light \
               /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >> ] >>",
        contents: b"BT /F 10 Tf 50 700 Td <93FA967B8CEA> Tj ET".to_vec(),
        ..OnePage::default()
    };
    assert_eq!(text.text(), "日本語\n");
}

#[test]
fn vertical_columns_are_read_from_the_right() {
    let text = OnePage {
        font: "<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light /Encoding /90ms-RKSJ-V /DescendantFonts [ \
               << /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light \
               /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >> ] >>",
        contents: b"BT /F 10 Tf 1 0 0 1 480 700 Tm <8CEA> Tj 1 0 0 1 500 700 Tm <93FA967B> Tj ET".to_vec(),
        ..OnePage::default()
    };
    assert_eq!(text.text().split_whitespace().collect::<String>(), "日本語");
}

#[test]
fn pages_are_found_without_an_index() {
    let good = OnePage { contents: b"BT /F 10 Tf 50 700 Td (still here) Tj ET".to_vec(), ..OnePage::default() }.file();
    let text =
        String::from_utf8(good).unwrap().replace("/Pages 2 0 R", "/Pages 9 0 R").replace("startxref", "startxxxx");
    assert_eq!(read(text.as_bytes()).text, "still here\n");
}

#[test]
fn the_same_bytes_give_the_same_text() {
    let bytes = OnePage { contents: b"BT /F 10 Tf 50 700 Td (one two) Tj ET".to_vec(), ..OnePage::default() }.file();
    assert_eq!(read(&bytes), read(&bytes));
}

#[test]
fn numbered_glyph_names_are_read() {
    let text = OnePage {
        font: "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 1 /LastChar 2 \
               /Widths [0.5 0.5] /CharProcs << >> /Encoding << /Differences [1 /a72 /a105] >> >>",
        contents: b"BT /F 10 Tf 50 700 Td <0102> Tj ET".to_vec(),
        ..OnePage::default()
    };
    assert_eq!(text.text(), "Hi\n");
}

#[test]
fn field_values_and_appearances_of_annotations_are_read() {
    let text = OnePage {
        page: "/Annots [6 0 R 7 0 R 9 0 R]",
        contents: b"BT /F 10 Tf 50 700 Td (Name:) Tj ET".to_vec(),
        more: vec![
            b"<< /Subtype /Widget /FT /Tx /V (Ada) /Rect [100 600 200 620] >>".to_vec(),
            b"<< /Subtype /FreeText /Rect [100 500 200 520] /AP << /N 8 0 R >> >>".to_vec(),
            stream(
                "/Subtype /Form /BBox [0 0 100 20] /Resources << /Font << /F 5 0 R >> >>",
                b"BT /F 10 Tf 2 5 Td (note) Tj ET",
            ),
            b"<< /Subtype /Widget /FT /Tx /Ff 8192 /V (secret) /Rect [100 400 200 420] >>".to_vec(),
        ],
        ..OnePage::default()
    };
    assert_eq!(text.text(), "Name:\n\nAda\n\nnote\n");
}

#[test]
fn form_that_shows_itself_ends() {
    let form = stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >>",
        b"BT /F 10 Tf 50 700 Td (once) Tj ET /X Do /X Do",
    );
    let contents = b"/X Do".to_vec();
    let page = OnePage { resources: "/XObject << /X 6 0 R >>", contents, more: vec![form], ..OnePage::default() };
    assert_eq!(page.text(), "once\n");
}

#[test]
fn forms_that_multiply_are_stopped_and_the_text_before_them_is_kept() {
    let form = |next: usize| {
        let resources = format!(
            "/Subtype /Form /BBox [0 0 600 800] /Resources << /Font << /F 5 0 R >> /XObject << /X {next} 0 R >> >>"
        );
        stream(&resources, &[b"BT /F 10 Tf 50 600 Td (x) Tj ET ".to_vec(), b"/X Do ".repeat(40)].concat())
    };
    let bytes = OnePage {
        resources: "/XObject << /X 6 0 R >>",
        contents: b"BT /F 10 Tf 50 700 Td (before) Tj ET /X Do".to_vec(),
        more: (7..19).map(form).collect(),
        ..OnePage::default()
    };
    let extracted = read(&bytes.file());
    assert!(extracted.truncated && extracted.text.starts_with("before\n"), "{extracted:?}");
    assert!(extracted.warnings[0].contains("too_many_elements"));
}

#[test]
fn contents_that_unpack_beyond_the_limit_are_not_unpacked() {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![b' '; 2 << 20]).unwrap();
    let contents = stream("/Filter /FlateDecode", &packer.finish().unwrap());
    let limits = Limits { unpacked_bytes_max: 1 << 20, ..Limits::default() };
    let bytes = OnePage { contents, ..OnePage::default() }.file();
    assert_eq!(extract_any(&bytes, media::PDF, &limits, &mut || ()), Err(ExtractError::ExpandsTooFar));
}

#[test]
fn pages_beyond_the_limit_are_left_out() {
    let bytes = OnePage { contents: b"BT /F 10 Tf 50 700 Td (one) Tj ET".to_vec(), ..OnePage::default() }.file();
    let limits = Limits { pages_max: 0, ..Limits::default() };
    assert_eq!(extract_any(&bytes, media::PDF, &limits, &mut || ()), Err(ExtractError::TooManyPages));
}

#[test]
fn long_page_gives_signs_of_life() {
    let contents = [b"BT /F 10 Tf 50 700 Td ".to_vec(), b"(word) Tj ".repeat(20_000), b"ET".to_vec()].concat();
    let bytes = OnePage { contents, ..OnePage::default() }.file();
    let mut steps = 0;
    extract_any(&bytes, media::PDF, &Limits::default(), &mut || steps += 1).unwrap();
    assert!(steps > 10, "{steps}");
}

#[test]
fn what_is_no_pdf_is_damaged() {
    let result = extract_any(b"%PDF-1.7 nothing", media::PDF, &Limits::default(), &mut || ());
    assert!(matches!(result, Err(ExtractError::Parse(_))));
}
