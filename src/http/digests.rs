//! `POST /digests`: which of these bytes the server has already, so that a client need not send them again.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::openapi::{examples, problems};
use super::{Api, ApiError};
use crate::actors::uploader::Pace;
use crate::batch::{BatchId, FileId, FileState};
use crate::custody::FileStatus;
use crate::spool::Sha256Digest;

/// Digests in one request; as many as a batch has files.
const DIGESTS_MAX: usize = 10_000;

/// The digests, their quotes and commas, and room to write them nicely.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// The digests that are asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestsAsked {
    /// SHA-256, as `sha256sum` prints them.
    #[schema(max_items = 10_000)]
    sha256: Vec<HexDigest>,
}

/// A digest in hexadecimal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
struct HexDigest(Sha256Digest);

impl TryFrom<String> for HexDigest {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut digest = Sha256Digest::default();
        hex::decode_to_slice(text, &mut digest).map(|()| Self(digest))
    }
}

/// The files that have such bytes.
#[derive(Debug, Serialize, ToSchema)]
struct DigestsKnown {
    /// One for each digest that is known, in the order in which they were asked for.
    files: Vec<KnownFile>,
}

/// A file of the caller's with bytes that were asked for: one that has succeeded if there is one, and else one that may.
#[derive(Debug, Serialize, ToSchema)]
struct KnownFile {
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    batch_id: BatchId,
    file_id: FileId,
    /// The name under which the bytes came.
    name: String,
    state: FileState,
}

impl From<FileStatus> for KnownFile {
    fn from(FileStatus { id, sealed, state, .. }: FileStatus) -> Self {
        let (sha256, name) = (hex::encode(sealed.sha256), sealed.name);
        Self { sha256, batch_id: id.batch(), file_id: id, name, state }
    }
}

problems!(DigestsProblems: BadBody, BodyTooLarge, RequestTimeout, StorageFailed, Internal);

/// Says which files the server has already.
///
/// Of the digests that are asked for those are left out that no file of the caller's has.
#[utoipa::path(
    post,
    path = "/digests",
    operation_id = "find_digests",
    tag = "files",
    request_body(content = DigestsAsked, example = json!(examples::digests_asked())),
    responses(
        (status = 200, description = "The files with such bytes.", body = DigestsKnown,
            example = json!(examples::digests_known())),
        DigestsProblems,
    )
)]
pub async fn find(caller: Caller, payload: web::Payload, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let bad_body =
        ApiError::BadBody { what: r#"The body must be {"sha256": [...]} with SHA-256 digests in hexadecimal."# };
    let asked: DigestsAsked = serde_json::from_slice(&read(&api, payload).await?).map_err(|_| bad_body)?;
    if asked.sha256.len() > DIGESTS_MAX {
        return Err(ApiError::BadBody { what: "A request asks for at most 10,000 digests." });
    }
    let digests = asked.sha256.into_iter().map(|HexDigest(digest)| digest).collect();
    let files = api.door.known_files(caller, digests).await?.into_iter().map(KnownFile::from).collect();
    Ok(HttpResponse::Ok().json(DigestsKnown { files }))
}

/// Reads a body, whole.
async fn read(api: &Api, mut payload: web::Payload) -> Result<Vec<u8>, ApiError> {
    let mut pace = Pace::new(Duration::from_millis(api.limits.upload_idle_ms_max), api.limits.upload_second_bytes_min);
    let mut body = Vec::new();
    while let Some(chunk) = pace.wait(payload.next()).await.map_err(|_| ApiError::RequestTimeout)? {
        let chunk = chunk.map_err(|_| ApiError::BadBody { what: "The body broke off." })?;
        pace.came(chunk.len());
        if (body.len() + chunk.len()) as u64 > BODY_BYTES_MAX {
            return Err(ApiError::BodyTooLarge { max: BODY_BYTES_MAX });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
