//! The page that shows the API's description to people. It is a page, a style and a script, all of them part of the
//! program; the script reads `/openapi.json` and asks nobody else.

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::assets::Asset;
use super::openapi::parameters::Revalidation;

/// Nothing but what this server gives, and nothing inside the page that is not in a file of its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

static PAGE: LazyLock<Asset> = LazyLock::new(|| Asset::new("text/html; charset=utf-8", include_str!("page.html")));
static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new("text/css; charset=utf-8", include_str!("docs.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/javascript; charset=utf-8", include_str!("docs.js")));

/// The API's description as a page.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "get_docs",
    tag = "description",
    params(Revalidation),
    responses(
        (status = 200, description = "A page that shows `/openapi.json`.", body = String, content_type = "text/html",
            headers(("ETag"), ("Vary"), ("Content-Encoding"))),
        (status = 304, description = "The client has it already.",
            headers(("ETag"), ("Vary"))),
    )
)]
pub async fn page(request: HttpRequest) -> HttpResponse {
    let mut response = PAGE.answer(&request);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// The page's style.
#[utoipa::path(
    get,
    path = "/docs/docs.css",
    operation_id = "get_docs_style",
    tag = "description",
    params(Revalidation),
    responses(
        (status = 200, description = "A style sheet.", body = String, content_type = "text/css",
            headers(("ETag"), ("Vary"), ("Content-Encoding"))),
        (status = 304, description = "The client has it already.", headers(("ETag"), ("Vary"))),
    )
)]
pub async fn style(request: HttpRequest) -> HttpResponse {
    STYLE.answer(&request)
}

/// The page's script.
#[utoipa::path(
    get,
    path = "/docs/docs.js",
    operation_id = "get_docs_script",
    tag = "description",
    params(Revalidation),
    responses(
        (status = 200, description = "A script.", body = String, content_type = "text/javascript",
            headers(("ETag"), ("Vary"), ("Content-Encoding"))),
        (status = 304, description = "The client has it already.", headers(("ETag"), ("Vary"))),
    )
)]
pub async fn script(request: HttpRequest) -> HttpResponse {
    SCRIPT.answer(&request)
}
