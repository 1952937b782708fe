//! Loans: files whose bytes came with another file of the same owner, and are stored once.
//!
//! A loan is written in the seal of the borrower's batch. Here it stands by the place of the bytes, so that whoever gives
//! bytes back sees who else needs them, and together with its neighbours among the records of the borrower's batch. What
//! sled loses of the one, the check of a start misses by the other. Both are entered before the batch's record.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::record;
use super::{Index, JobLog, JobLogError, StoreName, key};
use crate::batch::{BATCH_FILES_LIMIT, BatchId, FileId};
use crate::spool::{Extent, SealedBatch, SealedFile};

/// A file that has its bytes on loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Borrower {
    pub file: FileId,
    pub extent: Extent,
    /// The file with which the bytes came.
    pub lender: FileId,
}

/// Loans of neighbouring files that are one entry among the records of their batch.
const LOANS_TOGETHER: usize = 64;

/// What is written there for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanRecord {
    /// The borrower's index in its batch.
    pub index: u16,
    pub extent: Extent,
    pub lender: FileId,
}

impl LoanRecord {
    /// The file that has borrowed the bytes.
    #[must_use]
    pub fn borrower(&self, id: BatchId) -> FileId {
        id.file(usize::from(self.index))
    }

    /// The entry by the place of the bytes: its key, and the loan's length.
    #[must_use]
    pub fn by_place(&self, id: BatchId) -> (Vec<u8>, Vec<u8>) {
        let Extent { segment, start, length } = self.extent;
        (key::loan(segment, start, self.borrower(id)), record::encode(&length))
    }
}

/// Reads the loans of neighbouring files, the first of which has the index `first`.
///
/// # Errors
/// [`JobLogError::Damaged`] when they cannot be read, or are others.
pub fn read_loans(bytes: &[u8], first: usize) -> Result<Vec<LoanRecord>, JobLogError> {
    let loans: Vec<LoanRecord> = record::decode(bytes)?;
    let is_sound = loans.first().is_some_and(|loan| usize::from(loan.index) == first)
        && loans.last().is_some_and(|loan| usize::from(loan.index) < BATCH_FILES_LIMIT)
        && loans.is_sorted_by(|before, after| before.index < after.index);
    if is_sound { Ok(loans) } else { Err(JobLogError::Damaged) }
}

impl JobLog {
    /// The loans of a batch's files.
    ///
    /// # Errors
    /// When the log cannot be read, or a loan does not stand by its place.
    pub fn borrowers_of(&self, id: BatchId) -> Result<Vec<Borrower>, JobLogError> {
        let borrower = |loan: LoanRecord| {
            let is_there = self.index.has(&loan.by_place(id).0)?;
            let borrower = Borrower { file: loan.borrower(id), extent: loan.extent, lender: loan.lender };
            if is_there { Ok(borrower) } else { Err(JobLogError::Damaged) }
        };
        self.index.loans_of(id)?.into_iter().map(borrower).collect()
    }

    /// The bytes that are lent and needed by a borrower, of those that lie in the blocks of an extent. However many have
    /// the same bytes, the first who needs them is the last that is looked at.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn lent(&self, within: &Extent) -> Result<Vec<Extent>, JobLogError> {
        let (Extent { segment, start, .. }, end) = (within.outward(), within.outward().end());
        let (mut from, end) = (self.index.loans_before(segment, start)?, key::loans_from(segment, end));
        let mut lent = Vec::new();
        while let Some(found) = self.index.db.range(from..end.clone()).next() {
            let (key, value) = found.map_err(|error| JobLogError::from_sled(&error))?;
            let (_, start, borrower) = key::loan_of(&key).ok_or(JobLogError::Damaged)?;
            from = if self.needs_bytes(borrower)? {
                let length = record::decode(&value)?;
                lent.push(Extent { segment, start, length });
                key::loans_from(segment, start + 1)
            } else {
                [&key[..], &[0]].concat()
            };
        }
        Ok(lent)
    }

    /// Whether a file still needs its bytes: its batch is not being removed, and they are not given back.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn needs_bytes(&self, file: FileId) -> Result<bool, JobLogError> {
        let are_dead = |file| Ok::<_, JobLogError>(self.file(file)?.end.is_some_and(|end| end.are_bytes_dead));
        Ok(self.is_living(file.batch())? && !are_dead(file)?)
    }
}

