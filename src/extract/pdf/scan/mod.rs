//! Pages that are pictures of text: what a recogniser reads in them.
//!
//! Only pictures and filled shapes are drawn, in grey: glyphs have told what they say already, and one that is drawn
//! would be read twice. The page is drawn at a fixed resolution, so the same bytes always give the same picture.

mod canvas;
mod colours;
mod coverage;
mod fill;
mod headers;
mod paper;
mod picture;
#[cfg(test)]
mod tests;
mod view;

pub(super) use colours::Colours;
pub(super) use coverage::Coverage;
pub(super) use headers::size;
pub(super) use paper::Paper;
use picture::Fault;

use super::super::{Extracted, NO_OCR, NOTHING_RECOGNISED, Recognition, Room};
use crate::extract::image::is_writing;

/// What has come of the scans of a file.
#[derive(Debug, Default)]
pub(super) struct Scans {
    /// Pages in which text was recognised.
    read: usize,
    /// Pages in which there was none, or that could not be read.
    empty: usize,
    /// Pages for which there was no recogniser.
    unavailable: usize,
    /// The first page that was one too many.
    too_many: Option<usize>,
    skipped: Vec<String>,
}

impl Scans {
    /// Whether a scan is worth drawing; one that is not is counted.
    pub fn wants(&mut self, room: &Room<'_>) -> bool {
        if self.unavailable > 0 || !room.can_recognise() {
            self.unavailable += 1;
            return false;
        }
        self.too_many.is_none()
    }

    /// The text on a page that has been drawn, without white space round it.
    pub fn recognise(&mut self, number: usize, paper: Option<Paper>, room: &mut Room<'_>) -> Option<String> {
        let Some(paper) = paper else {
            self.skip(number, "There is no memory for its picture.");
            return None;
        };
        for fault in &paper.faults {
            self.skip(
                number,
                match fault {
                    Fault::TooLarge => "image_too_large: the picture has more pixels than the limit.",
                    Fault::Undecodable => "A picture is damaged or of an unknown kind.",
                },
            );
        }
        let Some(picture) = paper.into_picture() else {
            self.empty += 1;
            return None;
        };
        match room.recognise_page(&picture) {
            Recognition::Pages(pages) => {
                let mut text = pages.join("\n\n").trim().to_owned();
                if !is_writing(&text) {
                    text.clear();
                }
                *(if text.is_empty() { &mut self.empty } else { &mut self.read }) += 1;
                return (!text.is_empty()).then_some(text);
            }
            // What the engine says of it is for a log, and quotes more than the page.
            Recognition::Unreadable(_) => {
                self.empty += 1;
                self.skip(number, "OCR cannot read its picture.");
            }
            Recognition::TooMany => self.too_many = Some(number),
            Recognition::Unavailable => self.unavailable += 1,
        }
        None
    }

    fn skip(&mut self, number: usize, reason: &str) {
        self.skipped.push(format!("skipped: page {number}: {reason}"));
    }

    /// Says what was recognised in the file and what was not. `has_unread_images` tells of those that cover too little
    /// of their pages to make scans, but may be all that the file has.
    pub fn report(self, extracted: &mut Extracted, has_unread_images: bool) {
        let is_empty = extracted.text.is_empty();
        let warnings = &mut extracted.warnings;
        if self.read > 0 {
            let pages = counted(self.read, "page", "pages");
            warnings.push(format!("ocr: the text of {pages} was recognised from images."));
        }
        match self.unavailable {
            0 if is_empty && self.empty > 0 => warnings.push(NOTHING_RECOGNISED.to_owned()),
            0 if !(is_empty && has_unread_images) => {}
            _ if is_empty => warnings.push(NO_OCR.to_owned()),
            pages => {
                let pages = counted(pages, "page is a picture", "pages are pictures");
                warnings.push(format!("skipped: {pages}, and OCR is not available."));
            }
        }
        if let Some(number) = self.too_many {
            extracted.truncated = true;
            let reason = "As many pictures of this file have been read as may be";
            warnings.push(format!("truncated: {reason}; scans from page {number} on were not."));
        }
        warnings.extend(self.skipped);
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
