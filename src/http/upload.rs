//! `POST /batches`: a request's parts become a batch, and the answer is given when its seal is durable.
//!
//! Each file goes through an uploader of its own, one after the other as they come. Until the seal is durable nothing of
//! the batch exists: whatever fails before, a drop of the intake leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix_multipart::{Field, Multipart};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::acknowledgement::{acknowledge, answer_after, refused, replay};
use super::admission::admit;
use super::auth::{Caller, Reserved};
use super::digest::{Body, content_digest};
use super::form::{file_name, is_form, json_object};
use super::idempotency::{self, KeyInHand};
use super::openapi::parameters::{UploadHeaders, Wait};
use super::openapi::schemas::UploadForm;
use super::openapi::{examples, problems};
use super::query::Query;
use super::view::BatchView;
use super::{Api, ApiError, RequestId};
use crate::actors::panics::deliver;
use crate::actors::uploader::{
    DigestCheck, FilePart, Pace, ReceiveFile, ReceivedFile, UploadError, UploadLimits, Uploader, next_chunk,
};
use crate::actors::verifier::StoredBatch;
use crate::batch::BatchId;
use crate::config::Limits;
use crate::joblog::Usage;
use crate::metrics::{UploadLabels, UploadOutcome};
use crate::spool::{Intake, SealHeader, SealedBatch, SealedFile, Sha256Digest, SpoolError};

problems!(
    UploadProblems: InvalidParameter, MalformedMultipart, NoFiles, BadField, BadContentDigest, DigestMismatch,
    BadIdempotencyKey, IdempotencyConflict, IdempotencyKeyReused, RequestTimeout, TooManyFiles, TooManyFields,
    FieldTooLarge, BatchTooLarge, UnsupportedMediaType, AllFilesRejected, TooManyUploads, QueueFull, QuotaExceeded,
    StorageFailed, Internal, StorageUnavailable, Draining, DiskFull
);

/// Takes custody of files.
///
/// The answer is given when the bytes of every file and the record of the batch are on the disk, and each file will have
/// an outcome then. A file that is refused is listed with its reason and harms none of the others.
#[utoipa::path(
    post,
    path = "/batches",
    operation_id = "upload_batch",
    tag = "batches",
    params(Wait, UploadHeaders),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "The batch is accepted and not completed.", body = BatchView,
            headers(("Location"), ("Idempotency-Replayed")),
            links(
                ("get_batch" = (operation_id = "get_batch", parameters(("batch" = "$response.body#/id")))),
                ("get_file" = (operation_id = "get_file",
                    parameters(("batch" = "$response.body#/id"), ("file" = "$response.body#/files/0/id")))),
            ),
            example = json!(examples::accepted())),
        (status = 200, description = "The batch was completed within `wait`.", body = BatchView,
            headers(("Location"), ("Idempotency-Replayed")), example = json!(examples::completed())),
        UploadProblems,
    )
)]
pub async fn upload(
    request: HttpRequest,
    caller: Caller,
    payload: web::Payload,
    api: web::Data<Api>,
    request_id: web::ReqData<RequestId>,
) -> Result<HttpResponse, ApiError> {
    let wait = Query::of(&request)?.wait(Duration::from_millis(api.limits.wait_ms_max))?;
    let (key, digest) = (idempotency::key_of(&request)?, content_digest(request.headers())?);
    let open = admit(&request, &api)?;
    let reserved = caller.quotas().reserve(|| api.door.usage(&caller))?;
    let key = key.map(|key| api.keys.take(caller.owner(), &key)).transpose()?;
    if !is_form(&request) {
        return Err(ApiError::UnsupportedMediaType);
    }
    let mut arriving = Arriving::new(&api, &caller, reserved);
    let body = Body::new(payload, digest);
    let parts = Multipart::new(request.headers(), body.stream());
    let received = arriving.receive(parts, body).await;
    if let Err(error) = received {
        arriving.count_aborted();
        return Err(error);
    }
    if let Some(key) = &key
        && let Some(batch) = key.batch_of(&api, arriving.fingerprint()).await?
    {
        log::info!("request {}: batch {batch}: sent again", *request_id);
        return replay(&api, &caller, batch, wait).await;
    }
    let (answered, until_answered) = oneshot::channel();
    let sealed = arriving.seal(key, until_answered).await?;
    drop(open);
    log::info!("request {}: batch {}: accepted with {} files", *request_id, sealed.header.batch, sealed.files.len());
    match wait {
        None => acknowledge(&api, &caller, sealed),
        Some(wait) => {
            drop(answered);
            answer_after(&api, &api.door.batch(&caller, sealed.header.batch)?, wait).await
        }
    }
}

