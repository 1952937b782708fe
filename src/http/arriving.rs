//! A batch while its request is read, whatever form the answer will have.
//!
//! Each file goes through an uploader of its own, one after the other as they come. Until the seal is durable nothing of
//! the batch exists: whatever fails before, a drop of the intake leaves nothing behind.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix_multipart::{Field, Multipart};
use futures_util::StreamExt;
use tokio::task::yield_now;

use super::acknowledgement::refused;
use super::auth::{Caller, Reserved};
use super::digest::{Body, content_digest};
use super::idempotency::{self, KeyInHand};
use super::{Api, ApiError};
use crate::actors::panics::deliver;
use crate::actors::uploader::{
    DigestCheck, FilePart, Pace, ReceiveFile, ReceivedFile, UploadError, UploadLimits, Uploader, next_chunk,
};
use crate::actors::verifier::StoredBatch;
use crate::batch::BatchId;
use crate::config::Limits;
use crate::custody::digests_of;
use crate::metrics::{UploadLabels, UploadOutcome};
use crate::spool::{Intake, SealHeader, SealedBatch, SealedFile, Sha256Digest, SpoolError};

/// A batch that arrives.
pub struct Arriving<'a> {
    api: &'a Api,
    /// Whose it is, and what it has of their quotas. It may turn out late, but before the seal.
    owner: Option<(Caller, Reserved)>,
    /// Bytes that may come before the batch is too large.
    bytes_max: u64,
    /// Taken by the uploader of the file in hand; none after it failed.
    intake: Option<Intake>,
    files: Vec<SealedFile>,
    fields: usize,
    received: u64,
    /// Bytes of the files that are kept so far.
    kept: u64,
    pace: Pace,
}

/// What a request says of its batch beside the files.
#[derive(Debug, Default)]
pub struct Fields {
    /// A JSON object.
    pub metadata: Option<String>,
    /// Where it is to be told that the batch is completed.
    pub webhook: Option<String>,
}

/// What a batch is sealed with.
pub struct Sealing<F> {
    pub fields: Fields,
    pub key: Option<KeyInHand>,
    /// Over when the answer is out, and the pipeline may be told.
    pub answered: F,
    /// Whether those who listen are told that the batch was accepted before anything can happen to its files.
    pub is_told_first: bool,
}

impl<'a> Arriving<'a> {
    /// A batch of this caller's.
    ///
    /// # Errors
    /// When the caller has no room for one.
    pub fn of(api: &'a Api, caller: &Caller) -> Result<Self, ApiError> {
        let mut arriving = Self::of_stranger(api, api.limits.batch_bytes_max);
        arriving.belongs_to(caller)?;
        Ok(arriving)
    }

    /// A batch of which nobody knows yet whose it is, and of which no more than `bytes_max` may come until that is known.
    pub fn of_stranger(api: &'a Api, bytes_max: u64) -> Self {
        let intake = Some(api.door.receive());
        let Limits { upload_idle_ms_max, upload_second_bytes_min, .. } = api.limits;
        let pace = Pace::new(Duration::from_millis(upload_idle_ms_max), upload_second_bytes_min);
        Self { api, owner: None, bytes_max, intake, files: Vec::new(), fields: 0, received: 0, kept: 0, pace }
    }

    /// From here on it is this caller's, unless it is somebody's already.
    ///
    /// # Errors
    /// When the caller has no room for a batch.
    pub fn belongs_to(&mut self, caller: &Caller) -> Result<(), ApiError> {
        if self.owner.is_none() {
            let reserved = caller.quotas().reserve(|| self.api.door.usage(caller))?;
            self.owner = Some((caller.clone(), reserved));
            self.bytes_max = self.api.limits.batch_bytes_max;
        }
        Ok(())
    }

    /// The files so far.
    pub fn files(&self) -> &[SealedFile] {
        &self.files
    }

    /// The next part of the request.
    ///
    /// # Errors
    /// When the body is malformed, breaks off, or comes too slowly.
    pub async fn next_part(&mut self, parts: &mut Multipart) -> Result<Option<Field>, ApiError> {
        let part = self.pace.wait(parts.next()).await.map_err(|_| ApiError::RequestTimeout)?;
        Ok(part.transpose()?)
    }

