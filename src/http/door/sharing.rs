//! Bytes that several files of an owner have: what arrives is stored once, and a client learns what it need not send.

use super::Door;
use crate::batch::BatchId;
use crate::custody::{Borrowing, FileStatus};
use crate::http::ApiError;
use crate::http::auth::Caller;
use crate::spool::{Intake, SealedFile, Sha256Digest};

impl Door {
    /// Lets those bytes of a batch that has arrived go that are there already, and says for how long it is sure of them.
    ///
    /// # Errors
    /// When the segment could not be written; the batch is lost then.
    pub(in crate::http) async fn share(
        &self,
        caller: &Caller,
        batch: BatchId,
        intake: &mut Intake,
        files: &mut [SealedFile],
    ) -> Result<Option<Borrowing>, ApiError> {
        if !self.is_sharing {
            return Ok(None);
        }
        let borrowing = self.custody.borrow(caller.owner(), batch, files, &self.blocking).await;
        let on_loan = files.iter().filter(|file| file.loan.is_some()).map(|file| file.length);
        self.custody.metrics.bytes_deduplicated.inc_by(on_loan.sum());
        intake.let_go(files).await?;
        Ok(borrowing)
    }

    /// Notes which bytes a batch's files have.
    pub(in crate::http) async fn note_digests(&self, owner: String, batch: BatchId, files: Vec<(usize, Sha256Digest)>) {
        let noted = self.off_thread(move |custody| custody.note_digests(&owner, batch, &files)).await;
        if let Err(error) = noted.and_then(|noted| Ok(noted?)) {
            log::error!("batch {batch}: those who come with the same bytes do not find it: {error}");
        }
    }

    /// Files of a caller's with these bytes.
    ///
    /// # Errors
    /// When the job log or a seal cannot be read.
    pub(in crate::http) async fn known_files(
        &self,
        caller: Caller,
        digests: Vec<Sha256Digest>,
    ) -> Result<Vec<FileStatus>, ApiError> {
        Ok(self.off_thread(move |custody| custody.known_files(caller.owner(), &digests)).await??)
    }
}
