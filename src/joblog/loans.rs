//! Loans: files whose bytes came with another file of the same owner, and are stored once.
//!
//! A loan is written in the seal of the borrower's batch. Here it stands by the place of the bytes, so that whoever gives
//! bytes back sees who else needs them. The marks are entered before the batch's record, which holds their sum: what sled
//! loses of them, the check of a start misses.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::record::{self, BatchRecord};
use super::{Index, JobLog, JobLogError, StoreName, key};
use crate::batch::{BatchId, FileId};
use crate::spool::{Extent, SealedBatch};

/// The loans of a batch's files, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Borrowed {
    /// Where the bytes lie, ascending.
    pub segments: Vec<u64>,
    pub sum: LoanSum,
}

/// How many marks of loans there are, and a checksum over their keys that does not depend on the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanSum(u64);

impl LoanSum {
    #[cfg(test)]
    pub(super) const fn of(sum: u64) -> Self {
        Self(sum)
    }

    pub(super) fn add(&mut self, key: &[u8]) {
        self.join(Self((1 << 32) | u64::from(crc32fast::hash(key))));
    }

    pub(super) const fn join(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

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

/// The loans of a batch that has just been sealed.
fn loans_of(sealed: &SealedBatch) -> impl Iterator<Item = (Vec<u8>, LoanRecord)> {
    sealed.files.iter().enumerate().filter_map(|(index, file)| {
        let lender = file.loan?.lender;
        let Extent { segment, start, length } = file.extent(&sealed.seal);
        Some((key::loan(segment, start, sealed.header.batch.file(index)), LoanRecord { length, lender }))
    })
}

impl JobLog {
    /// Who has bytes of a segment of the spool on loan, in the order of the bytes.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn borrowers_in(&self, segment: u64) -> Result<Vec<Borrower>, JobLogError> {
        self.index.borrowers_in(segment)
    }

    /// The loans of a batch's files.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn borrowers_of(&self, id: BatchId, record: &BatchRecord) -> Result<Vec<Borrower>, JobLogError> {
        let mut borrowers = Vec::new();
        for segment in &record.borrowed.segments {
            borrowers.extend(self.index.borrowers_in(*segment)?.into_iter().filter(|loan| loan.file.batch() == id));
        }
        Ok(borrowers)
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
    /// Enters the loans of a batch, and says so in its record.
    pub(super) fn enter_loans(&self, sealed: &SealedBatch, record: &mut BatchRecord) -> Result<(), JobLogError> {
        let mut segments = BTreeSet::new();
        for (key, loan) in loans_of(sealed) {
            let (segment, _, _) = key::loan_of(&key).ok_or(JobLogError::Damaged)?;
            if segments.insert(segment) {
                self.insert(key::segment(StoreName::Spool, segment, sealed.header.batch), &[])?;
            }
            record.borrowed.sum.add(&key);
            self.insert(key, &record::encode(&loan))?;
        }
        record.borrowed.segments = segments.into_iter().collect();
        Ok(())
    }

    pub(super) fn borrowers_in(&self, segment: u64) -> Result<Vec<Borrower>, JobLogError> {
        let borrower = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = entry.map_err(|error| JobLogError::from_sled(&error))?;
            let (segment, start, file) = key::loan_of(&key).ok_or(JobLogError::Damaged)?;
            let LoanRecord { length, lender } = record::decode(&value)?;
            Ok(Borrower { file, extent: Extent { segment, start, length }, lender })
        };
        self.db.scan_prefix(key::loans_in(segment)).map(borrower).collect()
    }

    /// Whether the loans of a batch are those that its record sums up.
    pub(super) fn has_its_loans(&self, id: BatchId, record: &BatchRecord) -> Result<bool, JobLogError> {
        let mut sum = LoanSum::default();
        for key in self.loan_keys(id, &record.borrowed.segments)? {
            sum.add(&key);
        }
        Ok(sum == record.borrowed.sum)
    }

    /// The keys of a batch's loans in these segments.
    pub(super) fn loan_keys(&self, id: BatchId, segments: &[u64]) -> Result<Vec<Vec<u8>>, JobLogError> {
        let mut keys = Vec::new();
        for segment in segments {
            let loans = self.borrowers_in(*segment)?.into_iter().filter(|loan| loan.file.batch() == id);
            keys.extend(loans.map(|loan| key::loan(*segment, loan.extent.start, loan.file)));
        }
        Ok(keys)
    }
}