impl Index {
    /// Enters the loans of a batch.
    pub(super) fn enter_loans(&self, sealed: &SealedBatch) -> Result<(), JobLogError> {
        let id = sealed.header.batch;
        let loan = |(index, file): (u16, &SealedFile)| {
            let lender = file.loan?.lender;
            Some(LoanRecord { index, extent: file.extent(&sealed.seal), lender })
        };
        let loans: Vec<LoanRecord> = (0..).zip(&sealed.files).filter_map(loan).collect();
        for segment in loans.iter().map(|loan| loan.extent.segment).collect::<BTreeSet<_>>() {
            self.insert(key::segment(StoreName::Spool, segment, id), &[])?;
        }
        for together in loans.chunks(LOANS_TOGETHER) {
            self.insert(key::loans(id, usize::from(together[0].index)), &record::encode(&together))?;
            for (key, length) in together.iter().map(|loan| loan.by_place(id)) {
                self.insert(key, &length)?;
            }
        }
        Ok(())
    }

    /// The loans of a batch's files, by index.
    pub(super) fn loans_of(&self, id: BatchId) -> Result<Vec<LoanRecord>, JobLogError> {
        let mut loans = Vec::new();
        for entry in self.db.scan_prefix(key::loans_of(id)) {
            let (key, value) = entry.map_err(|error| JobLogError::from_sled(&error))?;
            let Some(Key::Loans(first)) = key::parse(&key) else { return Err(JobLogError::Damaged) };
            loans.extend(read_loans(&value, first.index())?);
        }
        Ok(loans)
    }

    /// The loan of a file as it stands among the records of its batch.
    pub(super) fn loan_of(&self, borrower: FileId) -> Result<Option<LoanRecord>, JobLogError> {
        let id = borrower.batch();
        let range = key::loans_of(id)..=key::loans(id, borrower.index());
        let Some(last) = self.db.range(range).next_back() else { return Ok(None) };
        let (key, value) = last.map_err(|error| JobLogError::from_sled(&error))?;
        let Some(Key::Loans(first)) = key::parse(&key) else { return Err(JobLogError::Damaged) };
        Ok(read_loans(&value, first.index())?.into_iter().find(|loan| loan.borrower(id) == borrower))
    }

    /// Where the last loan of a segment ends, with the block that it ends in; 0 without one. Different loans do not overlap.
    pub(super) fn end_of_loans(&self, segment: u64) -> Result<u64, JobLogError> {
        let Some(last) = self.db.scan_prefix(key::loans_in(segment)).next_back() else { return Ok(0) };
        let (key, value) = last.map_err(|error| JobLogError::from_sled(&error))?;
        let (_, start, _) = key::loan_of(&key).ok_or(JobLogError::Damaged)?;
        let length = record::decode(&value)?;
        Ok(Extent { segment, start, length }.outward().end())
    }

    /// The first key of the bytes that begin before `start` and may reach behind it, or of those that begin there.
    fn loans_before(&self, segment: u64, start: u64) -> Result<Vec<u8>, JobLogError> {
        let here = key::loans_from(segment, start);
        let before = self.db.get_lt(&here).map_err(|error| JobLogError::from_sled(&error))?;
        let place = before.and_then(|(key, _)| key::loan_of(&key));
        Ok(match place {
            Some((of, before, _)) if of == segment => key::loans_from(segment, before),
            _ => here,
        })
    }
}