/// A batch while its request is read.
struct Arriving<'a> {
    api: &'a Api,
    caller: &'a Caller,
    reserved: Reserved,
    /// Taken by the uploader of the file in hand; none after it failed.
    intake: Option<Intake>,
    files: Vec<SealedFile>,
    metadata: Option<String>,
    fields: usize,
    received: u64,
    pace: Pace,
}

impl<'a> Arriving<'a> {
    fn new(api: &'a Api, caller: &'a Caller, reserved: Reserved) -> Self {
        let intake = Some(api.door.receive());
        let Limits { upload_idle_ms_max, upload_second_bytes_min, .. } = api.limits;
        let pace = Pace::new(Duration::from_millis(upload_idle_ms_max), upload_second_bytes_min);
        Self { api, caller, reserved, intake, files: Vec::new(), metadata: None, fields: 0, received: 0, pace }
    }

    async fn receive(&mut self, mut parts: Multipart, body: Body) -> Result<(), ApiError> {
        while let Some(part) = self.pace.wait(parts.next()).await.map_err(|_| ApiError::RequestTimeout)? {
            let part = part?;
            match file_name(&part) {
                Some(name) => {
                    let digest = content_digest(part.headers())?;
                    self.receive_file(FilePart { field: part, name, digest }).await?;
                }
                None => self.receive_field(part).await?,
            }
        }
        body.compare(&mut self.pace).await
    }

    async fn receive_file(&mut self, part: FilePart) -> Result<(), ApiError> {
        let limits = &self.api.limits;
        if self.files.len() == limits.batch_files_max {
            return Err(ApiError::TooManyFiles { max: limits.batch_files_max });
        }
        let upload_limits = UploadLimits {
            file_bytes_max: limits.file_bytes_max,
            name_bytes_max: usize::try_from(limits.name_bytes_max).unwrap_or(usize::MAX),
            batch_bytes_left: limits.batch_bytes_max - self.received,
            owner_bytes_left: self.reserved.bytes_left(|| self.usage()).saturating_sub(self.kept()),
        };
        let intake = self.intake.take().expect("an intake is put back after each file");
        let uploader = Uploader::new(part, upload_limits, Arc::clone(self.api.door.metrics())).start();
        let message = ReceiveFile { intake, pace: self.pace };
        let ReceivedFile { intake, pace, file, received } =
            uploader.send(message).await?.map_err(|error| self.of_upload(error))?;
        self.intake = Some(intake);
        self.pace = pace;
        self.received += received;
        self.files.push(file);
        Ok(())
    }

    async fn receive_field(&mut self, mut part: Field) -> Result<(), ApiError> {
        let limits = &self.api.limits;
        self.fields += 1;
        if self.fields > limits.fields_max {
            return Err(ApiError::TooManyFields { max: limits.fields_max });
        }
        let is_metadata = part.name() == Some("metadata");
        let mut check = DigestCheck::new(content_digest(part.headers())?);
        let mut value = Vec::new();
        while let Some(chunk) = next_chunk(&mut part, &mut self.pace).await.map_err(|error| self.of_upload(error))? {
            if (value.len() + chunk.len()) as u64 > limits.field_bytes_max {
                return Err(ApiError::FieldTooLarge { max: limits.field_bytes_max });
            }
            check.came(&chunk);
            value.extend_from_slice(&chunk);
        }
        if !check.holds() {
            return Err(ApiError::DigestMismatch);
        }
        if is_metadata {
            if self.metadata.is_some() {
                return Err(ApiError::BadField { what: "The field metadata must be sent once." });
            }
            self.metadata = Some(json_object(value)?);
        }
        Ok(())
    }

