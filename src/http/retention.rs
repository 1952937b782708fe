//! `POST /retention`: the batches whose time is over go now and not at the next sweep; with `?dry_run=true` none does.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;

use super::batches::off_thread;
use super::owner::LOCAL_OWNER;
use super::query::{Query, Word};
use super::{Api, ApiError};
use crate::batch::BatchId;
use crate::custody::{Due, Reason};
use crate::joblog::BatchRecord;

/// Batches that an answer lists; the sums are of all.
const LISTED_MAX: usize = 1_000;

/// Batches that a request without effect looks for.
const FOUND_MAX: usize = 100_000;

/// What went, or would go.
#[derive(Debug, Serialize)]
struct Swept {
    dry_run: bool,
    total: SweptTotal,
    /// The first of them, in the order in which they were handed in.
    batches: Vec<SweptBatch>,
}

#[derive(Debug, Serialize)]
struct SweptTotal {
    batches: usize,
    files: u64,
    /// The bytes of the files, as they were sent.
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct SweptBatch {
    id: BatchId,
    reason: Reason,
    files: u32,
    bytes: u64,
}

/// The handler. It sweeps the caller's batches and no others.
pub async fn sweep(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    const ANSWERS: [Word<bool>; 2] = [("true", true), ("false", false)];
    let dry_run = Query::of(&request)?.word("dry_run", &ANSWERS)?.is_some_and(|(_, is_dry)| is_dry);
    let (settings, runtime) = (api.retention.clone(), api.blocking.clone());
    let is_callers = |record: &BatchRecord| record.owner == LOCAL_OWNER;
    let due = off_thread(&api, move |custody| {
        if dry_run {
            Ok(custody.due(&settings, Timestamp::now().as_millisecond(), FOUND_MAX, is_callers)?)
        } else {
            custody.sweep(&settings, &runtime, is_callers)
        }
    })
    .await??;
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
