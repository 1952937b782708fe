//! Whether the job log can be believed, before anything rests on it: sled has opened damaged logs without a word.
//!
//! A log that contradicts itself is not worked with, nor one that has lost the beginning of a removal: it would show the
//! batch again, without its bytes. Other changes that are lost are no harm, since seals and results bring them back.

use super::{Custody, CustodyError};
use crate::joblog::{Change, Checked, JobLogError, Stray};
use crate::spool::SpoolError;

/// Signs of damage that are logged; more say no more.
const FAULTS_LOGGED_MAX: usize = 10;

impl Custody {
    /// Checks the whole job log, and that it has lost no removal; says what it names and has no record of.
    pub(super) fn verify(&self) -> Result<Checked, CustodyError> {
        let mut checked = self.joblog.check();
        for fault in checked.faults.iter().take(FAULTS_LOGGED_MAX) {
            log::error!("{fault}");
        }
        if !checked.faults.is_empty() {
            return Err(JobLogError::Damaged.into());
        }
        if self.has_lost_removals()? {
            return Err(JobLogError::Outdated.into());
        }
        self.count_removals(self.joblog.removals()?)?;
        self.joblog.take_over_holdings(std::mem::take(&mut checked.holdings));
        Ok(checked)
    }

    /// Whether removals have begun that the job log knows nothing of.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn has_lost_removals(&self) -> Result<bool, CustodyError> {
        let known = self.joblog.removals()?;
        Ok(self.removals.count().is_some_and(|begun| begun > known))
    }

    /// Whether the number of removals beside the job log cannot be read.
    #[must_use]
    pub fn is_removal_count_damaged(&self) -> bool {
        self.removals.is_damaged()
    }

    /// Makes the number of removals durable beside the job log, which must hold it durably already: what the log shows
    /// may be ahead of what a crash would leave of it.
    pub(super) fn count_removals(&self, durable: u64) -> Result<(), CustodyError> {
        match durable {
            0 if !self.removals.is_damaged() => Ok(()),
            removals => self.removals.raise(removals).map_err(|error| SpoolError::from_io(&error).into()),
        }
    }

    /// Gives a new job log the number of removals of those before it. It is the log's first entry, so that a crash leaves
    /// it or an empty log.
    pub(super) fn take_over_removals(&self) -> Result<(), CustodyError> {
        match self.removals.count() {
            Some(removals) if self.joblog.is_empty() => Ok(self.joblog.take_over_removals(removals)?),
            _ => Ok(()),
        }
    }

    /// Forgets batches that the log only half knew and whose seals are nowhere: they were never acknowledged, or what they
    /// were lies in a segment that is kept.
    pub(super) async fn forget_strays(&self, checked: Checked) -> Result<(), CustodyError> {
        let mut changes = Vec::new();
        for Stray { batch, spool, results, owned } in checked.strays {
            if self.joblog.batch(batch)?.is_none() {
                log::error!("batch {batch}: forgotten, because it was half entered and its seal is not in the spool");
                changes.push(Change::Forget { batch, spool, results, owned });
            }
        }
        for (key, batch) in checked.stray_keys {
            if self.joblog.batch(batch)?.is_none_or(|record| record.idempotency_key != Some(key)) {
                changes.push(Change::ForgetKey { key, batch });
            }
        }
        if !changes.is_empty() {
            self.joblog.commit(changes).await?;
        }
        Ok(())
    }
}
