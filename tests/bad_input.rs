//! Uploads that are wrong, stop, stall or want too much: a clear answer, nothing kept, and the server goes on.

mod support;

use support::server::{DISK_SLACK_BYTES, SMALL_SEGMENTS};
use support::wire::{self, Wire};
use support::{Answer, DataDir, Form, Server, form, process, wait_until};

/// Asserts that an upload was refused and left nothing, and that the next one is taken.
fn assert_refused(server: &Server, answer: &Answer, status: u16, code: &str) {
    answer.assert_problem(status, code);
    assert!(server.list("").batches.is_empty());
    server.process(Form::new().file("after.txt", "the server goes on")).assert_succeeded();
}

fn upload_with_type(server: &Server, content_type: &str) -> Answer {
    let body = Form::new().file("a.txt", "some words").finish();
    wire::exchange(server.addr, "POST", "/batches", &[("Content-Type", content_type)], &body)
}

#[test]
fn a_multipart_type_without_a_boundary_is_malformed() {
    let server = Server::start(&[]);
    assert_refused(&server, &upload_with_type(&server, "multipart/form-data"), 400, "malformed_multipart");
}

#[test]
fn a_body_with_another_boundary_than_announced_is_malformed() {
    let server = Server::start(&[]);
    let answer = upload_with_type(&server, "multipart/form-data; boundary=another");
    assert_refused(&server, &answer, 400, "malformed_multipart");
}

#[test]
fn what_is_not_multipart_is_an_unsupported_media_type() {
    let server = Server::start(&[]);
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        upload_with_type(&server, content_type).assert_problem(415, "unsupported_media_type");
    }
    let answer = wire::exchange(server.addr, "POST", "/batches", &[], b"no type at all");
    assert_refused(&server, &answer, 415, "unsupported_media_type");
}

#[test]
fn an_upload_without_files_says_so() {
    let server = Server::start(&[]);
    server.post(Form::new()).assert_problem(400, "no_files");
    assert_refused(&server, &server.post(Form::new().field("metadata", "{}")), 400, "no_files");
}

#[test]
fn a_body_that_lacks_its_last_boundary_is_malformed() {
    let server = Server::start(&[]);
    let mut body = Form::new().file("a.txt", "whole").file("b.txt", "the last file, which never ends").unfinished();
    body.truncate(body.len() - 4);
    assert_refused(&server, &wire::upload(server.addr, &body), 400, "malformed_multipart");
}

#[test]
fn part_headers_that_are_no_headers_are_malformed() {
    let server = Server::start(&[]);
    let bad_headers: [&[&str]; 5] = [
        &["this is no header"],
        &["Content-Type: text/plain"],
        &["Content-Disposition"],
        &["Content-Disposition: form-data; name=\"files\"; filename=\"never closed"],
        &["Content-Disposition: attachment; filename=\"a.txt\""],
    ];
    for headers in bad_headers {
        let answer = wire::upload(server.addr, &Form::new().part(headers, "some words").finish());
        answer.assert_problem(400, "malformed_multipart");
    }
    let many: Vec<String> = (0..1000).map(|index| format!("X-Header-{index}: value")).collect();
    let answer = wire::upload(server.addr, &Form::new().part(&many, "some words").finish());
    assert_refused(&server, &answer, 400, "malformed_multipart");
}

#[test]
fn part_headers_without_an_end_are_refused_before_they_fill_the_memory() {
    let server = Server::start(&[]);
    let mut body = format!("--{}\r\nX-Endless: ", form::BOUNDARY).into_bytes();
    body.resize(1 << 20, b'x');
    assert_refused(&server, &wire::upload(server.addr, &body), 400, "malformed_multipart");
}

#[test]
fn metadata_that_is_no_json_object_is_a_bad_field() {
    let server = Server::start(&[]);
    for metadata in ["", "no json", "[1, 2]", "\"text\"", "{\"a\": 1"] {
        let form = Form::new().field("metadata", metadata).file("a.txt", "some words");
        server.post(form).assert_problem(400, "bad_field");
    }
    let twice = Form::new().field("metadata", "{}").file("a.txt", "some words").field("metadata", "{}");
    server.post(twice).assert_problem(400, "bad_field");
    let form = Form::new().part(&["Content-Disposition: form-data; name=\"metadata\""], b"{\"a\": \"\xff\"}");
    assert_refused(&server, &server.post(form.file("a.txt", "some words")), 400, "bad_field");
}

#[test]
fn one_file_more_than_a_batch_may_have_is_too_many() {
    let server = Server::start(&[]);
    let form = |count: usize| Form::new().files((0..count).map(|index| (format!("{index}.txt"), "words")));

    let answer = wire::upload(server.addr, &form(10_001).finish());
    assert_refused(&server, &answer, 413, "too_many_files");
}

#[test]
fn as_many_files_as_a_batch_may_have_are_taken() {
    let server = Server::start(&[("LIMITS_BATCH_FILES_MAX", "20")]);
    let form = |count: usize| Form::new().files((0..count).map(|index| (format!("{index}.txt"), "words")));

    assert_refused(&server, &wire::upload(server.addr, &form(21).finish()), 413, "too_many_files");
    let batch = server.process(form(20));
    batch.assert_succeeded();
    assert_eq!(batch.summary.total, 20);
}

