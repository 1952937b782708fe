//! Visits to the server's own pages, and failures that are its own.

use actix_web::body::MessageBody;
use consign::http::{ApiError, ROUTES};

use crate::support::openapi::{Description, Kind};
use crate::support::{Answer, Server, wait_until};

/// Asserts that an answer has this status and is one that is described.
pub fn known(description: &Description, name: &str, answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status, status, "{name}: {}", answer.lossy());
    description.assert_known(name, &answer);
    answer
}

pub fn pages(server: &Server, description: &Description) {
    let known = |name, path: &str, headers: &[(&str, &str)], status| {
        known(description, name, server.request("GET", path, headers), status)
    };
    wait_until("the server to be ready", || server.get("/readyz").status == 200);
    known("get_health", "/healthz", &[], 200);
    known("get_readiness", "/readyz", &[], 200);
    known("get_metrics", "/metrics", &[], 200);
    known("get_metrics", "/metrics", &[("Accept", "application/openmetrics-text")], 200);
    known("get_limits", "/limits", &[], 200);
    known("get_stats", "/stats", &[], 200);
    let alone = Server::start(&[("SCAN_CLAMD", "tcp://127.0.0.1:1")]);
    self::known(description, "get_readiness", alone.get("/readyz"), 503);
    let full = Server::start(&[("LIMITS_DISK_FREE_BYTES_MIN", "1 EiB")]);
    self::known(description, "get_readiness", full.get("/readyz"), 503);
    let is_asset = |path: &str| path.starts_with("/docs") || path == "/openapi.json" || path == "/";
    let assets = ROUTES.iter().filter(|route| is_asset(route.path)).map(|route| (route.name, route.path));
    let of_the_page = ["page.js", "page.css", "icon.svg"].map(|asset| format!("/page/{asset}"));
    let of_the_page = of_the_page.iter().map(|path| ("get_page_asset", path.as_str()));
    for (name, path) in assets.chain(of_the_page) {
        let tag = known(name, path, &[], 200).header("etag").to_owned();
        known(name, path, &[("If-None-Match", &tag)], 304);
    }
    known("get_page_asset", "/page/no_such.js", &[], 404);
}

/// Failures of the server itself, as they would be answered.
pub fn what_cannot_be_asked_for(server: &Server, description: &Description) {
    let failures = [
        ApiError::StorageFailed("a disk failed".into()),
        ApiError::Internal("a task failed".into()),
        ApiError::StorageUnavailable,
        ApiError::Draining,
        ApiError::DiskFull,
        ApiError::NotCompleted,
    ];
    let common = server.get("/no/such/thing").headers;
    let of_the_body = ["content-type", "content-length", "date", "connection"];
    let common: Vec<_> = common.into_iter().filter(|(name, _)| !of_the_body.contains(&name.as_str())).collect();
    for failure in failures {
        let response = failure.response("an-id");
        let status = response.status().as_u16();
        let text = |text: &[u8]| String::from_utf8(text.to_vec()).expect("a header is text");
        // What every answer has, it is given on its way out.
        let mut headers = common.clone();
        headers.extend(response.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))));
        let body = response.into_body().try_into_bytes().expect("a problem is whole").to_vec();
        let mut answer = Answer { status, headers, body };
        let code = answer.json()["code"].as_str().map(str::to_owned);
        let is_of = |(_, of_status, of_code): &Kind| (*of_status, of_code) == (status, &code);
        for (name, ..) in description.kinds().into_iter().filter(is_of) {
            answer.headers.retain(|(header, _)| header != "vary");
            if name == "get_batch" {
                // What the middleware says of the one address that has two forms.
                answer.headers.push(("vary".into(), "Accept".into()));
            }
            description.assert_known(&name, &answer);
        }
    }
}
