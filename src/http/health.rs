//! Whether the server lives, whether it can take work, and what it has counted.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::Api;
use super::ApiError;

/// `GET /healthz`: the process answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "alive" })
}

/// `GET /readyz`: what it takes to take work, each with its trouble if it has one.
pub async fn ready(api: web::Data<Api>) -> HttpResponse {
    let least = api.limits.disk_free_bytes_min;
    // Not on a thread of its own: there may be none to be had, and then this is the one that has to say so.
    let free = api.door.free_bytes();
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
        drain: Check::of(api.health.is_draining().then(|| "the server is shutting down".into())),
    };
    let is_ready = checks.disk.ok && checks.storage.ok && checks.workers.ok && checks.drain.ok;
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let engine = api.health.ocr();
    let ocr = Ocr { available: engine.is_some(), engine };
    response.json(Ready { status: if is_ready { "ready" } else { "not_ready" }, checks, ocr })
}

/// `GET /metrics`: for Prometheus.
pub async fn metrics(api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    api.door.metrics().uptime_seconds.set(api.started.elapsed().as_secs_f64());
    let text = api.door.measured().await?;
    Ok(HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text))
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

#[derive(Serialize)]
struct Ready<'a> {
    status: &'static str,
    checks: Checks,
    ocr: Ocr<'a>,
}

/// What recognises text in images. A server without it takes work all the same.
#[derive(Serialize)]
struct Ocr<'a> {
    available: bool,
    engine: Option<&'a str>,
}

#[derive(Serialize)]
struct Checks {
    disk: Check,
    storage: Check,
    workers: Check,
    drain: Check,
}

#[derive(Serialize)]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

impl Check {
    const fn of(trouble: Option<String>) -> Self {
        Self { ok: trouble.is_none(), trouble }
    }
}