    /// Takes a part in as the next file.
    ///
    /// # Errors
    /// When the request cannot go on.
    pub async fn receive_file(&mut self, field: Field, name: String) -> Result<(), ApiError> {
        let digest = content_digest(field.headers())?;
        let limits = &self.api.limits;
        if self.files.len() == limits.batch_files_max {
            return Err(ApiError::TooManyFiles { max: limits.batch_files_max });
        }
        let upload_limits = UploadLimits {
            file_bytes_max: limits.file_bytes_max,
            name_bytes_max: usize::try_from(limits.name_bytes_max).unwrap_or(usize::MAX),
            batch_bytes_left: self.bytes_max.saturating_sub(self.received),
            owner_bytes_left: self.owner_bytes_left(),
        };
        let intake = self.intake.take().expect("an intake is put back after each file");
        let part = FilePart { field, name, digest };
        let uploader = Uploader::new(part, upload_limits, Arc::clone(self.api.door.metrics())).start();
        let message = ReceiveFile { intake, pace: self.pace };
        let ReceivedFile { intake, pace, file, received } =
            uploader.send(message).await?.map_err(|error| self.of_upload(error))?;
        self.intake = Some(intake);
        self.pace = pace;
        self.received += received;
        self.kept += file.length;
        self.files.push(file);
        Ok(())
    }

    /// Reads a part that is no file, whole.
    ///
    /// # Errors
    /// When it is too large, one too many, or not what its digest says, or the request cannot go on.
    pub async fn read_field(&mut self, mut part: Field) -> Result<Vec<u8>, ApiError> {
        self.count_field()?;
        let max = self.api.limits.field_bytes_max;
        let mut check = DigestCheck::new(content_digest(part.headers())?);
        let mut value = Vec::new();
        while let Some(chunk) = self.next_chunk(&mut part).await? {
            if (value.len() + chunk.len()) as u64 > max {
                return Err(ApiError::FieldTooLarge { max });
            }
            check.came(&chunk);
            value.extend_from_slice(&chunk);
        }
        if check.holds() { Ok(value) } else { Err(ApiError::DigestMismatch) }
    }

    /// Passes over a part that is a file and that nobody asked for.
    ///
    /// # Errors
    /// When it is one too many, the whole is too large, or the request cannot go on.
    pub async fn pass_over(&mut self, mut part: Field) -> Result<(), ApiError> {
        self.count_field()?;
        while let Some(chunk) = self.next_chunk(&mut part).await? {
            self.received += chunk.len() as u64;
            if self.received > self.bytes_max {
                return Err(ApiError::BatchTooLarge { max: self.bytes_max });
            }
        }
        Ok(())
    }

    /// All parts have come: makes the files' digests, and compares the whole body with what its own says.
    ///
    /// # Errors
    /// When it is another one, or does not end.
    pub async fn ended(&mut self, body: Body) -> Result<(), ApiError> {
        self.intake.as_mut().expect("an intake is put back after each file").digest(&mut self.files);
        body.compare(&mut self.pace).await
    }

    /// What was sent, as a digest.
    pub fn fingerprint(&self, fields: &Fields) -> Sha256Digest {
        idempotency::fingerprint(&self.files, fields.metadata.as_deref(), fields.webhook.as_deref())
    }

