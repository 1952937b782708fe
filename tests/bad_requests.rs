//! Requests for what is not there, in ways that are not offered: each gets a problem that a program can act on.

mod support;

use support::wire;
use support::{Answer, Form, Server};

/// A batch's id that nobody has given: a UUID of version 7 whose low 16 bits are 0.
const UNKNOWN_BATCH: &str = "0193a5b0-0000-7000-8000-00000abc0000";

/// The id of the first file of that batch.
const UNKNOWN_FILE: &str = "0193a5b0-0000-7000-8000-00000abc0001";

fn request(server: &Server, method: &str, path: &str) -> Answer {
    wire::exchange(server.addr, method, path, &[], b"")
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start(&[]);
    let batch = server.upload(Form::new().file("a.txt", "some words"));
    let of_batch = format!("/batches/{}", batch.id);
    let of_file = format!("{of_batch}/files/{}", batch.files[0].id);
    let text = format!("{of_file}/text");
    let cases = [
        ("PUT", "/batches", &["GET", "POST"][..]),
        ("PATCH", &of_batch, &["GET"]),
        ("POST", &of_file, &["GET"]),
        ("PUT", &text, &["GET"]),
        ("POST", "/healthz", &["GET"]),
        ("DELETE", "/metrics", &["GET"]),
    ];
    for (method, path, allowed) in cases {
        let answer = request(&server, method, path);
        answer.assert_problem(405, "method_not_allowed");
        let allow: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        assert!(allowed.iter().all(|method| allow.contains(method)), "{method} {path}: {allow:?}");
        assert!(!allow.contains(&method), "{method} {path}: {allow:?}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = Server::start(&[]);
    let batch = server.upload(Form::new().file("a.txt", "some words"));
    let other = server.upload(Form::new().file("b.txt", "some words"));
    let second_file = format!("{}2", &batch.files[0].id[..batch.files[0].id.len() - 1]);
    let paths = [
        "/nowhere".to_owned(),
        "/batches/".to_owned() + UNKNOWN_BATCH,
        "/batches/no-uuid".to_owned(),
        "/batches/..%2f..%2fetc%2fpasswd".to_owned(),
        "/batches/%00".to_owned(),
        format!("/batches/{UNKNOWN_FILE}"),
        format!("/batches/{}/nowhere", batch.id),
        format!("/batches/{}/files/no-uuid", batch.id),
        format!("/batches/{}/files/{}", batch.id, batch.id),
        format!("/batches/{}/files/{second_file}", batch.id),
        format!("/batches/{}/files/{}", batch.id, other.files[0].id),
        format!("/batches/{}/files/{}/text", other.id, batch.files[0].id),
        format!("/batches/{UNKNOWN_BATCH}/files/{UNKNOWN_FILE}"),
        format!("/batches/{UNKNOWN_BATCH}/files/{UNKNOWN_FILE}/content"),
    ];
    for path in paths {
        request(&server, "GET", &path).assert_problem(404, "not_found");
    }
}

#[test]
fn bad_query_values_are_invalid_parameters() {
    let server = Server::start(&[]);
    let batch = server.upload(Form::new().file("a.txt", "some words"));
    for query in ["wait=soon", "wait=-1", "wait=", "files=nonsense", "after=first", "after=-1", "limit=all", "limit=-1"]
    {
        let answer = server.get(&format!("/batches/{}?{query}", batch.id));
        answer.assert_problem(400, "invalid_parameter");
    }
    for query in ["wait=1000001", "wait=18446744073709551616", "wait=1&wait=1", "files=failed&limit=1&files=failed"] {
        let answer = server.get(&format!("/batches/{}?{query}", batch.id));
        answer.assert_problem(400, "invalid_parameter");
    }
    server.ok(&format!("/batches/{}?wait=1000000&nobody=knows&nobody=it", batch.id));
    for query in ["limit=all", "limit=-1", "cursor=nonsense", "state=nonsense", "state=completed&state=completed"] {
        server.get(&format!("/batches?{query}")).assert_problem(400, "invalid_parameter");
    }
}

#[test]
fn a_well_formed_request_id_is_echoed_by_every_answer() {
    let server = Server::start(&[]);
    let answer = server.post_with(Form::new().file("a.txt", "some words"), &[("x-request-id", "upload-1")]);
    assert_eq!((answer.status, answer.header("x-request-id")), (202, "upload-1"));

    for id in ["0193a5b0-0000-7000-8000-00000abc0001", "a", "trace-0123456789abcdef"] {
        for path in ["/healthz", "/nowhere", "/batches", "/batches/no-uuid"] {
            let answer = wire::exchange(server.addr, "GET", path, &[("X-Request-Id", id)], b"");
            assert_eq!(answer.header("x-request-id"), id, "GET {path}");
        }
    }
}

#[test]
fn a_request_id_that_is_not_well_formed_is_replaced() {
    let server = Server::start(&[]);
    let long = "a".repeat(5000);
    for id in ["", "two words", "<script>alert(1)</script>", "quote\"", "{\"a\":1}", "é", &long] {
        let answer = wire::exchange(server.addr, "GET", "/batches/no-uuid", &[("X-Request-Id", id)], b"");
        answer.assert_problem(404, "not_found");
        assert_ne!(answer.header("x-request-id"), id);
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[test]
fn requests_without_an_id_get_one_each() {
    let server = Server::start(&[]);
    let mut ids: Vec<_> = (0..10).map(|_| server.ok("/healthz").header("x-request-id").to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10, "{ids:?}");
}

#[test]
fn what_is_asked_of_a_refused_file_gets_a_problem() {
    let server = Server::start(&[]);
    let batch = server.process(Form::new().file("a.txt", "some words").file("b.exe", "MZ"));

    let path = batch.files[1].path();
    server.get(&format!("{path}/text")).assert_problem(409, "no_result");
    let content = server.get(&format!("{path}/content"));
    assert!((400..500).contains(&content.status), "{content:?}");
    let code = content.json()["code"].as_str().map(str::to_owned).expect("a problem has a code");
    content.assert_problem(content.status, &code);
}
