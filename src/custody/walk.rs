//! A walk over an owner's batches, newest first, a page at a time. It looks at nobody else's, however many there are; one over
//! those that are not completed does not look at what is.

use std::cell::Cell;

use super::{BatchStatus, Custody, CustodyError};
use crate::batch::BatchId;
use crate::joblog::BatchRecord;

/// Where a walk goes on, and what ends its page.
#[derive(Debug, Clone, Copy)]
pub struct BatchWalk {
    /// Among which batches it goes.
    pub among: Among,
    /// The batch that the last page ended with; none at the beginning.
    pub before: Option<BatchId>,
    /// The walk is at its end with a batch that is no newer; milliseconds since 1970-01-01T00:00:00Z.
    pub created_after_ms: Option<i64>,
    /// Batches on a page.
    pub page_max: usize,
    /// Batches that are looked at for one page, wanted or not.
    pub looks_max: usize,
}

/// The batches that a walk looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// All of the owner's.
    Owned,
    /// Those that are not completed.
    Open,
}

/// A search for batches by the names of their files.
#[derive(Debug)]
pub struct NameSearch {
    /// What one of the names has to have in it, in lower case.
    pub part: String,
    /// Names that are read for one page; the batch that has the last of them is read whole.
    pub names_max: usize,
}

/// A page of a walk.
#[derive(Debug)]
pub struct BatchPage {
    pub batches: Vec<BatchStatus>,
    /// The batch behind which there may be more; none when the walk is over.
    pub last: Option<BatchId>,
}

impl Custody {
    /// The next batches of a walk over those of an owner, of which `wanted` says yes to.
    ///
    /// # Errors
    /// When the job log or a seal cannot be read.
    pub fn batches(
        &self,
        owner: &str,
        walk: &BatchWalk,
        wanted: impl Fn(&BatchRecord) -> bool,
    ) -> Result<BatchPage, CustodyError> {
        self.walked(owner, walk, |record| Ok(wanted(record)), || false)
    }

    /// The same, of those of them with a file that is searched for.
    ///
    /// # Errors
    /// When the job log or a seal cannot be read.
    pub fn batches_named(
        &self,
        owner: &str,
        walk: &BatchWalk,
        search: &NameSearch,
        wanted: impl Fn(&BatchRecord) -> bool,
    ) -> Result<BatchPage, CustodyError> {
        let names_read = Cell::new(0);
        let is_found = |record: &BatchRecord| {
            if !wanted(record) {
                return Ok(false);
            }
            names_read.set(names_read.get() + record.seal.entries as usize);
            self.has_file_named(record, &search.part)
        };
        self.walked(owner, walk, is_found, || names_read.get() >= search.names_max)
    }

    /// Whether a file of a batch has `part` in its name, whatever the case. One whose entry is damaged has no name.
    fn has_file_named(&self, record: &BatchRecord, part: &str) -> Result<bool, CustodyError> {
        let files = self.sealed_files(record, 0, record.seal.entries as usize)?;
        Ok(files.iter().flatten().any(|file| file.name.to_lowercase().contains(part)))
    }

    fn walked(
        &self,
        owner: &str,
        walk: &BatchWalk,
        is_wanted: impl Fn(&BatchRecord) -> Result<bool, CustodyError>,
        is_enough: impl Fn() -> bool,
    ) -> Result<BatchPage, CustodyError> {
        let BatchWalk { among, before, created_after_ms, page_max, looks_max } = *walk;
        let mut page = BatchPage { batches: Vec::new(), last: before };
        for _ in 0..looks_max {
            if page.batches.len() == page_max || is_enough() {
                break;
            }
            let found = match among {
                Among::Owned => self.joblog.owned_before(owner, page.last)?,
                Among::Open => self.joblog.open_before(owner, page.last)?,
            };
            let is_new = |id: BatchId| created_after_ms.is_none_or(|after_ms| id.created_ms() > after_ms);
            let Some((id, record)) = found.filter(|(id, _)| is_new(*id)) else {
                page.last = None;
                break;
            };
            page.last = Some(id);
            if !record.is_doomed && is_wanted(&record)? {
                page.batches.push(self.with_metadata(id, record)?);
            }
        }
        Ok(page)
    }
}
