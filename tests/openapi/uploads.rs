//! Visits to `POST /batches`.

use super::batches::{HANGING, PATIENT};
use super::server::known;
use crate::support::openapi::Description;
use crate::support::wire::{self, Wire};
use crate::support::{Answer, Form, Server, form, wait_until};

pub fn taken_and_refused(server: &Server, description: &Description) {
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

/// Uploads with an idempotency key, and with digests.
pub fn sent_again(server: &Server, description: &Description) {
    let known = |answer: Answer, status| known(description, "upload_batch", answer, status);
    let words = || Form::new().file("a.txt", "some words");
    let under = |key: &str, form: Form| server.post_with(form, &[("idempotency-key", key)]);
    known(under("a-key", words()), 202);
    assert_eq!(known(under("\"a-key\"", words()), 202).header("idempotency-replayed"), "true");
    known(under("a-key", Form::new().file("a.txt", "other words")), 422).assert_problem(422, "idempotency_key_reused");
    known(under("two keys", words()), 400).assert_problem(400, "bad_idempotency_key");

    let mut first = Wire::open(server.addr);
    let content_type = form::content_type();
    let headers = [("Content-Type", content_type.as_str()), ("Idempotency-Key", "another")];
    first.send(&wire::head("POST", "/batches", &headers, 1 << 10));
    wait_until("the first to have its key", || server.metrics().sum("consign_uploads_open", &[]) >= 1.0);
    known(under("another", words()), 409).assert_problem(409, "idempotency_conflict");
    first.close();

    let with_digest = |digest| server.post_with(words(), &[("content-digest", digest)]);
    known(with_digest("sha-256=abc"), 400).assert_problem(400, "bad_content_digest");
    let of_nothing = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    known(with_digest(of_nothing), 400).assert_problem(400, "digest_mismatch");
}

/// Uploads that are more than a server with small limits takes.
pub fn too_large(description: &Description) {
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
pub fn turned_away(description: &Description) {
    let known = |answer: Answer, status, code: &str| {
        known(description, "upload_batch", answer, status).assert_problem(status, code);
    };
    let words = || Form::new().file("a.txt", "some words");
    let full = Server::start(&[("LIMITS_DISK_FREE_BYTES_MIN", "1 EiB")]);
    known(full.post(words()), 507, "disk_full");

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

/// Uploads a body to a path of its own.
fn upload_to(server: &Server, path: &str, form: Form) -> Answer {
    wire::exchange(server.addr, "POST", path, &[("Content-Type", &form::content_type())], &form.finish())
}
