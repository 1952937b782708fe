//! How failed files are tried anew: the results say durably which, then the job log opens them again.
//!
//! A crash before the first leaves everything as it was. In between it leaves an order that the next start enters, as it
//! enters outcomes, and so does a job log that is made anew: of two outcomes of a file, the one after more retries counts.

use super::{Custody, CustodyError};
use crate::batch::{BatchId, FileId, FileState};
use crate::joblog::{Change, StoreName};
use crate::spool::{FrameBody, FrameKind, FrameRef, GroupKind, ResultsHeader, RetriedFile, SpoolError};

/// How often a file can be retried. Each time leaves a trace in the results until the batch is removed.
pub const RETRIES_MAX: u32 = 100;

/// What became of the wish to try failed files anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// So many files are open again, in a batch of `batch_files`.
    Begun { files: usize, batch_files: usize },
    /// No file has failed, or the one that was named is on its way.
    Nothing,
    /// The file that was named has ended in another way.
    NotFailed(FileState),
    /// The batch is being cancelled.
    Cancelling,
    /// A file has been retried [`RETRIES_MAX`] times.
    TooOften,
    /// There is no such batch, or no such file in it.
    Unknown,
}

impl Custody {
    /// Opens the failed files of a batch again, or the one that is named. Doing it again changes nothing.
    ///
    /// # Errors
    /// When it could not be written down; the next start may know of it all the same.
    pub async fn retry(&self, id: BatchId, file: Option<FileId>) -> Result<Retry, CustodyError> {
        let Some(record) = self.joblog.batch(id)?.filter(|record| !record.is_doomed) else { return Ok(Retry::Unknown) };
        if record.is_cancelled && record.finished_ms.is_none() {
            return Ok(Retry::Cancelling);
        }
        let batch_files = record.seal.entries as usize;
        let failed = match file {
            None => self.failed_files(id, 0, batch_files)?,
            Some(file) => match self.file(file)?.map(|status| status.state) {
                None => return Ok(Retry::Unknown),
                Some(FileState::Failed) => self.failed_files(id, file.index(), file.index() + 1)?,
                Some(state) if state.is_terminal() => return Ok(Retry::NotFailed(state)),
                Some(_) => Vec::new(),
            },
        };
        if failed.is_empty() {
            return Ok(Retry::Nothing);
        }
        if failed.iter().any(|file| file.retries > RETRIES_MAX) {
            return Ok(Retry::TooOften);
        }
        let order = self.append_retries(id, &failed).await?;
        let files = self.enter_retries(id, failed, order).await?;
        Ok(if files == 0 { Retry::Nothing } else { Retry::Begun { files, batch_files } })
    }

    fn failed_files(&self, id: BatchId, from: usize, to: usize) -> Result<Vec<RetriedFile>, CustodyError> {
        let known = self.joblog.files(id, from, to)?.into_iter();
        let failed = known.filter(|(_, known)| known.state() == FileState::Failed);
        Ok(failed.map(|(index, known)| RetriedFile { file: id.file(index), retries: known.retries + 1 }).collect())
    }

    async fn append_retries(&self, batch: BatchId, files: &[RetriedFile]) -> Result<FrameRef, CustodyError> {
        self.results.has_room()?;
        let header = ResultsHeader { batch, holds: GroupKind::Retries };
        let frame = FrameBody::encode(FrameKind::Results, &header, files);
        let (answer, place) = tokio::sync::oneshot::channel();
        let on_committed = Box::new(move |committed| {
            // Whoever asked may be gone; the next start enters what is durable.
            let _ = answer.send(committed);
        });
        self.results.append(Vec::new(), frame, on_committed).await?;
        Ok(place.await.unwrap_or(Err(SpoolError::Closed))?)
    }

    /// Opens files again whose order is durable, and says how many; an order that opens none is erased.
    async fn enter_retries(
        &self,
        batch: BatchId,
        files: Vec<RetriedFile>,
        order: FrameRef,
    ) -> Result<usize, CustodyError> {
        let committed = self.joblog.commit(vec![Change::Retry { batch, files, order }]).await?;
        if committed.retried.is_empty() {
            self.results.erase(&[order])?;
        }
        self.metrics.queue_depth.inc_by(i64::try_from(committed.retried.len()).unwrap_or(i64::MAX));
        Ok(committed.retried.len())
    }

    /// Enters the retries that a group in the results orders and the job log lacks.
    pub(super) async fn enter_retries_of(&self, batch: BatchId, order: FrameRef) -> Result<(), CustodyError> {
        match self.joblog.batch(batch)? {
            Some(record) if record.superseded.contains(&order) => {}
            Some(_) => {
                let files: Vec<RetriedFile> = self.results.entries(&order, 0, order.entries as usize)?;
                let entered = self.enter_retries(batch, files, order).await?;
                log::info!("batch {batch}: entered {entered} retries from the results");
            }
            // Those of a batch whose seal may be the one that cannot be read are kept with it.
            None if !self.joblog.kept(StoreName::Spool)?.is_empty() => {}
            None => self.results.erase(&[order])?,
        }
        Ok(())
    }
}
