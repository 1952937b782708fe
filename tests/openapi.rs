//! The API's description: it holds every route and no other, its examples are what it says they are, and every answer
//! that it knows was given by a running server, just as it is described.

#![cfg(feature = "test-hooks")]

mod support;

use std::collections::BTreeSet;

use actix_web::body::MessageBody;
use consign::http::{ApiError, ErrorCode, ROUTES};
use serde_json::Value;
use support::openapi::{Description, Kind, members};
use support::server::Setting;
use support::wire::{self, Wire};
use support::{Answer, Form, Server, form, wait_until};

/// A file whose reading never ends, and leave to let it.
const HANGING: (&str, &str) = ("hook.txt", "consign-test-hook: hang\n");
const PATIENT: [Setting<'_>; 2] = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];

#[test]
fn every_route_is_described_and_no_other() {
    let description = Description::of(&Server::start(&[]));
    let described: BTreeSet<_> = description
        .operations()
        .map(|operation| (operation.method.to_uppercase(), operation.path.to_owned(), operation.name.to_owned()))
        .collect();
    let routes: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned(), route.name.to_owned())).collect();
    assert_eq!(described, routes, "described (left), and in the table of routes (right)");
}

#[test]
fn every_operation_says_what_it_is_and_every_tag_is_told() {
    let description = Description::of(&Server::start(&[]));
    let tags: Vec<_> = description.document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    for operation in description.operations() {
        let said = |what: &Value| what.as_str().is_some_and(|text| text.ends_with('.'));
        assert!(said(&operation.value["summary"]), "{}", operation.name);
        assert!(tags.contains(&&operation.value["tags"][0]), "{}", operation.name);
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let parameter = description.resolved(parameter);
            assert!(said(&parameter["description"]), "{}: {parameter}", operation.name);
        }
        let in_path = operation.path.matches('{').count();
        let in_path_described = operation.value["parameters"].as_array().into_iter().flatten();
        assert_eq!(in_path_described.filter(|parameter| parameter["in"] == "path").count(), in_path);
    }
}

#[test]
fn examples_fit_their_schemas() {
    let description = Description::of(&Server::start(&[]));
    let mut count = 0;
    let mut fits = |schema: &Value, example: &Value, what: &str| {
        description.assert_fits(schema, example, what);
        count += 1;
    };
    for operation in description.operations() {
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let parameter = description.resolved(parameter);
            if let Some(example) = parameter.get("example") {
                fits(&parameter["schema"], example, operation.name);
            }
        }
        for (_, response) in members(&operation.value["responses"]) {
            for (_, body) in members(&response["content"]) {
                let named = members(&body["examples"]).map(|(_, example)| &example["value"]);
                named.chain(body.get("example")).for_each(|example| fits(&body["schema"], example, operation.name));
            }
        }
    }
    for (name, schema) in members(&description.document["components"]["schemas"]) {
        schema["examples"].as_array().into_iter().flatten().for_each(|example| fits(schema, example, name));
    }
    for (name, header) in members(&description.document["components"]["headers"]) {
        fits(&header["schema"], &header["example"], name);
    }
    assert!(count > 80, "{count} examples");
}

