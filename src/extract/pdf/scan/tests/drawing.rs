//! How a scanned page is drawn.

use super::*;

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
