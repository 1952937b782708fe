//! Visits to batches and their files.

use super::server::known;
use crate::support::openapi::Description;
use crate::support::server::Setting;
use crate::support::wire::{self, Wire};
use crate::support::{Answer, Form, Server, wait_until};

/// A file whose reading never ends, and leave to let it.
pub const HANGING: (&str, &str) = ("hook.txt", "consign-test-hook: hang\n");
pub const PATIENT: [Setting<'_>; 2] = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];

/// How often a file can be retried.
const RETRIES_MAX: usize = 100;

pub fn as_they_are(server: &Server, description: &Description) {
    let known = |name, answer: Answer, status| known(description, name, answer, status);
    let batch = server.process(Form::new().file("a.txt", "some words").file("b.exe", "MZ"));
    let path = format!("/batches/{}", batch.id);
    let nowhere = format!("/batches/{}", batch.files[0].id);
    known("list_batches", server.get("/batches?limit=1&created_after=2026-01-01T00:00:00Z&name=a"), 200);
    known("list_batches", server.get("/batches?state=nonsense"), 400);
    known("get_batch", server.get(&format!("{path}?files=succeeded,rejected&after=0&limit=1&wait=0")), 200);
    known("get_batch", server.get(&format!("{path}?limit=0")), 400);
    known("get_batch", server.get(&nowhere), 404);
    known("get_batch", server.request("GET", &path, &[("Accept", "text/html")]), 200);
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

pub fn files(server: &Server, description: &Description) {
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

/// Retries, on a server that reads no long texts.
pub fn retried(description: &Description) {
    let known = |answer: Answer, status| known(description, "retry_batch", answer, status);
    let narrow = [("LIMITS_EXTRACT_BYTES_MAX", "100"), ("LIMITS_BATCHES_OPEN_MAX", "3")];
    let server = Server::start(&[&PATIENT[..], &narrow].concat());
    let good = server.process(Form::new().file("a.txt", "some words"));
    let failed = server.process(Form::new().file("b.txt", "some words ".repeat(20)));
    let retry = |id: &str, query: &str| server.post_to(&format!("/batches/{id}/retry{query}"));
    known(retry(&good.id, ""), 200);
    known(retry(&good.id, "?wait=never"), 400);
    known(retry(&good.id, &format!("?file={}", good.files[0].id)), 409).assert_problem(409, "not_failed");
    known(retry(&good.files[0].id, ""), 404);
    for _ in 0..RETRIES_MAX {
        known(retry(&failed.id, "?wait=60"), 202);
    }
    known(retry(&failed.id, ""), 409).assert_problem(409, "retried_too_often");
    // What has completed is counted as open for a moment more.
    for _ in 0..3 {
        wait_until("a place", || server.post(Form::new().file(HANGING.0, HANGING.1)).status == 202);
    }
    known(retry(&failed.id, ""), 429).assert_problem(429, "queue_full");
}

pub fn digests(server: &Server, description: &Description) {
    let asked =
        |body: &str, status: u16| known(description, "find_digests", server.post_json("/digests", body, &[]), status);
    let digest = server.batch(&server.list("?limit=1").batches[0].id).files[0].sha256.clone().expect("it was kept");
    let answer = asked(&format!("{{\"sha256\": [\"{digest}\"]}}"), 200);
    assert_eq!(answer.json()["files"].as_array().map(Vec::len), Some(1));
    asked("[]", 400).assert_problem(400, "bad_body");
    asked(&" ".repeat(2 << 20), 413).assert_problem(413, "body_too_large");
    let slow = Server::start(&[("LIMITS_UPLOAD_IDLE_MS_MAX", "100")]);
    let mut wire = Wire::open(slow.addr);
    wire.send(&wire::head("POST", "/digests", &[("Content-Type", "application/json")], 1_000));
    known(description, "find_digests", wire.answer(), 408).assert_problem(408, "request_timeout");
}

pub fn swept(server: &Server, description: &Description) {
    for (query, status) in [("?dry_run=true", 200), ("", 200), ("?dry_run=perhaps", 400)] {
        known(description, "sweep_batches", server.post_to(&format!("/retention{query}")), status);
    }
}
