//! How a batch is cancelled: the job log says durably that it is to be, and from then on no file of it is tried any more.
//!
//! The pipeline ends its files one by one. A crash in between leaves a batch that the next start goes on cancelling. A job
//! log that is made anew does not know of it: files that had no outcome yet are tried then.

use super::{Custody, CustodyError};
use crate::batch::BatchId;
use crate::joblog::Change;

/// What became of the wish to cancel a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// Its files are being ended; so many files, those that have ended already among them.
    Begun { files: usize },
    /// All its files had ended.
    Completed,
    /// There is no such batch.
    Unknown,
}

impl Custody {
    /// Begins to cancel a batch, or says that this is no longer possible. Doing it again changes nothing.
    ///
    /// # Errors
    /// When it could not be written down.
    pub async fn cancel(&self, id: BatchId) -> Result<Cancel, CustodyError> {
        match self.joblog.batch(id)?.filter(|record| !record.is_doomed) {
            None => Ok(Cancel::Unknown),
            Some(record) if record.finished_ms.is_some() => Ok(Cancel::Completed),
            Some(record) => {
                self.joblog.commit(vec![Change::Cancel { batch: id }]).await?;
                Ok(Cancel::Begun { files: record.seal.entries as usize })
            }
        }
    }
}