#[test]
fn every_code_of_a_failure_is_described() {
    let description = Description::of(&Server::start(&[]));
    let described: BTreeSet<_> = description.kinds().into_iter().filter_map(|(_, _, code)| code).collect();
    // It is told of all paths at once.
    let introduction = description.document["info"]["description"].as_str().expect("an introduction");
    for code in ErrorCode::ALL.iter().map(ErrorCode::to_string) {
        assert!(described.contains(&code) || introduction.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn every_answer_is_as_described_and_every_described_answer_is_given() {
    let server = Server::start(&PATIENT);
    let description = Description::of(&server);
    uploads(&server, &description);
    refused_uploads(&description);
    uploads_turned_away(&description);
    batches(&server, &description);
    files(&server, &description);
    pages(&server, &description);
    what_cannot_be_asked_for(&description);
    let missing: Vec<_> = description.kinds().difference(&description.seen()).cloned().collect();
    assert!(missing.is_empty(), "described, but not tried here; try them: {missing:#?}");
}

fn uploads(server: &Server, description: &Description) {
    let known = |answer: Answer, status| known(description, "upload_batch", answer, status);
    let good = || Form::new().file("a.txt", "some words").file("b.exe", "MZ").field("metadata", "{\"case\": 1}");
    known(server.post(good()), 202);
    known(upload_to(server, "/batches?wait=20", good()), 200);
    for query in ["wait=soon", "wait=1&wait=1", "wait=1000001"] {
        let refused = upload_to(server, &format!("/batches?{query}"), good());
        known(refused, 400).assert_problem(400, "invalid_parameter");
    }
    known(wire::upload(server.addr, &good().unfinished()), 400).assert_problem(400, "malformed_multipart");
    known(server.post(Form::new().field("metadata", "{}")), 400).assert_problem(400, "no_files");
    known(server.post(good().field("metadata", "{}")), 400).assert_problem(400, "bad_field");
    known(server.post(Form::new().file("b.exe", "MZ")), 422).assert_problem(422, "all_files_rejected");
    let untyped = wire::exchange(server.addr, "POST", "/batches", &[("Content-Type", "text/plain")], b"words");
    known(untyped, 415).assert_problem(415, "unsupported_media_type");
}

/// Uploads that are more than a server with small limits takes.
fn refused_uploads(description: &Description) {
    let known = |answer: Answer, code| known(description, "upload_batch", answer, 413).assert_problem(413, code);
    let server = Server::start(&[
        ("LIMITS_BATCH_FILES_MAX", "2"),
        ("LIMITS_BATCH_BYTES_MAX", "1 KiB"),
        ("LIMITS_FILE_BYTES_MAX", "1 KiB"),
        ("LIMITS_FIELD_BYTES_MAX", "16 B"),
        ("LIMITS_FIELDS_MAX", "2"),
    ]);
    let words = || Form::new().file("a.txt", "some words");
    known(server.post(words().file("b.txt", "words").file("c.txt", "words")), "too_many_files");
    known(server.post(words().file("b.txt", "words ".repeat(300))), "batch_too_large");
    known(server.post(words().field("note", "a field that is too long")), "field_too_large");
    known(server.post(words().field("a", "").field("b", "").field("c", "")), "too_many_fields");
}

/// Uploads that come at a bad time.
fn uploads_turned_away(description: &Description) {
    let known = |answer: Answer, status, code: &str| {
        known(description, "upload_batch", answer, status).assert_problem(status, code);
    };
    let words = || Form::new().file("a.txt", "some words");
    let full = Server::start(&[("LIMITS_DISK_FREE_BYTES_MIN", "1 EiB")]);
    known(full.post(words()), 507, "disk_full");
    self::known(description, "get_readiness", full.get("/readyz"), 503);

    let slow = Server::start(&[("LIMITS_UPLOADS_OPEN_MAX", "1"), ("LIMITS_UPLOAD_IDLE_MS_MAX", "2000")]);
    let mut first = Wire::open(slow.addr);
    first.send(&wire::upload_head(1 << 20));
    wait_until("the first to have its place", || slow.metrics().sum("consign_uploads_open", &[]) >= 1.0);
    known(slow.post(words()), 429, "too_many_uploads");
    known(first.answer(), 408, "request_timeout");

    let busy = Server::start(&[&PATIENT[..], &[("LIMITS_BATCHES_OPEN_MAX", "1")]].concat());
    busy.upload(Form::new().file(HANGING.0, HANGING.1));
    known(busy.post(words()), 429, "queue_full");
}

fn batches(server: &Server, description: &Description) {
    let known = |name, answer: Answer, status| known(description, name, answer, status);
    let batch = server.process(Form::new().file("a.txt", "some words").file("b.exe", "MZ"));
    let path = format!("/batches/{}", batch.id);
    let nowhere = format!("/batches/{}", batch.files[0].id);
    known("list_batches", server.get("/batches?limit=1&created_after=2026-01-01T00:00:00Z"), 200);
    known("list_batches", server.get("/batches?state=nonsense"), 400);
    known("get_batch", server.get(&format!("{path}?files=succeeded,rejected&after=0&limit=1&wait=0")), 200);
    known("get_batch", server.get(&format!("{path}?limit=0")), 400);
    known("get_batch", server.get(&nowhere), 404);
    known("get_results", server.get(&format!("{path}/results")), 200);
    known("get_results", server.get(&format!("{nowhere}/results")), 404);

    let hanging = server.upload(Form::new().file(HANGING.0, HANGING.1));
    let cancel = format!("/batches/{}/cancel", hanging.id);
    known("cancel_batch", server.post_to(&cancel), 202);
    known("cancel_batch", server.post_to(&format!("{path}/cancel?wait=20")), 200);
    known("cancel_batch", server.post_to(&format!("{path}/cancel?wait=never")), 400);
    known("cancel_batch", server.post_to(&format!("{nowhere}/cancel")), 404);
    known("delete_batch", server.delete(&path), 204);
    known("delete_batch", server.delete(&path), 404);
}

fn files(server: &Server, description: &Description) {
    let batch = server.process(Form::new().file("naïve.txt", "some words").file("b.exe", "MZ"));
    let (good, refused) = (batch.files[0].path(), batch.files[1].path());
    let nowhere = format!("/batches/{}/files/{}", batch.id, batch.id);
    let known = |name, path: &str, headers: &[(&str, &str)], status| {
        known(description, name, server.request("GET", path, headers), status)
    };
    known("get_file", &good, &[], 200);
    known("get_file", &refused, &[], 200);
    known("get_file", &nowhere, &[], 404);
    for (name, end) in [("get_text", "text"), ("get_content", "content")] {
        let path = format!("{good}/{end}");
        let tag = known(name, &path, &[], 200).header("etag").to_owned();
        known(name, &path, &[("Range", "bytes=1-3")], 206);
        known(name, &path, &[("If-None-Match", &tag)], 304);
        known(name, &path, &[("If-Match", "\"another\"")], 412);
        known(name, &path, &[("Range", "bytes=9999-")], 416);
        known(name, &format!("{nowhere}/{end}"), &[], 404);
    }
    known("get_text", &format!("{refused}/text"), &[], 409);
    known("get_content", &format!("{refused}/content"), &[], 410);
}

fn pages(server: &Server, description: &Description) {
    let known = |name, path: &str, headers: &[(&str, &str)], status| {
        known(description, name, server.request("GET", path, headers), status)
    };
    wait_until("the server to be ready", || server.get("/readyz").status == 200);
    known("get_health", "/healthz", &[], 200);
    known("get_readiness", "/readyz", &[], 200);
    known("get_metrics", "/metrics", &[], 200);
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/docs") || route.path == "/openapi.json") {
        let tag = known(route.name, route.path, &[], 200).header("etag").to_owned();
        known(route.name, route.path, &[("If-None-Match", &tag)], 304);
    }
}

/// Failures of the server itself, as they would be answered.
fn what_cannot_be_asked_for(description: &Description) {
    let failures = [
        ApiError::StorageFailed("a disk failed".into()),
        ApiError::Internal("a task failed".into()),
        ApiError::StorageUnavailable,
        ApiError::Draining,
        ApiError::DiskFull,
        ApiError::NotCompleted,
    ];
    for failure in failures {
        let response = failure.response("an-id");
        let status = response.status().as_u16();
        let text = |text: &[u8]| String::from_utf8(text.to_vec()).expect("a header is text");
        let of_trace = [("x-request-id", "an-id"), ("x-content-type-options", "nosniff")];
        let mut headers: Vec<_> = of_trace.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        headers.extend(response.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))));
        let body = response.into_body().try_into_bytes().expect("a problem is whole").to_vec();
        let answer = Answer { status, headers, body };
        let code = answer.json()["code"].as_str().map(str::to_owned);
        let is_of = |(_, of_status, of_code): &Kind| (*of_status, of_code) == (status, &code);
        for (name, ..) in description.kinds().into_iter().filter(is_of) {
            description.assert_known(&name, &answer);
        }
    }
}

