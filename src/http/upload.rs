//! `POST /batches`: a request's parts become a batch, and the answer is given when its seal is durable.

use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::oneshot;

use super::acknowledgement::{acknowledge, answer_after, page_of_sealed, replay};
use super::admission::admit;
use super::arriving::{Arriving, Fields, Sealing};
use super::auth::Caller;
use super::digest::{Body, content_digest};
use super::form::{file_name, is_form, json_object, webhook};
use super::idempotency;
use super::openapi::parameters::{UploadHeaders, Wait};
use super::openapi::schemas::UploadForm;
use super::openapi::{examples, problems};
use super::query::Query;
use super::view::BatchView;
use super::{Api, ApiError, RequestId};

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
    let mut arriving = Arriving::of(&api, &caller)?;
    let key = key.map(|key| api.keys.take(caller.owner(), &key)).transpose()?;
    if !is_form(&request) {
        return Err(ApiError::UnsupportedMediaType);
    }
    let received = receive(&api, &mut arriving, &request, Body::new(payload, digest)).await;
    let fields = received.inspect_err(|_| arriving.count_aborted())?;
    if let Some(key) = &key
        && let Some(batch) = key.batch_of(&api, arriving.fingerprint(&fields)).await?
    {
        log::info!("request {}: batch {batch}: sent again", *request_id);
        return replay(&api, &caller, batch, wait).await;
    }
    let (answered, until_answered) = oneshot::channel();
    let until_answered = async {
        // Either way the answer is out: sent, or its sender dropped.
        let _: Result<(), _> = until_answered.await;
    };
    let sealing = Sealing { fields, key, answered: until_answered, is_told_first: false };
    let page = |batch, files| wait.is_none().then(|| page_of_sealed(batch, files));
    let (sealed, page) = arriving.seal(sealing, page).await?;
    drop(open);
    log::info!("request {}: batch {}: accepted with {} files", *request_id, sealed.header.batch, sealed.files.len());
    if let Some(page) = page {
        return acknowledge(&api, &caller, sealed, page);
    }
    drop(answered);
    answer_after(&api, &api.door.batch(&caller, sealed.header.batch)?, wait.unwrap_or_default()).await
}

/// Reads the request's parts, and says what those hold that are no files.
async fn receive(
    api: &Api,
    arriving: &mut Arriving<'_>,
    request: &HttpRequest,
    body: Body,
) -> Result<Fields, ApiError> {
    let mut parts = Multipart::new(request.headers(), body.stream());
    let mut fields = Fields::default();
    while let Some(part) = arriving.next_part(&mut parts).await? {
        if let Some(name) = file_name(&part) {
            arriving.receive_file(part, name).await?;
            continue;
        }
        let name = part.name().unwrap_or_default().to_owned();
        let value = arriving.read_field(part).await?;
        let before = match name.as_str() {
            "metadata" => fields.metadata.replace(json_object(value)?),
            "webhook" => fields.webhook.replace(webhook(value, &api.webhook)?),
            _ => None,
        };
        if before.is_some() {
            return Err(ApiError::BadField { what: "The fields metadata and webhook must be sent once." });
        }
    }
    arriving.ended(body).await?;
    Ok(fields)
}