#[test]
fn a_bomb_of_100_000_tiny_files_is_too_many() {
    let server = Server::start(&[]);
    let form = (0..100_000).fold(Form::new(), |form, _| form.file("a.txt", "a"));
    assert_refused(&server, &wire::upload(server.addr, &form.finish()), 413, "too_many_files");
}

#[test]
fn a_bomb_of_100_000_tiny_fields_is_too_many() {
    let server = Server::start(&[]);
    let form = (0..100_000).fold(Form::new().file("a.txt", "a"), |form, _| form.field("f", "v"));
    assert_refused(&server, &wire::upload(server.addr, &form.finish()), 413, "too_many_fields");
}

#[test]
fn a_field_that_is_too_large_is_refused() {
    let server = Server::start(&[]);
    let form = Form::new().field("note", &"v".repeat((64 << 10) + 1)).file("a.txt", "some words");
    assert_refused(&server, &wire::upload(server.addr, &form.finish()), 413, "field_too_large");
}

#[test]
fn a_batch_that_is_too_large_is_refused() {
    let server = Server::start(&[("LIMITS_BATCH_BYTES_MAX", "1 MiB"), ("LIMITS_FILE_BYTES_MAX", "1 MiB")]);
    let half = vec![b'a'; 600 << 10];
    let form = Form::new().file("a.txt", &half).file("b.txt", &half);
    assert_refused(&server, &wire::upload(server.addr, &form.finish()), 413, "batch_too_large");
}

#[test]
fn a_client_that_stalls_is_told_so_and_cut_off() {
    let server = Server::start(&[("LIMITS_UPLOAD_IDLE_MS_MAX", "1000")]);
    let body = Form::new().file("slow.txt", "the beginning of a file").unfinished();
    let mut client = Wire::open(server.addr);
    client.send(&wire::upload_head(1 << 20));
    client.send(&body);

    let answer = client.answer();

    assert!(client.closed_by_server());
    assert_refused(&server, &answer, 408, "request_timeout");
}

/// Sends the first part of a large upload and ends the connection.
fn break_off(server: &Server, name: &str, bytes: usize) {
    let mut client = Wire::open(server.addr);
    client.offer(&wire::upload_head(1 << 30));
    client.offer(form::opening(name).as_bytes());
    client.offer(&vec![b'b'; bytes]);
    client.close();
}

/// Asserts that nothing of an upload is there: no batch, no seal that names its file, no room on the disk.
fn assert_nothing_of(data: &DataDir, server: &Server, name: &str, disk_before: u64) {
    wait_until("the disk to be as free as before", || data.bytes_on_disk() <= disk_before + DISK_SLACK_BYTES);
    assert!(server.list("").batches.is_empty());
    assert!(!process::any_file_holds(&data.path(), name), "a file under the data directory names {name}");
}

#[test]
fn an_upload_that_breaks_off_leaves_no_batch_and_no_bytes_not_even_after_a_restart() {
    let data = DataDir::new();
    let server = data.serve(&SMALL_SEGMENTS);
    let disk_before = data.bytes_on_disk();

    for (name, bytes) in [("small-broken-off.txt", 100 << 10), ("large-broken-off.txt", 200 << 20)] {
        break_off(&server, name, bytes);
        assert_nothing_of(&data, &server, name, disk_before);
    }

    let data = server.kill();
    let server = data.serve(&SMALL_SEGMENTS);
    assert_nothing_of(&data, &server, "broken-off.txt", disk_before);
    server.process(Form::new().file("after.txt", "the server goes on")).assert_succeeded();
}

#[test]
fn many_uploads_that_break_off_fill_neither_the_disk_nor_the_places_for_uploads() {
    let data = DataDir::new();
    let server = data.serve(&[&SMALL_SEGMENTS[..], &[("LIMITS_UPLOADS_OPEN_MAX", "4")]].concat());
    let disk_before = data.bytes_on_disk();

    for _ in 0..20 {
        // A place may still be held by the client before; it is free again once the server has seen it go.
        break_off(&server, "broken-off.txt", 12 << 20);
    }

    wait_until("a free place", || server.post(Form::new().file("after.txt", "words")).status == 202);
    wait_until("the disk to be free again", || data.bytes_on_disk() <= disk_before + DISK_SLACK_BYTES);
    assert_eq!(server.list("").batches.len(), 1);
}

#[test]
fn more_uploads_at_once_than_allowed_are_told_to_come_back() {
    let server = Server::start(&[("LIMITS_UPLOADS_OPEN_MAX", "1")]);
    let mut first = Wire::open(server.addr);
    let body = Form::new().file("first.txt", "the first").finish();
    first.send(&wire::upload_head(body.len() as u64));
    first.send(&body[..body.len() - 10]);

    wait_until("the first to have its place", || server.metrics().sum("consign_uploads_open", &[]) >= 1.0);

    let answer = server.post(Form::new().file("second.txt", "the second"));
    answer.assert_problem(429, "too_many_uploads");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    first.send(&body[body.len() - 10..]);
    first.answer().accepted();
}