#[test]
fn a_method_that_is_not_routed_is_answered_with_those_that_are() {
    let server = Server::start(&[]);
    let description = Description::of(&server);
    for routes in ROUTES.chunk_by(|a, b| a.path == b.path) {
        let answer = wire::exchange(server.addr, "PATCH", routes[0].path, &[], b"");
        let problem = answer.assert_problem(405, "method_not_allowed");
        description.assert_fits(&description.document["components"]["schemas"]["Problem"], &problem, routes[0].path);
        let described = &description.document["paths"][routes[0].path];
        let mut methods: BTreeSet<_> = members(described).map(|(method, _)| method.to_uppercase()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        let allowed: BTreeSet<_> = answer.header("allow").split(", ").map(str::to_owned).collect();
        assert_eq!(allowed, methods, "{}", routes[0].path);
    }
}

#[test]
fn the_page_asks_nobody_else_and_has_nothing_inline() {
    let server = Server::start(&[]);
    let page = server.ok("/docs");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let parts = ["/docs", "/docs/docs.css", "/docs/docs.js"].map(|path| server.ok(path).text());
    assert!(parts.iter().all(|part| !part.contains("://") && !part.contains("innerHTML")));
    assert!(!parts[0].contains("style=") && !parts[0].contains("<style") && !parts[0].contains("onclick"));
    assert!(parts[0].matches("<script").count() == 1 && parts[0].contains("<script src=\"/docs/docs.js\""));
}

fn known(description: &Description, name: &str, answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status, status, "{name}: {}", answer.lossy());
    description.assert_known(name, &answer);
    answer
}

/// Uploads a body to a path of its own.
fn upload_to(server: &Server, path: &str, form: Form) -> Answer {
    wire::exchange(server.addr, "POST", path, &[("Content-Type", &form::content_type())], &form.finish())
}
