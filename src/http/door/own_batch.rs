//! A batch of the caller's, and all that can be asked of it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::Door;
use crate::batch::{BatchId, FileId};
use crate::custody::{BatchStatus, Cancel, CustodyError, FileStatus, Removal, Retry};
use crate::http::auth::Caller;
use crate::http::{Api, ApiError};
use crate::joblog::{BatchRecord, Completion, FileEnd, JobLogError};
use crate::spool::{Content, SealedFile, Sha256Digest, SpoolError};

/// A batch that is the caller's.
#[derive(Clone)]
pub struct OwnBatch {
    id: BatchId,
    /// As it was when the request came.
    record: BatchRecord,
    door: Door,
}

impl OwnBatch {
    pub(super) const fn new(id: BatchId, record: BatchRecord, door: Door) -> Self {
        Self { id, record, door }
    }

    pub const fn id(&self) -> BatchId {
        self.id
    }

    /// What the job log said of it when the request came.
    pub const fn record(&self) -> &BatchRecord {
        &self.record
    }

    /// The same, for whoever needs nothing else.
    pub fn into_record(self) -> BatchRecord {
        self.record
    }

    /// Its files, those that were refused among them.
    pub const fn files_count(&self) -> usize {
        self.record.seal.entries as usize
    }

    /// How it stands now.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] when its removal has begun meanwhile.
    pub fn status(&self) -> Result<BatchStatus, ApiError> {
        self.door.custody.batch(self.id)?.ok_or(ApiError::NotFound)
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] when its removal has begun meanwhile.
    pub fn check_alive(&self) -> Result<(), ApiError> {
        if self.door.custody.joblog.is_living(self.id)? { Ok(()) } else { Err(ApiError::NotFound) }
    }

    /// The files `from` to `to`, by index.
    ///
    /// # Errors
    /// When the seal or a record cannot be read.
    pub fn files(&self, from: usize, to: usize) -> Result<Vec<FileStatus>, CustodyError> {
        self.door.custody.files(self.id, &self.record, from, to)
    }

    /// The file whose id this is.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] when it is none of this batch's.
    pub fn file(&self, file: FileId) -> Result<FileStatus, ApiError> {
        let file = if file.batch() == self.id { self.door.custody.file(file)? } else { None };
        file.ok_or(ApiError::NotFound)
    }

    /// The bytes of a file of it, as the client sent them.
    ///
    /// # Errors
    /// When the segment is gone.
    pub fn content(&self, file: &SealedFile) -> Result<Content, SpoolError> {
        self.door.custody.content(&self.record, file)
    }

    /// The text of a file of it that ended so, whole.
    ///
    /// # Errors
    /// When the segment is gone, or the text is not the one that was written.
    pub fn text(&self, end: &FileEnd) -> Result<Content, SpoolError> {
        self.door.custody.text(end)
    }

    /// The text and its SHA-256.
    ///
    /// # Errors
    /// As [`OwnBatch::text`].
    pub fn digested_text(&self, end: &FileEnd) -> Result<(Content, Sha256Digest), SpoolError> {
        self.door.custody.digested_text(end)
    }

    /// What to wait for until it is completed; none when it is.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn completion(&self) -> Result<Option<Completion>, JobLogError> {
        self.door.custody.joblog.completion(self.id)
    }

    /// It and its first files as they were when it had just been sealed.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] when its removal has begun meanwhile.
    pub fn as_sealed(&self, files_max: usize) -> Result<(BatchStatus, Vec<FileStatus>), ApiError> {
        self.door.custody.as_sealed(self.id, files_max)?.ok_or(ApiError::NotFound)
    }

    /// The id of its last event; none before its first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn last_event(&self) -> Result<Option<u64>, JobLogError> {
        self.door.custody.joblog.last_event_of(self.id)
    }

    /// Opens its failed files again, or the one that is named. It reads and syncs, which is nothing for a thread that
    /// answers requests.
    ///
    /// # Errors
    /// When that could not be written down.
    pub async fn retry(&self, file: Option<FileId>) -> Result<Retry, ApiError> {
        let (runtime, id) = (self.door.blocking.clone(), self.id);
        Ok(self.door.off_thread(move |custody| runtime.block_on(custody.retry(id, file))).await??)
    }

    /// Begins to cancel it.
    ///
    /// # Errors
    /// When that could not be written down.
    pub async fn cancel(&self) -> Result<Cancel, CustodyError> {
        self.door.custody.cancel(self.id).await
    }

    /// Removes it. It syncs and erases, which is nothing for a thread that answers requests.
    ///
    /// # Errors
    /// When something could not be written; the removal goes on at the next start.
    pub async fn remove(&self) -> Result<Removal, ApiError> {
        let (runtime, id) = (self.door.blocking.clone(), self.id);
        Ok(self.door.off_thread(move |custody| runtime.block_on(custody.remove(id))).await??)
    }

    /// Runs what reads from the disk on a blocking thread.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let batch = self.clone();
        self.door.off_thread(move |_| read(&batch)).await
    }
}

/// The batch that the path names.
impl FromRequest for OwnBatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let api = request.app_data::<web::Data<Api>>().expect("every handler has the API");
        let batch = Caller::from_request(request, payload).into_inner().and_then(|caller| {
            // What is no batch's id names nothing.
            let id = BatchId::parse(request.match_info().query("batch")).ok_or(ApiError::NotFound)?;
            api.door.batch(&caller, id)
        });
        ready(batch)
    }
}