    /// Seals the batch; its existence begins here.
    ///
    /// From here on the client's going away changes nothing, so the rest is a task of its own, which holds the idempotency
    /// key until the batch is entered under it. The pipeline is told when `until_answered` is over, so that processing
    /// does not take the disk from those who wait for their answer.
    async fn seal(
        mut self,
        key: Option<KeyInHand>,
        until_answered: oneshot::Receiver<()>,
    ) -> Result<SealedBatch, ApiError> {
        if self.files.is_empty() {
            return Err(ApiError::NoFiles);
        }
        if self.files.iter().all(|file| file.refused.is_some()) {
            self.api.count_uploads(&self.files);
            return Err(ApiError::AllFilesRejected { files: refused(&self.files) });
        }
        let (kept, door, caller) = (self.kept(), &self.api.door, self.caller);
        self.reserved.take(kept, || door.usage(caller))?;
        let intake = self.intake.take().expect("an intake is put back after each file");
        let idempotency = key.as_ref().map(|key| key.sealed_with(self.fingerprint()));
        let batch = BatchId::new();
        let header = SealHeader {
            batch,
            created_ms: batch.created_ms(),
            owner: self.caller.owner().into(),
            metadata: self.metadata,
            bytes_total: kept,
            idempotency,
        };
        let announce = StoredBatch { batch: header.batch, files: self.files.len() };
        let (verifier, door) = (self.api.verifier.clone(), self.api.door.clone());
        let sealing = intake.seal(header, self.files, self.api.door.entering());
        let reserved = self.reserved;
        let sealed = actix_rt::spawn(async move {
            let sealed = sealing.await?;
            drop(key);
            // From now on the job log counts it.
            drop(reserved);
            actix_rt::spawn(async move {
                // Either way the answer is out: sent, or its sender dropped.
                let _ = until_answered.await;
                let batch = announce.batch;
                if !deliver(&verifier, announce).await {
                    log::error!("batch {batch}: the verifier does not take it; it waits for the next start");
                }
                door.tell(batch).await;
            });
            Ok::<_, SpoolError>(sealed)
        });
        let sealed = sealed.await.map_err(|error| ApiError::Internal(error.to_string()))??;
        self.api.count_uploads(&sealed.files);
        Ok(sealed)
    }

    /// What was sent, as a digest.
    fn fingerprint(&self) -> Sha256Digest {
        idempotency::fingerprint(&self.files, self.metadata.as_deref())
    }

    fn of_upload(&self, error: UploadError) -> ApiError {
        match error {
            UploadError::Malformed(reason) => ApiError::MalformedMultipart(reason),
            UploadError::TooSlow => ApiError::RequestTimeout,
            UploadError::OwnerBytes => self.reserved.used_up().into(),
            UploadError::BatchTooLarge => ApiError::BatchTooLarge { max: self.api.limits.batch_bytes_max },
            UploadError::Spool(error) => error.into(),
        }
    }

    /// Bytes of the files that are kept so far.
    fn kept(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }

    fn usage(&self) -> Usage {
        self.api.door.usage(self.caller)
    }

    /// Counts the files that had come, and the one in hand, as aborted.
    fn count_aborted(&self) {
        self.api.count(UploadOutcome::Aborted, self.files.len() as u64 + 1);
    }
}

impl Api {
    fn count_uploads(&self, files: &[SealedFile]) {
        for file in files {
            let outcome = if file.refused.is_some() { UploadOutcome::Rejected } else { UploadOutcome::Accepted };
            self.count(outcome, 1);
        }
    }

    fn count(&self, outcome: UploadOutcome, files: u64) {
        let labels = UploadLabels { outcome: outcome.to_string() };
        self.door.metrics().uploads.get_or_create(&labels).inc_by(files);
    }
}
