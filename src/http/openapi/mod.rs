//! The API's description (`OpenAPI` 3.1), made from the handlers and the types of their answers.
//!
//! A route is described beside its handler by `#[utoipa::path]` and listed in [`Document`]; `problems!` says what it may
//! fail with. `tests/openapi.rs` holds the document against the route table and against real answers.

pub mod examples;
mod headers;
pub mod parameters;
mod problems;
pub mod schemas;
mod security;
mod webhooks;

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use utoipa::OpenApi;

use self::headers::Headers;
pub use self::problems::problem_responses;
pub(in crate::http) use self::problems::problems;
use self::security::Security;
use self::webhooks::Webhooks;
use super::assets::Asset;
use super::problem::Problem;
use super::view::{CompletedEvent, ResultLine};
use super::{
    batches, digests, docs, docsgpt, events, files, front, health, limits, results, retention, retry, stats, upload,
};

/// The document but for what is the same of every route.
#[derive(OpenApi)]
#[openapi(
    info(title = "Consign", description = include_str!("introduction.md")),
    servers((url = "/", description = "This server")),
    tags(
        (name = "batches", description = "Many files in one request, and what becomes of them."),
        (name = "files", description = "One file of a batch: its status, its text, its bytes."),
        (name = "events", description = "What happens, told as it happens (server-sent events)."),
        (name = "docsgpt", description = "What DocsGPT's front end calls, in the shapes that it knows (docs/docsgpt.md)."),
        (name = "server", description = "Whether the server lives, whether it can take work, and what it has counted."),
        (name = "description", description = "This description, for programs and for people."),
        (name = "page", description = "What a browser shows: uploads, batches, texts, and how the server does."),
    ),
    paths(
        batches::list,
        upload::upload,
        batches::status,
        batches::remove,
        batches::cancel,
        retry::retry,
        events::of_batch,
        results::results,
        files::status,
        files::text,
        files::content,
        events::of_owner,
        retention::sweep,
        digests::find,
        docsgpt::store::store,
        docsgpt::task::status,
        docsgpt::events::follow,
        health::alive,
        health::ready,
        health::metrics,
        limits::limits,
        stats::stats,
        document,
        front::home,
        front::asset,
        docs::page,
        docs::style,
        docs::script,
    ),
    components(schemas(Problem<'_>, ResultLine, CompletedEvent)),
    modifiers(&Security, &Headers, &Webhooks),
)]
struct Document;

/// Made once: it is the same for as long as the program runs.
static DOCUMENT: LazyLock<Asset> = LazyLock::new(|| {
    let json = Document::openapi().to_json().expect("the description serializes");
    Asset::new("application/json", json)
});

/// The API's description: this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "description",
    params(parameters::Revalidation),
    responses(
        (status = 200, description = "An OpenAPI 3.1 document.", body = Object,
            headers(("ETag"), ("Vary"), ("Content-Encoding"))),
        (status = 304, description = "The client has it already.", headers(("ETag"), ("Vary"))),
    )
)]
pub async fn document(request: HttpRequest) -> HttpResponse {
    DOCUMENT.answer(&request)
}
