//! The parameters of routes, as the API's description has them. Handlers read them one by one (`http::query`), so that an
//! error names the one that is wrong.

#![expect(dead_code, reason = "they are types for the sake of what their derive says of them")]

use utoipa::IntoParams;

use crate::batch::{BatchId, BatchOutcome, FileId, FileState};
use crate::http::view::BatchState;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct BatchPath {
    /// The batch's id.
    batch: BatchId,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct FilePath {
    /// The batch's id.
    batch: BatchId,
    /// The id of a file of this batch.
    file: FileId,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AssetPath {
    /// What the page loads, by the name that it has there.
    #[param(example = "page.js")]
    asset: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wait {
    /// Seconds to wait for the batch to be completed; what is above the server's limit (`limits.wait_ms_max`, two minutes
    /// by default) is cut to it. The answer is the status as it is then.
    #[param(required = false, maximum = 1_000_000, example = 20)]
    wait: u32,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FilesPage {
    /// Only files in one of these states, with commas between them.
    #[param(required = false, style = Form, explode = false, min_items = 1, example = json!(["failed", "rejected"]))]
    files: Vec<FileState>,
    /// Only files whose index is above this one, as in the `next` link.
    #[param(required = false, maximum = 65_535)]
    after: u32,
    /// Files on a page at most; fewer where they come to more than a mebibyte.
    #[param(required = false, minimum = 1, maximum = 1_000)]
    limit: u32,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BatchesPage {
    /// Only batches in this state.
    #[param(required = false)]
    state: BatchState,
    /// Only batches that are completed and ended so.
    #[param(required = false)]
    outcome: BatchOutcome,
    /// Only batches that were accepted after this time.
    #[param(required = false, format = DateTime, example = "2026-11-24T12:00:00Z")]
    created_after: String,
    /// Only batches with a file that has this in its name, in whatever case.
    #[param(required = false, example = "report")]
    name: String,
    /// Only batches that are older than this one, as in the `next` link.
    #[param(required = false)]
    cursor: BatchId,
    /// Batches on a page at most.
    #[param(required = false, minimum = 1, maximum = 100)]
    limit: u32,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Revalidation {
    /// The `ETag` of what the client has; 304 if that is what there is.
    #[param(required = false, rename = "If-None-Match", example = "\"193a5b04f1e-2bf-89abcdef\"")]
    if_none_match: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct PartAndVersion {
    /// The bytes that are wanted, one range of them (RFC 9110); what is no such range is ignored.
    #[param(required = false, rename = "Range", example = "bytes=0-1023")]
    range: String,
    /// The `ETag` that the client's other parts are of; if there is another, the whole is sent.
    #[param(required = false, rename = "If-Range", example = "\"193a5b04f1e-2bf-89abcdef\"")]
    if_range: String,
    /// The `ETag` that is expected; if there is another, 412.
    #[param(required = false, rename = "If-Match", example = "\"193a5b04f1e-2bf-89abcdef\"")]
    if_match: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct UploadHeaders {
    /// What makes a request that is sent again meet the batch of the first, quoted or bare: 1 to 255 visible characters.
    #[param(
        required = false,
        rename = "Idempotency-Key",
        pattern = r#"^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-~][!-~]{0,254})$"#,
        example = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\""
    )]
    idempotency_key: String,
    /// The digest of the body as it is sent (RFC 9530), `sha-256` or `sha-512`; a file's own stands in its part.
    #[param(
        required = false,
        rename = "Content-Digest",
        example = "sha-256=:4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo=:"
    )]
    content_digest: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RetriedFile {
    /// The one file that is to be retried; without it, all that have failed are.
    #[param(required = false)]
    file: FileId,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DryRun {
    /// Whether nothing is to be removed, and only told what would be.
    #[param(required = false)]
    dry_run: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Resumption {
    /// The id of the last event that the client had; it goes on behind it.
    #[param(required = false, rename = "Last-Event-ID", pattern = "^[0-9]*$", example = "0")]
    last_event_id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ResumptionInQuery {
    /// The same, for clients that cannot send the header, which wins.
    #[param(required = false, pattern = "^[0-9]*$", example = "0")]
    last_event_id: String,
}
