//! Whole files, and what a recogniser is given of them.

mod drawing;
mod pages;

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
