//! `POST /retention`: the batches whose time is over go now and not at the next sweep; with `?dry_run=true` none does.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::openapi::parameters::DryRun;
use super::openapi::{examples, problems};
use super::query::{Query, Word};
use super::{Api, ApiError};
use crate::batch::BatchId;
use crate::custody::{Due, Reason};

/// Batches that an answer lists; the sums are of all.
const LISTED_MAX: usize = 1_000;

/// Batches that a request without effect looks for.
const FOUND_MAX: usize = 100_000;

/// What went, or would go.
#[derive(Debug, Serialize, ToSchema)]
struct Swept {
    dry_run: bool,
    total: SweptTotal,
    /// The first of them, in the order in which they were handed in.
    batches: Vec<SweptBatch>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SweptTotal {
    batches: usize,
    files: u64,
    /// The bytes of the files, as they were sent.
    bytes: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SweptBatch {
    id: BatchId,
    reason: Reason,
    files: u32,
    bytes: u64,
}

problems!(SweepProblems: InvalidParameter, StorageFailed, Internal, DiskFull);

/// Removes the batches whose time is over now, and not at the next sweep.
///
/// It sweeps the caller's batches and no others. `retention` in the settings says when a batch's time is over.
#[utoipa::path(
    post,
    path = "/retention",
    operation_id = "sweep_batches",
    tag = "batches",
    params(DryRun),
    responses(
        (status = 200, description = "What was removed, or would be.", body = Swept, example = json!(examples::swept())),
        SweepProblems,
    )
)]
pub async fn sweep(caller: Caller, request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    const ANSWERS: [Word<bool>; 2] = [("true", true), ("false", false)];
    let dry_run = Query::of(&request)?.word("dry_run", &ANSWERS)?.is_some_and(|(_, is_dry)| is_dry);
    let settings = api.retention.clone();
    let due = if dry_run {
        api.door.due(caller, settings, FOUND_MAX).await?
    } else {
        api.door.sweep(caller, settings).await?
    };
    Ok(HttpResponse::Ok().json(Swept::of(&due, dry_run)))
}

impl Swept {
    fn of(due: &[Due], dry_run: bool) -> Self {
        let listed = |due: &Due| SweptBatch { id: due.batch, reason: due.reason, files: due.files, bytes: due.bytes };
        let total = SweptTotal {
            batches: due.len(),
            files: due.iter().map(|due| u64::from(due.files)).sum(),
            bytes: due.iter().map(|due| due.bytes).sum(),
        };
        Self { dry_run, total, batches: due.iter().take(LISTED_MAX).map(listed).collect() }
    }
}