    /// Seals the batch; its existence begins here. What is to be made of its files is made while the disk is at work.
    ///
    /// From here on the client's going away changes nothing, so the rest is a task of its own, which holds the idempotency
    /// key until the batch is entered under it. The pipeline is told when `answered` is over, so that processing does not
    /// take the disk from those who wait for their answer.
    ///
    /// # Errors
    /// When no file is there to be kept, nobody is there to own it, or it could not be made durable.
    pub async fn seal<T>(
        self,
        sealing: Sealing<impl Future<Output = ()> + 'static>,
        meanwhile: impl FnOnce(BatchId, Vec<SealedFile>) -> T,
    ) -> Result<(SealedBatch, T), ApiError> {
        let Sealing { fields, key, answered, is_told_first } = sealing;
        if self.files.is_empty() {
            return Err(ApiError::NoFiles);
        }
        if self.files.iter().all(|file| file.refused.is_some()) {
            self.api.count_uploads(&self.files);
            return Err(ApiError::AllFilesRejected { files: refused(&self.files) });
        }
        let (kept, fingerprint) = (self.kept, self.fingerprint(&fields));
        let Fields { metadata, webhook } = fields;
        let (caller, mut reserved) = self.owner.ok_or(ApiError::Unauthorized)?;
        reserved.take(kept, || self.api.door.usage(&caller))?;
        let mut intake = self.intake.expect("an intake is put back after each file");
        let idempotency = key.as_ref().map(|key| key.sealed_with(fingerprint));
        let (batch, mut files) = (BatchId::new(), self.files);
        let borrowing = self.api.door.share(&caller, batch, &mut intake, &mut files).await?;
        let plain = SealHeader::plain(batch, caller.owner());
        let header = SealHeader { metadata, bytes_total: kept, idempotency, webhook, ..plain };
        let announce = StoredBatch { batch, files: files.len() };
        let (verifier, door) = (self.api.verifier.clone(), self.api.door.clone());
        let (owner, digests) = (header.owner.clone(), digests_of(files.iter().map(Some)));
        let sealing = intake.seal(header, files.clone(), self.api.door.entering(borrowing));
        let sealed = actix_rt::spawn(async move {
            let sealed = sealing.await?;
            drop(key);
            // From now on the job log counts it.
            drop(reserved);
            actix_rt::spawn(async move {
                answered.await;
                door.note_digests(owner, batch, digests).await;
                if is_told_first {
                    door.tell(batch).await;
                }
                if !deliver(&verifier, announce).await {
                    log::error!("batch {batch}: the verifier does not take it; it waits for the next start");
                }
                door.tell(batch).await;
            });
            Ok::<_, SpoolError>(sealed)
        });
        yield_now().await;
        let made = meanwhile(batch, files);
        let sealed = sealed.await.map_err(|error| ApiError::Internal(error.to_string()))??;
        self.api.count_uploads(&sealed.files);
        Ok((sealed, made))
    }

    /// Counts the files that had come, and the one in hand, as aborted.
    pub fn count_aborted(&self) {
        self.api.count(UploadOutcome::Aborted, self.files.len() as u64 + 1);
    }

    fn count_field(&mut self) -> Result<(), ApiError> {
        let max = self.api.limits.fields_max;
        self.fields += 1;
        if self.fields > max { Err(ApiError::TooManyFields { max }) } else { Ok(()) }
    }

    async fn next_chunk(&mut self, part: &mut Field) -> Result<Option<bytes::Bytes>, ApiError> {
        next_chunk(part, &mut self.pace).await.map_err(|error| self.of_upload(error))
    }

    fn of_upload(&self, error: UploadError) -> ApiError {
        match error {
            UploadError::Malformed(reason) => ApiError::MalformedMultipart(reason),
            UploadError::TooSlow => ApiError::RequestTimeout,
            UploadError::OwnerBytes => {
                let owner = self.owner.as_ref().expect("only an owner has too much");
                owner.1.used_up().into()
            }
            UploadError::BatchTooLarge => ApiError::BatchTooLarge { max: self.bytes_max },
            UploadError::Spool(error) => error.into(),
        }
    }

    /// Bytes that the owner has room for beside what is kept so far.
    fn owner_bytes_left(&self) -> u64 {
        let Some((caller, reserved)) = &self.owner else { return u64::MAX };
        reserved.bytes_left(|| self.api.door.usage(caller)).saturating_sub(self.kept)
    }
}

impl Api {
    /// Counts files that were sealed, or refused all together.
    pub(super) fn count_uploads(&self, files: &[SealedFile]) {
        let rejected = files.iter().filter(|file| file.refused.is_some()).count() as u64;
        let counts = [(UploadOutcome::Rejected, rejected), (UploadOutcome::Accepted, files.len() as u64 - rejected)];
        counts.into_iter().filter(|(_, files)| *files > 0).for_each(|(outcome, files)| self.count(outcome, files));
    }

    fn count(&self, outcome: UploadOutcome, files: u64) {
        let labels = UploadLabels { outcome: outcome.to_string() };
        self.door.metrics().uploads.get_or_create(&labels).inc_by(files);
    }
}
