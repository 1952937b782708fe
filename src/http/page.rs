//! A page of a batch's files: which are wanted, how many fit on it, and where the next ones are.
//!
//! It is bounded in number and in bytes: names, errors and what a document says of itself may be long, and no client is to
//! be sent more than a mebibyte at a time. What stands on a page is JSON already, since only that has a length.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::ApiError;
use super::door::OwnBatch;
use super::view::{BatchView, FileView};
use crate::batch::{BatchId, FileState};
use crate::custody::FileStatus;

/// Files on a page of a batch's status.
pub const FILES_PAGE_MAX: usize = 1000;

/// Bytes that the files on a page have as JSON. With the rest of the batch, metadata of 64 KiB among it, that is less than a
/// mebibyte.
const FILES_BYTES_MAX: usize = (1 << 20) - (128 << 10);

/// Which files of a batch are wanted.
pub struct Page {
    pub after: Option<usize>,
    pub limit: usize,
    pub states: Option<Vec<FileState>>,
}

impl Page {
    /// The first page of all files.
    pub const FIRST: Self = Self { after: None, limit: FILES_PAGE_MAX, states: None };

    fn wants(&self, file: &FileStatus) -> bool {
        self.states.as_ref().is_none_or(|states| states.contains(&file.state))
    }
}

/// A batch's status with a page of its files. Reads from the disk.
///
/// # Errors
/// When there is no such batch, or the job log or the seal cannot be read.
pub fn view(batch: &OwnBatch, page: &Page) -> Result<BatchView, ApiError> {
    let status = batch.status()?;
    let (files, last) = files_of(batch, page)?;
    let next = last.map(|last| next_page(batch.id(), last, page.limit, page.states.as_deref()));
    Ok(BatchView::new(status, Some(files), next))
}

/// The files on the first page of a batch, and where the next ones are.
pub type FirstPage = (Vec<Box<RawValue>>, Option<String>);

/// The first page of a batch's files, which are these and perhaps more of `total`.
pub fn first_page(id: BatchId, total: usize, files: impl IntoIterator<Item = FileStatus>) -> FirstPage {
    let files = fitting(files.into_iter().map(FileView::from));
    let next = (files.len() < total).then(|| next_page(id, files.len() - 1, FILES_PAGE_MAX, None));
    (files, next)
}

/// As many of them as fit on a page.
pub fn fitting<T: Serialize>(all: impl IntoIterator<Item = T>) -> Vec<Box<RawValue>> {
    let mut filling = Filling::new(FILES_PAGE_MAX);
    let _full = all.into_iter().try_for_each(|one| filling.take(&one));
    filling.taken
}

/// Where the files behind the one with index `last` are.
fn next_page(id: BatchId, last: usize, limit: usize, states: Option<&[FileState]>) -> String {
    let words = |states: &[FileState]| states.iter().map(FileState::to_string).collect::<Vec<_>>().join(",");
    let states = states.map(|states| format!("&files={}", words(states))).unwrap_or_default();
    format!("/batches/{id}?after={last}&limit={limit}{states}")
}

/// The files of a page, and the index of the last that was looked at if there are more behind it.
fn files_of(batch: &OwnBatch, page: &Page) -> Result<(Vec<Box<RawValue>>, Option<usize>), ApiError> {
    let total = batch.files_count();
    let mut from = page.after.map_or(0, |after| after + 1);
    let mut filling = Filling::new(page.limit);
    while from < total && filling.left() > 0 {
        let to = total.min(from + filling.left());
        for file in batch.files(from, to)?.into_iter().filter(|file| page.wants(file)) {
            let before = file.id.index().checked_sub(1);
            if filling.take(&FileView::from(file)).is_err() {
                return Ok((filling.taken, before));
            }
        }
        from = to;
    }
    Ok((filling.taken, (from < total).then(|| from - 1)))
}

/// A page that is being filled.
struct Filling {
    taken: Vec<Box<RawValue>>,
    limit: usize,
    bytes: usize,
}

/// There is no room for more.
struct Full;

impl Filling {
    const fn new(limit: usize) -> Self {
        Self { taken: Vec::new(), limit, bytes: 0 }
    }

    fn left(&self) -> usize {
        self.limit - self.taken.len()
    }

    /// Takes one more, if it fits. The first always does, so that there is a way on.
    fn take(&mut self, one: &impl Serialize) -> Result<(), Full> {
        let json = to_raw_value(one).expect("a status is plain data, which JSON can hold");
        self.bytes += json.get().len();
        if self.left() == 0 || (self.bytes > FILES_BYTES_MAX && !self.taken.is_empty()) {
            return Err(Full);
        }
        self.taken.push(json);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_fits_and_at_least_one() {
        let of = |chars: usize| "w".repeat(chars);
        assert_eq!(fitting(vec![of(10); 2 * FILES_PAGE_MAX]).len(), FILES_PAGE_MAX);
        assert_eq!(fitting(vec![of(FILES_BYTES_MAX / 2 - 2); 9]).len(), 2, "with their quotes");
        assert_eq!(fitting(vec![of(FILES_BYTES_MAX / 2 - 1); 9]).len(), 1);
        assert_eq!(fitting(vec![of(2 * FILES_BYTES_MAX); 9]).len(), 1, "one always fits");
        assert_eq!(fitting([""; 0]).len(), 0);
    }
}
