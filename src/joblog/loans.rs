//! Loans: files whose bytes came with another file of the same owner, and are stored once.
//!
//! A loan is written in the seal of the borrower's batch. Here it stands by the place of the bytes, so that whoever gives
//! bytes back sees who else needs them, and is marked among the records of the borrower's batch. What sled loses of the one,
//! the check of a start misses by the other. Both are entered before the batch's record.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::record;
use super::{Index, JobLog, JobLogError, StoreName, key};
use crate::batch::{BatchId, FileId};
use crate::spool::{Extent, SealedBatch};

/// A file that has its bytes on loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Borrower {
    pub file: FileId,
    pub extent: Extent,
    /// The file with which the bytes came.
    pub lender: FileId,
}

/// What is written under the key of a loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanRecord {
    pub length: u64,
    pub lender: FileId,
}

impl JobLog {
    /// The loans of a batch's files.
    ///
    /// # Errors
    /// When the log cannot be read, or a loan is marked that is not there.
    pub fn borrowers_of(&self, id: BatchId) -> Result<Vec<Borrower>, JobLogError> {
        let borrower = |place: Result<(u64, u64, FileId), JobLogError>| {
            let (segment, start, file) = place?;
            let record = self.index.get(&key::loan(segment, start, file))?.ok_or(JobLogError::Damaged)?;
            let LoanRecord { length, lender } = record::decode(&record)?;
            Ok(Borrower { file, extent: Extent { segment, start, length }, lender })
        };
        self.index.marked_loans(id).map(borrower).collect()
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
                let LoanRecord { length, .. } = record::decode(&value)?;
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
        let mut segments = BTreeSet::new();
        for (index, file) in sealed.files.iter().enumerate() {
            let Some(loan) = file.loan else { continue };
            let (Extent { segment, start, length }, id) = (file.extent(&sealed.seal), sealed.header.batch.file(index));
            if segments.insert(segment) {
                self.insert(key::segment(StoreName::Spool, segment, id.batch()), &[])?;
            }
            self.insert(key::loan_mark(segment, start, id), &[])?;
            let record = LoanRecord { length, lender: loan.lender };
            self.insert(key::loan(segment, start, id), &record::encode(&record))?;
        }
        Ok(())
    }

    /// Where the loans of a batch's files begin: segment, first byte, borrower.
    pub(super) fn marked_loans(
        &self,
        id: BatchId,
    ) -> impl Iterator<Item = Result<(u64, u64, FileId), JobLogError>> + use<> {
        self.db.scan_prefix(key::loans_of(id)).keys().map(|key| {
            let key = key.map_err(|error| JobLogError::from_sled(&error))?;
            key::marked_loan(&key).ok_or(JobLogError::Damaged)
        })
    }

    /// Where the last loan of a segment ends, with the block that it ends in; 0 without one. Different loans do not overlap.
    pub(super) fn end_of_loans(&self, segment: u64) -> Result<u64, JobLogError> {
        let Some(last) = self.db.scan_prefix(key::loans_in(segment)).next_back() else { return Ok(0) };
        let (key, value) = last.map_err(|error| JobLogError::from_sled(&error))?;
        let (_, start, _) = key::loan_of(&key).ok_or(JobLogError::Damaged)?;
        let LoanRecord { length, .. } = record::decode(&value)?;
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
