//! Where a request ends: lengths, chunks, requests inside of requests, and several on one connection.

use super::case::{Case, Expected, Problem, Scene, Status, case, content_type, words};

const MALFORMED: Expected = Problem(400, "malformed_multipart");

/// A request that must not be answered where it lies in the body of another.
const INNER: &str = "GET /healthz HTTP/1.1\r\nHost: inner.test\r\n\r\n";

pub fn cases(scene: &Scene) -> Vec<Case> {
    [lengths(scene), codings(scene), chunks(scene), inner_requests(scene), pipelines(scene)]
        .into_iter()
        .flatten()
        .collect()
}

/// The head of an upload with these lines, and what follows it.
fn upload(scene: &Scene, lines: &str, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let head = scene.request("POST", "/batches", content_type() + lines);
    [&head, rest.as_ref()].concat()
}

fn lengths(scene: &Scene) -> Vec<Case> {
    let body = words().finish();
    let length = body.len();
    [
        ("two lengths that are the same", format!("Content-Length: {length}\r\nContent-Length: {length}\r\n")),
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: 0\r\n")),
        ("two lengths in a line", format!("Content-Length: {length}, {length}\r\n")),
        ("a length below zero", "Content-Length: -1\r\n".into()),
        ("a length with a plus sign", format!("Content-Length: +{length}\r\n")),
        ("a length in hexadecimal", "Content-Length: 0x10\r\n".into()),
        ("a length with a fraction", "Content-Length: 1.0\r\n".into()),
        ("a length past 64 bits", "Content-Length: 18446744073709551616\r\n".into()),
        ("an empty length", "Content-Length:\r\n".into()),
        ("a length and chunks", format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n")),
        ("chunks and a length", format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n")),
    ]
    .map(|(what, lines)| case(what, upload(scene, &lines, &body), Status(400)))
    .into()
}

fn codings(scene: &Scene) -> Vec<Case> {
    let mut cases: Vec<_> = [
        "chunked, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "xchunked",
        "gzip",
        "identity",
        "chunked;q=1",
        "\"chunked\"",
        "chunked\r\nTransfer-Encoding: chunked",
        "identity\r\nTransfer-Encoding: chunked",
        "\r\n chunked",
        "\u{b}chunked",
    ]
    .map(|coding| {
        let lines = format!("Transfer-Encoding: {coding}\r\n");
        case(format!("Transfer-Encoding: {coding:?}"), upload(scene, &lines, "0\r\n\r\n"), Status(400))
    })
    .into();
    let of_1_0 = format!("POST /batches HTTP/1.0\r\n{}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", scene.lines);
    cases.push(case("chunks in HTTP/1.0", of_1_0, Status(400)));
    cases
}

fn chunks(scene: &Scene) -> Vec<Case> {
    let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "a".repeat(1 << 20));
    let trailers = format!("0\r\n{}\r\n", "X-A: 1\r\n".repeat(20_000));
    [
        ("a chunk of no size", "g\r\n"),
        ("a chunk of an empty size", "\r\nabc\r\n"),
        ("a chunk of a size below zero", "-1\r\nabc\r\n"),
        ("a chunk of a size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("a chunk past 64 bits", "fffffffffffffffff\r\nabc\r\n"),
        ("a chunk without its end", "3\r\nabcd\r\n0\r\n\r\n"),
        ("a chunk with LF alone", "3\nabc\n0\n\n"),
        ("an extension with a bare LF", "3;a\nbc\r\nabc\r\n0\r\n\r\n"),
        ("an extension of 1 MiB", &long_extension),
        ("trailers of 160 KB", &trailers),
        ("chunks and no form", "3\r\nabc\r\n0\r\n\r\n"),
        ("no chunks", "0\r\n\r\n"),
    ]
    .map(|(what, body)| case(what, upload(scene, "Transfer-Encoding: chunked\r\n", body), MALFORMED))
    .into()
}

/// Requests in the bodies of others, which are no requests.
fn inner_requests(scene: &Scene) -> Vec<Case> {
    let length = format!("Content-Length: {}\r\n", INNER.len());
    let inside = |method: &str, path: &str| [scene.request(method, path, &length), INNER.into()].concat();
    vec![
        case("a request in the body of a GET", inside("GET", "/healthz"), Status(200)),
        case("a request in the body of a DELETE", inside("DELETE", "/batches/none"), Problem(404, "not_found")),
        case("a request in the body of a POST that takes none", inside("POST", "/retention"), Status(200)),
        case("a request in the body of what is not found", inside("POST", "/nowhere"), Problem(404, "not_found")),
        case("a request in a body of no form", inside("POST", "/batches"), Problem(415, "unsupported_media_type")),
    ]
}

/// Several requests at once on one connection.
fn pipelines(scene: &Scene) -> Vec<Case> {
    let open = "GET /healthz HTTP/1.1\r\nHost: consign.test\r\n\r\n";
    let several = |what: &str, sent: Vec<u8>, expected: Vec<Expected>| Case { what: what.into(), sent, expected };
    let listing = format!("GET /batches HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\r\n", scene.secret);
    let empty =
        format!("POST /batches HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nContent-Length: 0\r\n\r\n", scene.secret);
    vec![
        several(
            "twenty at once",
            [open.repeat(19).into_bytes(), scene.get("/nowhere")].concat(),
            [vec![Status(200); 19], vec![Problem(404, "not_found")]].concat(),
        ),
        several(
            "a bad one behind a good one",
            format!("{open}BAD\r\n\r\n{open}").into(),
            vec![Status(200), Status(400)],
        ),
        several(
            "one without a body, then another",
            [empty.into_bytes(), scene.get("/healthz")].concat(),
            vec![Problem(415, "unsupported_media_type"), Status(200)],
        ),
        several(
            "a key that is not the next one's",
            [listing.into_bytes(), b"GET /batches HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".into()].concat(),
            vec![Status(200), Problem(401, "unauthorized")],
        ),
        // The HTTP library answers what it has read by then, where RFC 9112 (section 9.6) has it stop. Each request shows
        // its own key, so nobody gains by it.
        several(
            "a request behind the last on a connection",
            [scene.get("/healthz"), INNER.into()].concat(),
            vec![Status(200), Status(200)],
        ),
        several(
            "a form in a body of a length of 1",
            upload(scene, "Content-Length: 1\r\n", words().finish()),
            vec![MALFORMED, Status(400)],
        ),
    ]
}
