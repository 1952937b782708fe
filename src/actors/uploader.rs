//! Uploader: takes one part of a request, enforces the limits on the way and hands it to the spool.
//!
//! One for each file, on the thread of its connection, because a part cannot leave it. The next part is read when this one
//! is done, and a slow disk slows the client: that is the back-pressure. A panic here loses the request, which was never
//! acknowledged, and nothing else.

use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use actix_multipart::{Field, MultipartError};
use derive_more::{Display, Error, From};
use futures_util::StreamExt;

use super::ms_since;
use super::panics::{Duty, answering};
use crate::batch::{FileError, FileErrorCode};
use crate::extract::media;
use crate::metrics::Metrics;
use crate::spool::{Intake, KeptFile, SealedFile, SpoolError};

mod digest;
mod pace;

pub use digest::{ContentDigest, DigestCheck};
pub use pace::{Pace, TooSlow};

/// An uploader gets one message in its life.
pub const UPLOADER_MAILBOX_MAX: usize = 1;

/// What one file, and its batch so far, may cost.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    pub file_bytes_max: u64,
    pub name_bytes_max: usize,
    /// What may still come before the batch is too large, in bytes.
    pub batch_bytes_left: u64,
    /// What may still be kept before the batch's owner has too much, in bytes.
    pub owner_bytes_left: u64,
}

/// Why a request cannot go on; its batch is dropped.
#[derive(Debug, Display, Error, From)]
pub enum UploadError {
    #[display("the body is malformed: {_0}")]
    #[from(skip)]
    Malformed(#[error(not(source))] String),
    #[display("nothing came for too long, or too little")]
    TooSlow,
    #[display("the batch is too large")]
    BatchTooLarge,
    #[display("the batch's owner would have too much")]
    OwnerBytes,
    Spool(SpoolError),
}

impl From<TooSlow> for UploadError {
    fn from(TooSlow: TooSlow) -> Self {
        Self::TooSlow
    }
}

/// A part of a request that is a file.
pub struct FilePart {
    pub field: Field,
    pub name: String,
    /// What its client says that it is.
    pub digest: ContentDigest,
}

/// Takes one part in.
pub struct Uploader {
    part: Option<FilePart>,
    limits: UploadLimits,
    metrics: Arc<Metrics>,
}

impl Uploader {
    #[must_use]
    pub const fn new(part: FilePart, limits: UploadLimits, metrics: Arc<Metrics>) -> Self {
        Self { part: Some(part), limits, metrics }
    }
}

impl Actor for Uploader {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(UPLOADER_MAILBOX_MAX);
    }
}

/// Take the part in, at the end of this batch.
#[derive(Message)]
#[rtype(result = "Result<ReceivedFile, UploadError>")]
pub struct ReceiveFile {
    pub intake: Intake,
    /// The request's, so far.
    pub pace: Pace,
}

/// The part has arrived, whether it stays or was refused.
pub struct ReceivedFile {
    pub intake: Intake,
    pub pace: Pace,
    pub file: SealedFile,
    /// Bytes that came, those of a refused file too.
    pub received: u64,
}

impl Handler<ReceiveFile> for Uploader {
    type Result = ResponseFuture<Result<ReceivedFile, UploadError>>;

    fn handle(&mut self, message: ReceiveFile, _: &mut Self::Context) -> Self::Result {
        let part = self.part.take().expect("an uploader is sent one part only");
        answering(Duty::ReceiveFile, &self.metrics, receive(part, self.limits, message))
    }
}

async fn receive(part: FilePart, limits: UploadLimits, message: ReceiveFile) -> Result<ReceivedFile, UploadError> {
    let FilePart { mut field, name, digest } = part;
    let ReceiveFile { mut intake, mut pace } = message;
    let begun = Instant::now();
    let mut refused = refused_by_name(&name, limits.name_bytes_max);
    let mut received = 0;
    // The intake makes the other digest anyway.
    let mut check = DigestCheck::new(ContentDigest { sha256: None, ..digest });
    while let Some(chunk) = next_chunk(&mut field, &mut pace).await? {
        received += chunk.len() as u64;
        if received > limits.batch_bytes_left {
            return Err(UploadError::BatchTooLarge);
        }
        if refused.is_none() && received > limits.file_bytes_max {
            intake.cut_file();
            refused = Some(FileErrorCode::FileTooLarge.into());
        }
        if refused.is_none() && received > limits.owner_bytes_left {
            return Err(UploadError::OwnerBytes);
        }
        if refused.is_none() {
            check.came(&chunk);
            intake.write(&chunk).await?;
        }
    }
    let is_as_named = check.holds()
        && match digest.sha256 {
            Some(named) => named == intake.sha256().await?,
            None => true,
        };
    if refused.is_none() && !is_as_named {
        intake.cut_file();
        refused = Some(FileErrorCode::DigestMismatch.into());
    }
    let KeptFile { offset, length } = intake.keep_file().await?;
    let media_type = media::claimed(&name).map_or_else(String::new, Into::into);
    let name = clipped(name, limits.name_bytes_max);
    let upload_ms = ms_since(begun);
    let file = SealedFile { name, media_type, offset, length, upload_ms, refused, ..SealedFile::default() };
    Ok(ReceivedFile { intake, pace, file, received })
}

/// The next chunk of a part, or its end.
///
/// # Errors
/// When the body is malformed or breaks off, or the client is too slow.
pub async fn next_chunk(part: &mut Field, pace: &mut Pace) -> Result<Option<bytes::Bytes>, UploadError> {
    let chunk = pace.wait(part.next()).await?.transpose();
    let chunk = chunk.map_err(|error: MultipartError| UploadError::Malformed(error.to_string()))?;
    pace.came(chunk.as_ref().map_or(0, bytes::Bytes::len));
    Ok(chunk)
}

pub(crate) fn refused_by_name(name: &str, name_bytes_max: usize) -> Option<FileError> {
    if name.trim().is_empty() {
        Some(FileErrorCode::NameEmpty.into())
    } else if name.len() > name_bytes_max {
        Some(FileErrorCode::NameTooLong.into())
    } else if !media::name_allowed(name) {
        Some(FileErrorCode::UnsupportedType.into())
    } else {
        None
    }
}

/// The name as far as it may be kept; a longer one was refused, and its beginning tells which file it was.
pub(crate) fn clipped(mut name: String, bytes_max: usize) -> String {
    name.truncate(name.floor_char_boundary(bytes_max));
    name
}
