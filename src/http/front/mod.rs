//! The page for people: it sends files, follows what becomes of them, and shows their texts. A document, a style and a
//! script, all of them part of the program and open to everybody; what they show they ask the API for, with the reader's
//! key.
//!
//! A batch's address has the page, too, for who would rather have HTML than JSON.

mod script;

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::{Accept, CONTENT_SECURITY_POLICY, Header, HeaderValue, Quality};
use actix_web::{HttpRequest, HttpResponse, web};

use self::script::{Module, joined};
use super::ApiError;
use super::assets::Asset;
use super::openapi::parameters::{AssetPath, Revalidation};
use super::openapi::problems;

/// Nothing but what this server gives, nothing inside the document that is not in a file of its own, and no text that a
/// script could take for markup.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// The address that has two forms.
pub const NEGOTIATED: &str = "/batches/{batch}";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static DOCUMENT: LazyLock<Asset> = LazyLock::new(|| Asset::new(HTML, include_str!("page.html")));

/// The scripts' modules, each behind those that it imports.
const MODULES: &[Module] = &[
    ("dom", include_str!("dom.js")),
    ("key", include_str!("key.js")),
    ("api", include_str!("api.js")),
    ("format", include_str!("format.js")),
    ("files", include_str!("files.js")),
    ("notice", include_str!("notice.js")),
    ("rows", include_str!("rows.js")),
    ("list", include_str!("list.js")),
    ("zip", include_str!("zip.js")),
    ("save", include_str!("save.js")),
    ("file-row", include_str!("file-row.js")),
    ("inline", include_str!("inline.js")),
    ("markdown", include_str!("markdown.js")),
    ("text", include_str!("text.js")),
    ("batch", include_str!("batch.js")),
    ("events", include_str!("events.js")),
    ("plot", include_str!("plot.js")),
    ("health", include_str!("health.js")),
    ("pick", include_str!("pick.js")),
    ("upload", include_str!("upload.js")),
    ("uploads", include_str!("uploads.js")),
    ("main", include_str!("main.js")),
];

/// What the document loads, by name.
static ASSETS: LazyLock<[(&str, Asset); 3]> = LazyLock::new(|| {
    [
        ("icon.svg", Asset::new(SVG, include_str!("icon.svg"))),
        ("page.css", Asset::new(CSS, concat!(include_str!("base.css"), include_str!("parts.css")))),
        ("page.js", Asset::new(SCRIPT, joined(MODULES))),
    ]
});

/// The page: uploads, batches, texts, and how the server does.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "get_page",
    tag = "page",
    params(Revalidation),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html",
            headers(("ETag"), ("Vary"), ("Content-Encoding"))),
        (status = 304, description = "The client has it already.", headers(("ETag"), ("Vary"))),
    )
)]
pub async fn home(request: HttpRequest) -> HttpResponse {
    with_policy(DOCUMENT.answer(&request))
}

problems!(AssetProblems: NotFound);

/// A style, a script or a picture of the page.
#[utoipa::path(
    get,
    path = "/page/{asset}",
    operation_id = "get_page_asset",
    tag = "page",
    params(AssetPath, Revalidation),
    responses(
        (status = 200, description = "The asset.", headers(("ETag"), ("Vary"), ("Content-Encoding")), content(
            (String = "text/javascript"),
            (String = "text/css"),
            (String = "image/svg+xml"),
        )),
        (status = 304, description = "The client has it already.", headers(("ETag"), ("Vary"))),
        AssetProblems,
    )
)]
pub async fn asset(name: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (_, asset) = ASSETS.iter().find(|(known, _)| *known == *name).ok_or(ApiError::NotFound)?;
    Ok(asset.answer(&request))
}

/// The page at the address of a batch.
pub fn of_batch(request: &HttpRequest) -> HttpResponse {
    with_policy(DOCUMENT.whole(request))
}

fn with_policy(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// Whether a request is for an address that has two forms.
pub fn is_negotiated(request: &HttpRequest) -> bool {
    let is_of_a_batch =
        request.path().strip_prefix("/batches/").is_some_and(|batch| !batch.is_empty() && !batch.contains('/'));
    is_of_a_batch && [Method::GET, Method::HEAD].contains(request.method())
}

/// Whether a request to such an address would rather have the page.
pub fn is_asked_for(request: &HttpRequest) -> bool {
    is_negotiated(request)
        && Accept::parse(request)
            .is_ok_and(|accept| quality(&accept, "text/html") > quality(&accept, "application/json"))
}

/// How much a media type is wanted: the range that names it most closely counts (RFC 9110, section 12.5.1). Who takes
/// both alike, as curl does, is no browser.
fn quality(accept: &Accept, media_type: &str) -> Quality {
    let family = media_type.split('/').next().unwrap_or_default();
    let closeness = |range: &str| match range {
        "*/*" => Some(0),
        _ if range == media_type => Some(2),
        _ => (range.strip_suffix("/*") == Some(family)).then_some(1),
    };
    let ranges = accept.iter().filter_map(|range| Some((closeness(range.item.essence_str())?, range.quality)));
    ranges.max_by_key(|(closeness, _)| *closeness).map_or(Quality::ZERO, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_page(accept: &str) -> bool {
        is_asked_for(&TestRequest::get().uri("/batches/x").insert_header(("Accept", accept)).to_http_request())
    }

    #[test]
    fn who_would_rather_have_html_is_given_the_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for accept in [browser, "text/html", "text/*", "text/html;q=0.5, application/*;q=0.4", "TEXT/HTML"] {
            assert!(is_page(accept), "{accept}");
        }
        let program = "application/json, text/plain, */*";
        for accept in [program, "*/*", "", "application/json", "text/html;q=0.3, */*", "text/html;q=0", "nonsense"] {
            assert!(!is_page(accept), "{accept}");
        }
    }

    #[test]
    fn only_a_batch_that_is_asked_for_has_two_forms() {
        let of = |request: TestRequest| is_negotiated(&request.to_http_request());
        assert!(of(TestRequest::get().uri("/batches/x?wait=1")));
        for path in ["/batches", "/batches/", "/batches/x/events", "/batches/x/"] {
            assert!(!of(TestRequest::get().uri(path)), "{path}");
        }
        assert!(!of(TestRequest::delete().uri("/batches/x")));
    }
}
