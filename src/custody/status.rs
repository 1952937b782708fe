//! What has become of a batch: its seal, its records and what is moving, read without asking an actor.

use super::{Custody, CustodyError};
use crate::batch::{BatchId, FileError, FileErrorCode, FileId, FileState};
use crate::joblog::{BatchRecord, FileEnd, FileRecord};
use crate::spool::{Content, SealHeader, SealedFile, Sha256Digest, SpoolError};

/// A batch as the job log and its seal know it.
#[derive(Debug, Clone)]
pub struct BatchStatus {
    pub id: BatchId,
    pub record: BatchRecord,
    /// A JSON object, as the client sent it.
    pub metadata: Option<String>,
}

/// A file as its seal and the job log know it.
#[derive(Debug, Clone)]
pub struct FileStatus {
    pub id: FileId,
    pub sealed: SealedFile,
    /// Whether the seal's entry could be read; `sealed` says nothing otherwise.
    pub is_readable: bool,
    pub state: FileState,
    /// How often the file has been retried.
    pub retries: u32,
    /// Attempts begun since then.
    pub attempts: u32,
    /// Whether its text was read, and is being made durable.
    pub is_read: bool,
    pub end: Option<FileEnd>,
}

impl FileStatus {
    /// A file that has just been sealed.
    #[must_use]
    pub fn sealed(id: FileId, sealed: SealedFile) -> Self {
        let state = if sealed.refused.is_some() { FileState::Rejected } else { FileState::Stored };
        Self { id, sealed, is_readable: true, state, retries: 0, attempts: 0, is_read: false, end: None }
    }

    /// Whether the bytes that the client sent are still there: those that were refused, are damaged, or were
    /// not to be kept, are not.
    #[must_use]
    pub fn has_content(&self) -> bool {
        let is_lost = |error: &FileError| matches!(error.code, FileErrorCode::Damaged | FileErrorCode::Missing);
        let are_dead = self.end.as_ref().is_some_and(|end| end.are_bytes_dead);
        self.is_readable && !are_dead && self.state != FileState::Rejected && !self.error().is_some_and(is_lost)
    }

    /// Why the file has no result, where that was an error.
    #[must_use]
    pub fn error(&self) -> Option<&FileError> {
        self.sealed.refused.as_ref().or_else(|| self.end.as_ref().and_then(|end| end.outcome.error()))
    }
}

impl Custody {
    /// A batch; none when there is no such batch, or its removal has begun.
    ///
    /// # Errors
    /// When the job log or the seal cannot be read.
    pub fn batch(&self, id: BatchId) -> Result<Option<BatchStatus>, CustodyError> {
        match self.joblog.batch(id)? {
            Some(record) if !record.is_doomed => self.with_metadata(id, record).map(Some),
            _ => Ok(None),
        }
    }

    /// Adds the files of all batches older than `before` to the count of stored files.
    pub fn count_files_before(&self, before: BatchId) {
        let mut before = Some(before);
        loop {
            match self.joblog.batch_before(before) {
                Ok(Some((id, record))) => {
                    before = Some(id);
                    self.metrics.spool_files.inc_by(i64::from(record.seal.entries));
                }
                Ok(None) => return,
                Err(error) => return log::error!("the stored files could not be counted: {error}"),
            }
        }
    }

    /// The files `from` to `to` of a batch, by index.
    ///
    /// # Errors
    /// When the seal or a record cannot be read.
    pub fn files(
        &self,
        id: BatchId,
        record: &BatchRecord,
        from: usize,
        to: usize,
    ) -> Result<Vec<FileStatus>, CustodyError> {
        let to = to.min(record.seal.entries as usize);
        if from >= to {
            return Ok(Vec::new());
        }
        let sealed = self.sealed_files(record, from, to)?;
        let mut records = self.joblog.files(id, from, to)?.into_iter().peekable();
        let status = |(offset, sealed): (usize, Option<SealedFile>)| {
            let index = from + offset;
            let known = records.next_if(|(at, _)| *at == index).map(|(_, known)| known).unwrap_or_default();
            let mut status = self.file_status(id.file(index), sealed, known);
            if !status.is_readable && record.is_refused(index) {
                status.state = FileState::Rejected;
            }
            status
        };
        Ok(sealed.into_iter().enumerate().map(status).collect())
    }

