//! Whole files, and what a recogniser is given of them.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::super::super::{Extracted, Host, Limits, Recognition, extract, media};
use super::super::tests::{HELVETICA, file, read, stream};

/// A recogniser that knows its answer, and keeps what it was asked.
struct Recogniser {
    answer: Recognition,
    pictures: Vec<Vec<u8>>,
}

impl Host for Recogniser {
    fn progress(&mut self) {}

    fn recognise(&mut self, picture: &[u8], is_file: bool) -> Recognition {
        assert!(!is_file, "a page is no file");
        self.pictures.push(picture.to_vec());
        self.answer.clone()
    }
}

fn says(text: &str) -> Recogniser {
    answers(Recognition::Pages(vec![text.to_owned()]))
}

fn answers(answer: Recognition) -> Recogniser {
    Recogniser { answer, pictures: Vec::new() }
}

/// Pages of 100 points in a square: the entries of each, and its contents. The pictures begin at object 4 and are known
/// as P4 and so on, the font is F.
struct Pages<'t> {
    pages: Vec<(&'t str, &'t str)>,
    pictures: Vec<Vec<u8>>,
}

impl Pages<'_> {
    fn file(&self) -> Vec<u8> {
        let first = 4 + self.pictures.len();
        let kids: Vec<String> = (0..self.pages.len()).map(|index| format!("{} 0 R", first + 2 * index)).collect();
        let names: Vec<String> = (4..first).map(|number| format!("/P{number} {number} 0 R")).collect();
        let mut objects: Vec<Vec<u8>> = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".into(),
            format!(
                "<< /Type /Pages /Kids [{}] /Count {} /MediaBox [0 0 100 100] \
                 /Resources << /Font << /F 3 0 R >> /XObject << {} >> >> >>",
                kids.join(" "),
                kids.len(),
                names.join(" ")
            )
            .into(),
            HELVETICA.into(),
        ];
        objects.extend(self.pictures.iter().cloned());
        for (index, (entries, contents)) in self.pages.iter().enumerate() {
            let contents_at = first + 2 * index + 1;
            objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {contents_at} 0 R {entries} >>").into());
            objects.push(stream("", contents.as_bytes()));
        }
        file(&objects)
    }

    fn read(&self, recogniser: &mut Recogniser) -> Extracted {
        extract(&self.file(), media::PDF, &Limits::default(), recogniser).expect("the sample can be read")
    }

    /// What the recogniser is given of a file with one scan.
    fn drawn(&self) -> Sheet {
        let mut recogniser = says("text");
        let extracted = self.read(&mut recogniser);
        assert_eq!(recogniser.pictures.len(), 1, "{extracted:?}");
        Sheet::new(&recogniser.pictures[0])
    }
}

/// A page with one picture all over it.
fn scan(picture: Vec<u8>) -> Pages<'static> {
    Pages { pages: vec![("", "100 0 0 100 0 0 cm /P4 Do")], pictures: vec![picture] }
}

/// A picture of 100 samples in a square, of which the upper left quarter differs from the others.
fn picture(entries: &str, quarter: &[u8], others: &[u8]) -> Vec<u8> {
    let samples: Vec<u8> =
        (0..100 * 100).flat_map(|at| if at % 100 < 50 && at < 5000 { quarter } else { others }.to_vec()).collect();
    stream(&format!("/Subtype /Image /Width 100 /Height 100 /BitsPerComponent 8 {entries}"), &samples)
}

