//! HTTP: the route table, and what every handler shares. One file for each resource; `error` alone knows status codes.

mod admission;
mod batches;
mod error;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod health;
mod query;
mod results;
mod retry;
mod selection;
mod trace;
mod upload;
mod view;

use std::sync::Arc;
use std::time::Instant;

use actix::Addr;
use actix_web::{Resource, Route, guard, web};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

pub use self::error::ApiError;
#[cfg(any(test, feature = "fuzzing"))]
pub use self::fuzz::part_headers;
pub use self::trace::{RequestId, trace};
use crate::actors::verifier::Verifier;
use crate::config::Limits;
use crate::custody::Custody;
use crate::health::Health;

/// What every handler can reach.
pub struct Api {
    pub custody: Arc<Custody>,
    pub health: Arc<Health>,
    pub verifier: Addr<Verifier>,
    pub limits: Limits,
    /// A permit for each upload that may stream at one time.
    pub uploads: Arc<Semaphore>,
    /// Where blocking work finds a thread.
    pub blocking: Handle,
    pub started: Instant,
}

/// The routes, one line each.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/batches", "GET, HEAD, POST", [get().to(batches::list), web::post().to(upload::upload)]))
        .service(resource(
            "/batches/{batch}",
            "GET, HEAD, DELETE",
            [get().to(batches::status), web::delete().to(batches::remove)],
        ))
        .service(resource("/batches/{batch}/cancel", "POST", [web::post().to(batches::cancel)]))
        .service(resource("/batches/{batch}/retry", "POST", [web::post().to(retry::retry)]))
        .service(resource("/batches/{batch}/results", "GET, HEAD", [get().to(results::results)]))
        .service(resource("/batches/{batch}/files/{file}", "GET, HEAD", [get().to(files::status)]))
        .service(resource("/batches/{batch}/files/{file}/text", "GET, HEAD", [get().to(files::text)]))
        .service(resource("/batches/{batch}/files/{file}/content", "GET, HEAD", [get().to(files::content)]))
        .service(resource("/healthz", "GET, HEAD", [get().to(health::alive)]))
        .service(resource("/readyz", "GET, HEAD", [get().to(health::ready)]))
        .service(resource("/metrics", "GET, HEAD", [get().to(health::metrics)]))
        .default_service(web::to(|| async { Err::<&str, _>(ApiError::NotFound) }));
}

/// A path with its routes; any other method is answered 405 with the methods that it takes.
fn resource<const N: usize>(path: &str, allow: &'static str, routes: [Route; N]) -> Resource {
    let resource = routes.into_iter().fold(web::resource(path), Resource::route);
    resource.default_service(web::to(move || async move { Err::<&str, _>(ApiError::MethodNotAllowed { allow }) }))
}

/// GET, and HEAD, which is answered alike but for the body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