    /// One file; none when there is no such file.
    ///
    /// # Errors
    /// When the seal or a record cannot be read.
    pub fn file(&self, id: FileId) -> Result<Option<FileStatus>, CustodyError> {
        let Some(record) = self.joblog.batch(id.batch())?.filter(|record| !record.is_doomed) else { return Ok(None) };
        Ok(self.files(id.batch(), &record, id.index(), id.index() + 1)?.pop())
    }

    /// The bytes that the client sent.
    ///
    /// # Errors
    /// When the segment is gone.
    pub fn content(&self, record: &BatchRecord, file: &SealedFile) -> Result<Content, SpoolError> {
        self.spool.store().content(&file.extent(&record.seal))
    }

    /// The text that was read from a file, whole. Blocking.
    ///
    /// # Errors
    /// When the segment is gone, or the text is not the one that was written.
    pub fn text(&self, end: &FileEnd) -> Result<Content, SpoolError> {
        let text = self.results.content(&end.text())?;
        if text.has_crc(end.text_crc) { Ok(text) } else { Err(SpoolError::Damaged) }
    }

    /// The text that was read from a file, whole, and its SHA-256. Blocking.
    ///
    /// # Errors
    /// As [`Custody::text`].
    pub fn digested_text(&self, end: &FileEnd) -> Result<(Content, Sha256Digest), SpoolError> {
        let text = self.results.content(&end.text())?;
        let (crc, sha256) = text.crc_and_sha256()?;
        if crc == end.text_crc { Ok((text, sha256)) } else { Err(SpoolError::Damaged) }
    }

    /// A batch whose seal is damaged is still a batch; its metadata is what is lost.
    pub(super) fn with_metadata(&self, id: BatchId, record: BatchRecord) -> Result<BatchStatus, CustodyError> {
        let metadata = match self.spool.store().header::<SealHeader>(&record.seal) {
            Ok(header) => header.metadata,
            Err(SpoolError::Damaged | SpoolError::Missing) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(BatchStatus { id, record, metadata })
    }

    /// The entries of a seal; none in the place of one that is damaged, which costs that file only.
    pub(super) fn sealed_files(
        &self,
        record: &BatchRecord,
        from: usize,
        to: usize,
    ) -> Result<Vec<Option<SealedFile>>, SpoolError> {
        let store = self.spool.store();
        let is_lost = |error: &SpoolError| matches!(error, SpoolError::Damaged | SpoolError::Missing);
        match store.entries(&record.seal, from, to) {
            Ok(entries) => Ok(entries.into_iter().map(Some).collect()),
            Err(error) if is_lost(&error) => {
                let entry = |index| match store.entries(&record.seal, index, index + 1) {
                    Ok(mut entry) => Ok(entry.pop()),
                    Err(error) if is_lost(&error) => Ok(None),
                    Err(error) => Err(error),
                };
                (from..to).map(entry).collect()
            }
            Err(error) => Err(error),
        }
    }

    fn file_status(&self, id: FileId, sealed: Option<SealedFile>, record: FileRecord) -> FileStatus {
        let is_readable = sealed.is_some();
        let mut status =
            FileStatus { is_readable, retries: record.retries, ..FileStatus::sealed(id, sealed.unwrap_or_default()) };
        if record.end.is_some() {
            status.state = record.state();
            status.attempts = record.attempts;
            status.end = record.end;
        } else if let Some(moving) = self.joblog.moving(id) {
            status.state = moving.state;
            status.attempts = moving.attempts;
            status.is_read = moving.is_read;
        } else {
            status.attempts = record.attempts;
        }
        status
    }
}