fn grey() -> Vec<u8> {
    picture("/ColorSpace /DeviceGray", &[0], &[255])
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A picture that a recogniser got.
struct Sheet {
    width: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    fn new(pgm: &[u8]) -> Self {
        let head: Vec<&[u8]> = pgm.splitn(4, |byte| *byte == b'\n').collect();
        assert_eq!((head[0], head[2]), (&b"P5"[..], &b"255"[..]));
        let size = std::str::from_utf8(head[1]).unwrap();
        let size: Vec<usize> = size.split(' ').map(|number| number.parse().unwrap()).collect();
        assert_eq!(head[3].len(), size[0] * size[1]);
        Self { width: size[0], pixels: head[3].to_vec() }
    }

    /// The lightness in the middle of each quarter: upper left, upper right, lower left, lower right.
    fn quarters(&self) -> [u8; 4] {
        let height = self.pixels.len() / self.width;
        [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| self.pixels[height * y / 4 * self.width + self.width * x / 4])
    }
}

#[test]
fn scan_is_drawn_at_300_dpi_and_its_text_takes_its_place() {
    let pages = Pages {
        pages: vec![
            ("", "BT /F 8 Tf 5 50 Td (typed) Tj ET"),
            ("", "100 0 0 100 0 0 cm /P4 Do"),
            ("", "BT /F 8 Tf 5 50 Td (more) Tj ET"),
        ],
        pictures: vec![grey()],
    };
    let mut recogniser = says("A line of a paragraph that is bro-\nken here, and then goes on.\n\nAnother one.\n");
    let extracted = pages.read(&mut recogniser);
    let sheet = Sheet::new(&recogniser.pictures[0]);
    assert_eq!((recogniser.pictures.len(), sheet.width), (1, 417));
    assert_eq!(sheet.quarters(), [0, 255, 255, 255]);
    let expected = "typed\n\n<!-- page 2 -->\n\nA line of a paragraph that is broken here, and then goes on.\n\n\
                    Another one.\n\n<!-- page 3 -->\n\nmore\n";
    assert_eq!(extracted.text, expected);
    assert_eq!(extracted.warnings, ["ocr: the text of 1 page was recognised from images."]);
}

#[test]
fn page_is_drawn_the_right_way_up_and_cut_to_what_is_seen() {
    let mut pages = scan(grey());
    pages.pages[0].0 = "/Rotate 90";
    assert_eq!(pages.drawn().quarters(), [255, 0, 255, 255]);
    pages.pages[0].0 = "/CropBox [0 50 50 100]";
    assert_eq!(pages.drawn().quarters(), [0, 0, 0, 0].map(|_: u8| 0));
}

#[test]
fn light_and_dark_are_seen_in_every_colour_space() {
    for (space, dark, light) in [
        ("/DeviceRGB", &[0, 0, 0][..], &[255, 255, 255][..]),
        ("/DeviceCMYK", &[0, 0, 0, 255], &[0, 0, 0, 0]),
        ("[/Indexed /DeviceRGB 1 <FFFFFF000000>]", &[1], &[0]),
        ("[/Separation /Black /DeviceGray << >>]", &[255], &[0]),
        ("/DeviceGray /Decode [1 0]", &[255], &[0]),
    ] {
        let drawn = scan(picture(&format!("/ColorSpace {space}"), dark, light)).drawn();
        assert_eq!(drawn.quarters(), [0, 255, 255, 255], "{space}");
    }
}

#[test]
fn bits_are_samples() {
    let row = |left: u8| [left, left, left, left, left, left, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let samples = [row(0).repeat(50), row(0xff).repeat(50)].concat();
    let bits = stream("/Subtype /Image /Width 100 /Height 100 /BitsPerComponent 1 /ColorSpace /DeviceGray", &samples);
    assert_eq!(scan(bits).drawn().quarters(), [0, 255, 255, 255]);
}

#[test]
fn stencils_and_masks_let_through_what_is_below() {
    let samples = [[0_u8; 13].repeat(50), [0xff; 13].repeat(50)].concat();
    let stencil = stream("/Subtype /Image /Width 100 /Height 100 /ImageMask true /BitsPerComponent 1", &samples);
    let mut pages = scan(stencil);
    pages.pages[0].1 = "1 0 0 rg 100 0 0 100 0 0 cm /P4 Do";
    let red = 76;
    assert_eq!(pages.drawn().quarters(), [red, red, 255, 255]);
    let black = picture("/ColorSpace /DeviceGray /SMask 5 0 R", &[0], &[0]);
    let mut pages = scan(black);
    pages.pictures.push(picture("/ColorSpace /DeviceGray", &[255], &[0]));
    assert_eq!(pages.drawn().quarters(), [0, 255, 255, 255]);
}

#[test]
fn strips_meet_without_a_seam_inside_of_forms_too() {
    let black = || picture("/ColorSpace /DeviceGray", &[0], &[0]);
    let form = stream(
        "/Subtype /Form /BBox [0 0 100 100] /Resources << /XObject << /Strip 4 0 R >> >>",
        b"q 100 0 0 33.3 0 0 cm /Strip Do Q q 100 0 0 33.3 0 33.3 cm /Strip Do Q 80 0 0 33.4 0 66.6 cm /Strip Do",
    );
    let mut pages = scan(black());
    pages.pictures.push(form);
    pages.pages[0].1 = "/P5 Do";
    let sheet = pages.drawn();
    let left: Vec<u8> = sheet.pixels.iter().step_by(sheet.width).copied().collect();
    assert!(left.iter().all(|pixel| *pixel == 0), "{left:?}");
    assert_eq!(sheet.quarters(), [0, 0, 0, 0]);
}

#[test]
fn pictures_among_the_instructions_are_drawn() {
    let mut pages = scan(grey());
    let digits = "00".repeat(3000) + &"FF".repeat(2000) + &"00".repeat(5000);
    let contents = format!("q 100 0 0 100 0 0 cm BI /W 100 /H 100 /BPC 8 /CS /G /F /AHx ID {digits}> EI Q");
    pages.pages = vec![("", &contents)];
    let mut recogniser = says("text");
    pages.read(&mut recogniser);
    assert_eq!(recogniser.pictures.len(), 1);
    let sheet = Sheet::new(&recogniser.pictures[0]);
    assert_eq!(sheet.quarters(), [0; 4]);
    assert_eq!(sheet.pixels[sheet.width * sheet.width * 2 / 5], 255);
}

#[test]
fn letters_that_are_drawn_as_shapes_are_recognised() {
    let mut contents = String::new();
    for index in 0..64 {
        let (x, y) = (10 * (index % 8) + 5, 10 * (index / 8) + 10);
        write!(contents, "{x} {y} m {x} {} {} {} {} {y} c h ", y + 8, x + 6, y + 8, x + 6).unwrap();
    }
    contents += "f";
    let pages = Pages { pages: vec![("", &contents)], pictures: Vec::new() };
    let sheet = pages.drawn();
    assert!(sheet.pixels.contains(&0) && sheet.pixels.contains(&255));
}

#[test]
fn page_with_text_or_text_under_its_picture_is_not_recognised() {
    let text = |text: &str| format!("BT /F 4 Tf 5 95 Td {text} ET ");
    let picture = "q 100 0 0 100 0 0 cm /P4 Do Q ";
    for contents in [
        picture.to_owned() + &text(&"(some words of a text) Tj 0 -5 Td ".repeat(15)),
        picture.to_owned() + &text("3 Tr (short) Tj"),
        text("(short) Tj") + picture,
    ] {
        let pages = Pages { pages: vec![("", &contents)], pictures: vec![grey()] };
        let mut recogniser = says("no");
        assert!(pages.read(&mut recogniser).warnings.is_empty());
        assert!(recogniser.pictures.is_empty());
    }
}

#[test]
fn stamp_on_a_scan_is_read_once() {
    let mut pages = scan(grey());
    pages.pages[0].1 = "q 100 0 0 100 0 0 cm /P4 Do Q BT /F 40 Tf 40 20 Td (12) Tj ET";
    let mut recogniser = says("Some text.");
    assert_eq!(pages.read(&mut recogniser).text, "12\n\nSome text.\n");
    assert_eq!(Sheet::new(&recogniser.pictures[0]).quarters(), [0, 255, 255, 255]);
}

#[test]
fn blank_scan_is_not_recognised() {
    let mut recogniser = says("no");
    let extracted = scan(picture("/ColorSpace /DeviceGray", &[255], &[255])).read(&mut recogniser);
    assert!(recogniser.pictures.is_empty());
    assert_eq!(extracted.warnings, ["no_text: No text was recognised in the image."]);
}

#[test]
fn what_is_seen_in_a_photograph_is_no_text() {
    let extracted = scan(grey()).read(&mut says("~ e | i\n\n= 4 a"));
    assert_eq!(extracted.text, "");
    assert_eq!(extracted.warnings, ["no_text: No text was recognised in the image."]);
}

/// A file with a typed page and two scans.
fn mixed() -> Pages<'static> {
    let mut pages = scan(grey());
    pages.pages.push(pages.pages[0]);
    pages.pages.insert(0, ("", "BT /F 8 Tf 5 50 Td (typed) Tj ET"));
    pages
}

#[test]
fn without_a_recogniser_scans_are_counted() {
    let expected = ["skipped: 2 pages are pictures, and OCR is not available."];
    assert_eq!(mixed().read(&mut answers(Recognition::Unavailable)).warnings, expected);
    assert_eq!(read(&mixed().file()).warnings, expected);
    let expected = ["no_text: OCR is not available."];
    assert_eq!(scan(grey()).read(&mut answers(Recognition::Unavailable)).warnings, expected);
    assert_eq!(read(&scan(grey()).file()).warnings, expected);
}

#[test]
fn page_that_cannot_be_recognised_is_named() {
    let extracted = mixed().read(&mut answers(Recognition::Unreadable("It is broken.".into())));
    assert_eq!(extracted.warnings, [2, 3].map(|page| format!("skipped: page {page}: OCR cannot read its picture.")));
    assert!(!extracted.truncated);
}

#[test]
fn scans_beyond_the_limit_are_left_out() {
    let limits = Limits { recognised_max: 1, ..Limits::default() };
    let extracted = extract(&mixed().file(), media::PDF, &limits, &mut says("words of it")).unwrap();
    assert!(extracted.truncated && extracted.text.contains("words of it"));
    assert!(extracted.warnings[1].ends_with("scans from page 3 on were not."), "{extracted:?}");
}

#[track_caller]
fn is_left_out(picture: Vec<u8>, warning: &str) {
    let mut recogniser = says("no");
    let extracted = scan(picture).read(&mut recogniser);
    assert!(recogniser.pictures.is_empty());
    assert!(extracted.warnings.iter().any(|given| given.contains(warning)), "{extracted:?}");
}

#[test]
fn picture_beyond_the_limits_is_not_decoded() {
    let huge = |entries: &str| stream(&format!("/Subtype /Image /Width 50000 /Height 50000 {entries}"), b"x");
    is_left_out(huge("/BitsPerComponent 1 /ColorSpace /DeviceGray"), "skipped: page 1: image_too_large: ");
    is_left_out(huge("/Filter /DCTDecode"), "image_too_large");
    let bomb = packed(&vec![0; 4 << 20]);
    let entries = "/Subtype /Image /Width 100 /Height 100 /BitsPerComponent 8 /ColorSpace /DeviceGray";
    is_left_out(stream(&format!("{entries} /Filter /FlateDecode"), &bomb), "image_too_large");
    let wide = format!("{entries} /Filter /CCITTFaxDecode /DecodeParms << /Columns 2000000000 >>");
    is_left_out(stream(&wide, b"x"), "image_too_large");
}

#[test]
fn damaged_picture_is_named() {
    for filter in ["DCTDecode", "FlateDecode", "JBIG2Decode"] {
        let entries = format!("/Subtype /Image /Width 100 /Height 100 /ColorSpace /DeviceGray /Filter /{filter}");
        is_left_out(stream(&entries, b"no such thing"), "skipped: page 1: A picture is damaged");
    }
}

#[test]
fn packed_picture_is_unpacked() {
    let samples = [vec![0; 5000], vec![255; 5000]].concat();
    let entries = "/Subtype /Image /Width 100 /Height 100 /BitsPerComponent 8 /ColorSpace /DeviceGray";
    let drawn = scan(stream(&format!("{entries} /Filter /FlateDecode"), &packed(&samples))).drawn();
    assert_eq!(drawn.quarters(), [0, 0, 255, 255]);
}

#[test]
fn the_same_bytes_give_the_same_picture() {
    assert_eq!(scan(grey()).drawn().pixels, scan(grey()).drawn().pixels);
}
