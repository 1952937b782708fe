//! Which pages are recognised, and what is said of those that are not.

use super::*;

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
