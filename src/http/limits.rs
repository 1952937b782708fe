//! What a client has to keep to, as JSON, so that it can cut what it sends to size before it sends it.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::openapi::examples;
use crate::config::Limits;

/// How much this server takes at once.
///
/// What a client needs to know before it sends anything: how many files go into a batch, and how large they may be.
#[utoipa::path(
    get,
    path = "/limits",
    operation_id = "get_limits",
    tag = "server",
    responses((status = 200, description = "The limits.", body = LimitsView, example = json!(examples::limits())))
)]
pub async fn limits(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(LimitsView::of(&api.limits))
}

/// How much the server takes at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
#[expect(clippy::struct_field_names, reason = "limits end in max, as everywhere")]
struct LimitsView {
    /// Files in one batch.
    batch_files_max: usize,
    /// Bytes of all files of one batch together.
    batch_bytes_max: u64,
    /// Bytes of one file.
    file_bytes_max: u64,
    /// Bytes of a file whose text is read; a larger one is kept, and fails.
    extract_bytes_max: u64,
    /// Bytes of the text of one file.
    text_bytes_max: u64,
    /// Bytes of a file's name in UTF-8.
    name_bytes_max: u64,
    /// Bytes of one form field that is no file.
    field_bytes_max: u64,
    /// Milliseconds that a request with `wait` is held.
    wait_ms_max: u64,
    /// Milliseconds that an `Idempotency-Key` stands for its batch.
    idempotency_ms_max: u64,
}

impl LimitsView {
    const fn of(limits: &Limits) -> Self {
        let &Limits {
            batch_files_max,
            batch_bytes_max,
            file_bytes_max,
            extract_bytes_max,
            text_bytes_max,
            name_bytes_max,
            field_bytes_max,
            wait_ms_max,
            idempotency_ms_max,
            // How busy the server may be is told by 429 and 507, when it is.
            fields_max: _,
            connections_max: _,
            uploads_open_max: _,
            batches_open_max: _,
            disk_free_bytes_min: _,
            upload_idle_ms_max: _,
            upload_second_bytes_min: _,
        } = limits;
        Self {
            batch_files_max,
            batch_bytes_max,
            file_bytes_max,
            extract_bytes_max,
            text_bytes_max,
            name_bytes_max,
            field_bytes_max,
            wait_ms_max,
            idempotency_ms_max,
        }
    }
}
