//! What an extraction may use up, and how much of it is left.
//!
//! What stands inside another file draws on the same stock: a bomb does not grow by being wrapped.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::{ExtractError, Host, Recognition};

/// How much an extraction may produce. More limits may come, so build it with `..Limits::default()`.
#[expect(clippy::struct_field_names, reason = "limits end in max, as everywhere")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most bytes of text.
    pub text_bytes_max: usize,
    /// The most bytes that all containers of a file (a DOCX, an EPUB, an archive in an archive) unpack to together.
    pub unpacked_bytes_max: usize,
    /// How many times larger than the container its unpacked parts may be, once they are more than 16 MiB.
    pub unpacked_ratio_max: usize,
    /// The most files in all archives and messages together.
    pub entries_max: usize,
    /// How many files may stand inside one another.
    pub nesting_max: usize,
    /// The most cells of a workbook.
    pub cells_max: usize,
    /// The most pages, slides or sheets that are read.
    pub pages_max: usize,
    /// The most pixels of one picture.
    pub image_pixels_max: u64,
    /// The most pictures and scanned pages in which text is recognised; with 0 there is no OCR.
    pub recognised_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes_max: 64 << 20,
            unpacked_bytes_max: 256 << 20,
            unpacked_ratio_max: 250,
            entries_max: 10_000,
            nesting_max: 8,
            cells_max: 5_000_000,
            pages_max: 20_000,
            image_pixels_max: 100_000_000,
            recognised_max: 1_000,
        }
    }
}

/// What is left of the limits that a whole file shares, however many files stand inside it.
#[derive(Debug)]
pub(super) struct Stock {
    unpacked_bytes: Cell<usize>,
    entries: Cell<usize>,
    cells: Cell<usize>,
    recognitions: Cell<usize>,
}

impl Stock {
    pub fn new(limits: &Limits) -> Self {
        Self {
            unpacked_bytes: Cell::new(limits.unpacked_bytes_max),
            entries: Cell::new(limits.entries_max),
            cells: Cell::new(limits.cells_max),
            recognitions: Cell::new(limits.recognised_max),
        }
    }

    pub fn unpacked_bytes_left(&self) -> usize {
        self.unpacked_bytes.get()
    }

    pub fn take_unpacked_bytes(&self, bytes: usize) -> Result<(), ExtractError> {
        take(&self.unpacked_bytes, bytes, ExtractError::ExpandsTooFar)
    }

    pub fn take_entry(&self) -> Result<(), ExtractError> {
        take(&self.entries, 1, ExtractError::TooManyEntries)
    }

    pub fn take_cells(&self, cells: usize) -> Result<(), ExtractError> {
        take(&self.cells, cells, ExtractError::TooManyCells)
    }
}

fn take(stock: &Cell<usize>, count: usize, error: ExtractError) -> Result<(), ExtractError> {
    stock.set(stock.get().checked_sub(count).ok_or(error)?);
    Ok(())
}

/// What every engine is given besides the bytes: its limits, and whoever it runs for.
pub(super) struct Room<'a> {
    pub limits: &'a Limits,
    pub host: &'a mut dyn Host,
    pub stock: &'a Stock,
    /// How many files stand round this one.
    depth: usize,
    /// The text of the files round this one, so far.
    outer_text_bytes: usize,
}

impl<'a> Room<'a> {
    pub fn new(limits: &'a Limits, host: &'a mut dyn Host, stock: &'a Stock) -> Self {
        Self { limits, host, stock, depth: 0, outer_text_bytes: 0 }
    }

    /// Called between pieces of work with the size of the text so far.
    pub fn step(&mut self, text_bytes: usize) -> Result<(), ExtractError> {
        self.host.progress();
        if self.outer_text_bytes + text_bytes > self.limits.text_bytes_max {
            Err(ExtractError::TextTooLarge)
        } else {
            Ok(())
        }
    }

    /// Whether there may be anyone who recognises text in a picture.
    pub fn can_recognise(&self) -> bool {
        self.limits.recognised_max > 0 && self.host.recognises()
    }

    /// Has text recognised in a picture that is a file, be it inside another one.
    pub fn recognise(&mut self, picture: &[u8]) -> Recognition {
        self.ask(picture, self.depth == 0)
    }

    /// Has text recognised in the picture of a page.
    pub fn recognise_page(&mut self, picture: &[u8]) -> Recognition {
        self.ask(picture, false)
    }

    fn ask(&mut self, picture: &[u8], is_file: bool) -> Recognition {
        let left = self.stock.recognitions.get();
        if left == 0 {
            let is_off = self.limits.recognised_max == 0;
            return if is_off { Recognition::Unavailable } else { Recognition::TooMany };
        }
        let recognition = self.host.recognise(picture, is_file);
        if recognition != Recognition::Unavailable {
            self.stock.recognitions.set(left - 1);
        }
        recognition
    }

    /// The room of a file inside this one, which has `text_bytes` of text so far.
    pub fn inner(&mut self, text_bytes: usize) -> Result<Room<'_>, ExtractError> {
        if self.depth >= self.limits.nesting_max {
            return Err(ExtractError::NestedTooDeep);
        }
        Ok(Room {
            limits: self.limits,
            host: &mut *self.host,
            stock: self.stock,
            depth: self.depth + 1,
            outer_text_bytes: self.outer_text_bytes + text_bytes,
        })
    }
}
