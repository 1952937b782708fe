//! The files of a turn that wait, as their seal and the job log know them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::check::READ_ONCE_BYTES_MAX;
use crate::actors::FileBytes;
use crate::actors::rotation::Turn;
use crate::batch::{FileId, FileState};
use crate::custody::{Custody, CustodyError};
use crate::joblog::BatchRecord;
use crate::spool::SealedFile;

/// A file that waits, as its seal and the job log know it.
pub struct WaitingFile {
    pub id: FileId,
    pub record: Arc<BatchRecord>,
    /// None when the seal is damaged in this place.
    pub sealed: Option<SealedFile>,
    pub retries: u32,
    pub attempts: u32,
    pub is_suspect: bool,
}

impl WaitingFile {
    /// Whether a look at the file takes about as long as waking a thread for it.
    pub fn is_small(&self) -> bool {
        self.sealed.as_ref().is_none_or(|sealed| sealed.length <= READ_ONCE_BYTES_MAX)
    }

    /// Where the file's bytes lie; none when not even that can be read.
    pub fn bytes(&self) -> Option<FileBytes> {
        let sealed = self.sealed.as_ref()?;
        let lender = sealed.loan.map_or(self.id, |loan| loan.lender);
        Some(FileBytes { extent: sealed.extent(&self.record.seal), lender })
    }
}

/// Reads the files of a turn that have no outcome yet.
pub fn read_turn(custody: &Custody, turn: &Turn) -> Result<Vec<WaitingFile>, CustodyError> {
    let Some(record) = custody.joblog.batch(turn.batch)? else { return Ok(Vec::new()) };
    let record = Arc::new(record);
    let Range { start, end } = turn.files;
    let mut records: HashMap<_, _> = custody.joblog.files(turn.batch, start, end)?.into_iter().collect();
    let mut waiting = Vec::with_capacity(turn.files.len());
    for status in custody.files(turn.batch, &record, start, end)? {
        if status.state == FileState::Stored {
            let known = records.remove(&status.id.index()).unwrap_or_default();
            waiting.push(WaitingFile {
                id: status.id,
                record: Arc::clone(&record),
                sealed: status.is_readable.then_some(status.sealed),
                retries: known.retries,
                attempts: known.attempts,
                is_suspect: known.is_suspect,
            });
        }
    }
    Ok(waiting)
}
