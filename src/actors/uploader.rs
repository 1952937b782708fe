//! Uploader: takes one part of a request, hashes it as it streams, enforces the limits on the way and hands it to the spool.
//!
//! One for each file, on the thread of its connection, because a part cannot leave it. The next part is read when this one
//! is done, and a slow disk slows the client: that is the back-pressure. A panic here loses the request, which was never
//! acknowledged, and nothing else.

use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use actix_multipart::{Field, MultipartError};
use derive_more::{Display, Error, From};
use futures_util::StreamExt;

use super::ms_since;
use crate::batch::{FileError, FileErrorCode};
use crate::extract::media;
use crate::spool::{Intake, KeptFile, SealedFile, SpoolError};

/// An uploader gets one message in its life.
pub const UPLOADER_MAILBOX_MAX: usize = 1;

/// What one file, and its batch so far, may cost.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    pub file_bytes_max: u64,
    pub name_bytes_max: usize,
    /// What may still come before the batch is too large, in bytes.
    pub batch_bytes_left: u64,
    pub idle_max: Duration,
}

/// Why a request cannot go on; its batch is dropped.
#[derive(Debug, Display, Error, From)]
pub enum UploadError {
    #[display("the body is malformed: {_0}")]
    #[from(skip)]
    Malformed(#[error(not(source))] String),
    #[display("nothing came for too long")]
    Idle,
    #[display("the batch is too large")]
    BatchTooLarge,
    Spool(SpoolError),
}

/// Takes one part in.
pub struct Uploader {
    part: Option<(Field, String)>,
    limits: UploadLimits,
}

impl Uploader {
    /// An uploader for a part whose file name is `name`.
    #[must_use]
    pub const fn new(part: Field, name: String, limits: UploadLimits) -> Self {
        Self { part: Some((part, name)), limits }
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
}

/// The part has arrived, whether it stays or was refused.
pub struct ReceivedFile {
    pub intake: Intake,
    pub file: SealedFile,
    /// Bytes that came, those of a refused file too.
    pub received: u64,
}

impl Handler<ReceiveFile> for Uploader {
    type Result = ResponseFuture<Result<ReceivedFile, UploadError>>;

    fn handle(&mut self, message: ReceiveFile, _: &mut Self::Context) -> Self::Result {
        let (part, name) = self.part.take().expect("an uploader is sent one part only");
        Box::pin(receive(part, name, self.limits, message.intake))
    }
}

async fn receive(
    mut part: Field,
    name: String,
    limits: UploadLimits,
    mut intake: Intake,
) -> Result<ReceivedFile, UploadError> {
    let begun = Instant::now();
    let mut refused = refused_by_name(&name, limits.name_bytes_max);
    let mut received = 0;
    while let Some(chunk) = next_chunk(&mut part, limits.idle_max).await? {
        received += chunk.len() as u64;
        if received > limits.batch_bytes_left {
            return Err(UploadError::BatchTooLarge);
        }
        if refused.is_none() && received > limits.file_bytes_max {
            intake.cut_file();
            refused = Some(FileErrorCode::FileTooLarge.into());
        }
        if refused.is_none() {
            intake.write(&chunk).await?;
        }
    }
    let KeptFile { offset, length, sha256 } = intake.keep_file();
    let media_type = media::claimed(&name).map_or_else(String::new, Into::into);
    let name = clipped(name, limits.name_bytes_max);
    let file = SealedFile { name, media_type, offset, length, sha256, upload_ms: ms_since(begun), refused };
    Ok(ReceivedFile { intake, file, received })
}

/// The next chunk of a part, or its end.
///
/// # Errors
/// When the body is malformed or breaks off, or nothing comes for `idle_max`.
pub async fn next_chunk(part: &mut Field, idle_max: Duration) -> Result<Option<bytes::Bytes>, UploadError> {
    match tokio::time::timeout(idle_max, part.next()).await {
        Ok(chunk) => chunk.transpose().map_err(|error: MultipartError| UploadError::Malformed(error.to_string())),
        Err(_) => Err(UploadError::Idle),
    }
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
