//! Whether the server lives, whether it can take work, and what it has counted.

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::ApiError;
use super::openapi::{examples, problems};
use crate::metrics::Metrics;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "get_health",
    tag = "server",
    responses((status = 200, description = "It does.", body = Alive, example = json!({"status": "alive"})))
)]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: AliveStatus::Alive })
}

/// Whether the server can take work.
///
/// Each thing that it takes is listed, with its trouble if it has one.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "server",
    responses(
        (status = 200, description = "It can.", body = Ready, example = json!(examples::ready())),
        (status = 503, description = "It cannot, for now.", body = Ready, example = json!(examples::not_ready())),
    )
)]
pub async fn ready(api: web::Data<Api>) -> HttpResponse {
    let least = api.limits.disk_free_bytes_min;
    // Not on a thread of its own: there may be none to be had, and then this is the one that has to say so.
    let free = api.door.free_bytes();
    let scanner = match api.health.scanner() {
        Some(scanner) => Some(Check::of(scanner.look().await.err().map(|error| error.to_string()))),
        None => None,
    };
    let checks = Checks {
        disk: Check::of(match free {
            Ok(free) if free >= least => None,
            Ok(_) => Some("less than the reserve is free".into()),
            Err(_) => Some("the free room cannot be told".into()),
        }),
        storage: Check::of(
            (!api.door.is_working())
                .then(|| "it takes no changes; the server goes on by itself when its disk is well".into()),
        ),
        workers: Check::of(api.health.workers()),
        scanner,
        drain: Check::of(api.health.is_draining().then(|| "the server is shutting down".into())),
    };
    let is_scanner_ready = checks.scanner.as_ref().is_none_or(|scanner| scanner.ok);
    let is_ready = checks.disk.ok && checks.storage.ok && checks.workers.ok && is_scanner_ready && checks.drain.ok;
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let engine = api.health.ocr().map(str::to_owned);
    let ocr = Ocr { available: engine.is_some(), engine };
    response.json(Ready { status: if is_ready { ReadyStatus::Ready } else { ReadyStatus::NotReady }, checks, ocr })
}

problems!(MetricsProblems: Internal);

/// What the server has counted, for Prometheus.
///
/// In Prometheus' text format 0.0.4, or in the `OpenMetrics` format for who accepts that by name, as Prometheus does.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "server",
    responses(
        (status = 200, description = "Metrics.", content(
            (String = "text/plain",
                example = json!("# HELP consign_uptime_seconds Time since the start.\n")),
            (String = "application/openmetrics-text",
                example = json!("# HELP consign_uptime_seconds Time since the start.\n# EOF\n")),
        )),
        MetricsProblems,
    )
)]
pub async fn metrics(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    api.door.metrics().uptime_seconds.set(api.started.elapsed().as_secs_f64());
    let accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let (content_type, text) = if accepted.flat_map(|value| value.split(',')).any(is_openmetrics) {
        (OPENMETRICS, api.door.measured(Metrics::encode).await?)
    } else {
        (PROMETHEUS, api.door.measured(Metrics::encode_for_prometheus).await?)
    };
    Ok(HttpResponse::Ok().content_type(content_type).body(text))
}

fn is_openmetrics(accepted: &str) -> bool {
    accepted.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/openmetrics-text"))
}

/// The process answers.
#[derive(Serialize, ToSchema)]
struct Alive {
    status: AliveStatus,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AliveStatus {
    Alive,
}

/// Whether the server can take work, and what keeps it from that.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
struct Ready {
    status: ReadyStatus,
    checks: Checks,
    ocr: Ocr,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReadyStatus {
    Ready,
    NotReady,
}

/// What recognises text in images. A server without it takes work all the same.
#[derive(Serialize, ToSchema)]
struct Ocr {
    available: bool,
    /// Its name and version; null where there is none.
    #[schema(required)]
    engine: Option<String>,
}

/// What it takes to take work.
#[derive(Serialize, ToSchema)]
struct Checks {
    disk: Check,
    storage: Check,
    workers: Check,
    /// None where files are not scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scanner: Option<Check>,
    drain: Check,
}

/// One of the things that it takes.
#[derive(Serialize, ToSchema)]
struct Check {
    ok: bool,
    /// What is wrong, when something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trouble: Option<String>,
}

impl Check {
    const fn of(trouble: Option<String>) -> Self {
        Self { ok: trouble.is_none(), trouble }
    }
}
