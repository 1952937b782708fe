//! What stands before a body: methods, versions, keys and header lines.

use super::case::{Case, Expected, Problem, Scene, Status, case, content_type, words};

const UNAUTHORIZED: Expected = Problem(401, "unauthorized");

pub fn cases(scene: &Scene) -> Vec<Case> {
    [methods(scene), versions(scene), keys(scene), lines(scene), conditions(scene), digests(scene)]
        .into_iter()
        .flatten()
        .collect()
}

fn methods(scene: &Scene) -> Vec<Case> {
    let not_allowed = Problem(405, "method_not_allowed");
    let mut cases: Vec<_> = [
        ("TRACE", "/batches"),
        ("OPTIONS", "/batches"),
        ("PATCH", "/batches"),
        ("get", "/batches"),
        ("DELETE", "/batches"),
        ("PROPFIND", "/batches"),
        ("PUT", "/events"),
        ("POST", "/healthz"),
        ("DELETE", "/openapi.json"),
        ("GET", "/retention"),
        ("A-METHOD-THAT-NOBODY-KNOWS", "/batches"),
    ]
    .map(|(method, path)| case(format!("{method} {path}"), scene.request(method, path, ""), not_allowed))
    .into();
    cases.push(case("a NUL in a method", scene.request("GE\0T", "/batches", ""), Status(400)));
    cases.push(case("no method", scene.request("", "/batches", ""), Status(400)));
    cases.push(case("a method of 200 KiB", scene.request(&"A".repeat(200 << 10), "/batches", ""), Status(431)));
    let rewritten = scene.request("POST", "/batches", "X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n");
    cases.push(case("a method that a header means to change", rewritten, Problem(415, "unsupported_media_type")));
    cases
}

fn versions(scene: &Scene) -> Vec<Case> {
    let versioned = |version: &str| format!("GET /healthz {version}\r\n{}\r\n", scene.lines);
    vec![
        case("HTTP/1.0", versioned("HTTP/1.0"), Status(200)),
        case("HTTP/1.0 without Host", "GET /healthz HTTP/1.0\r\n\r\n", Status(200)),
        case("HTTP/1.0 and no length of a body", "POST /batches HTTP/1.0\r\n\r\n", Status(400)),
        case("HTTP/0.9", "GET /healthz\r\n\r\n", Status(400)),
        case("HTTP/1.2", versioned("HTTP/1.2"), Status(400)),
        case("HTTP/2.0", versioned("HTTP/2.0"), Status(400)),
        case("http/1.1", versioned("http/1.1"), Status(400)),
        case("two versions", versioned("HTTP/1.1 HTTP/1.1"), Status(400)),
        case("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Status(400)),
        case("the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Status(400)),
        case("another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n", Status(400)),
        case("bytes", [0xff; 64], Status(400)),
    ]
}

fn keys(scene: &Scene) -> Vec<Case> {
    let with = |lines: &[u8]| {
        let begin = b"GET /batches HTTP/1.1\r\nHost: consign.test\r\nConnection: close\r\n";
        [begin, lines, b"\r\n"].concat()
    };
    let (own, other) = (&scene.secret, &scene.other_secret);
    let refused = [
        ("no key", String::new()),
        ("an empty key", "X-Api-Key:\r\n".into()),
        ("a key that is none", "X-Api-Key: consign_0000000000000000000000000000000000000000000\r\n".into()),
        ("a key with an end of its own", format!("X-Api-Key: {own}0\r\n")),
        ("the beginning of a key", format!("X-Api-Key: {}\r\n", &own[..own.len() - 1])),
        ("a key in capitals", format!("X-Api-Key: {}\r\n", own.to_uppercase())),
        ("the keys of two", format!("X-Api-Key: {own}\r\nX-Api-Key: {other}\r\n")),
        ("the keys of two in two headers", format!("X-Api-Key: {own}\r\nAuthorization: Bearer {other}\r\n")),
        ("two keys in a line", format!("X-Api-Key: {own}, {own}\r\n")),
        ("a key by another scheme", format!("Authorization: Basic {own}\r\n")),
        ("a key without a scheme", format!("Authorization: {own}\r\n")),
        ("a key of 60 KiB", format!("X-Api-Key: {}\r\n", "a".repeat(60 << 10))),
        ("a key in a cookie", format!("Cookie: x-api-key={own}\r\n")),
    ];
    let mut cases: Vec<_> = refused.map(|(what, lines)| case(what, with(lines.as_bytes()), UNAUTHORIZED)).into();
    cases.push(case("a key of no UTF-8", with(b"X-Api-Key: \xff\xfe\r\n"), UNAUTHORIZED));
    cases.push(case("a key with a NUL", with(b"X-Api-Key: a\0b\r\n"), Status(400)));
    let in_query =
        format!("GET /batches?x-api-key={own}&api_key={own} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    cases.push(case("a key in the address", in_query, UNAUTHORIZED));
    let spoofed =
        b"X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\nX-Forwarded-User: ann\r\n";
    cases.push(case("who says that a proxy knows him", with(spoofed), UNAUTHORIZED));
    cases
}

fn lines(scene: &Scene) -> Vec<Case> {
    let none: [(&str, &[u8]); 12] = [
        ("a line without a colon", b"X-A\r\n"),
        ("a space before the colon", b"X-A : 1\r\n"),
        ("a name that is empty", b": 1\r\n"),
        ("a NUL in a name", b"X-\0A: 1\r\n"),
        ("no ASCII in a name", b"X-\xc3\xa4: 1\r\n"),
        ("a NUL in a value", b"X-A: 1\0\r\n"),
        ("a bare CR in a value", b"X-A: 1\r2\r\n"),
        ("a line that is folded", b"X-A: 1\r\n 2\r\n"),
        ("a length that is folded", b"Content-Length:\r\n 0\r\n"),
        ("a second Host", b"Host: another.test\r\n"),
        ("a line that begins with a space", b" X-A: 1\r\n"),
        ("an escape in a value", b"X-A: \x1b[2J\r\n"),
    ];
    let mut cases: Vec<_> =
        none.map(|(what, lines)| case(what, scene.request("GET", "/healthz", lines), Status(400))).into();
    let healthz = |lines: String| scene.request("GET", "/healthz", lines);
    cases.push(case("no Host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", Status(400)));
    cases.push(case("200 headers", healthz("X-A: 1\r\n".repeat(200)), Status(431)));
    cases.push(case("a header of 300 KiB", healthz(format!("X-A: {}\r\n", "a".repeat(300 << 10))), Status(431)));
    // The HTTP library gives up the connection: it knows no names as long as this.
    let named = healthz(format!("{}: 1\r\n", "a".repeat(70 << 10)));
    cases.push(Case { what: "a name of 70 KiB".into(), sent: named, expected: Vec::new() });
    let ids = "X-Request-Id: <script>\r\nX-Request-Id: ../../x\r\n";
    cases.push(case("two ids of a request", scene.request("GET", "/nowhere", ids), Problem(404, "not_found")));
    let upgraded = scene.request("GET", "/healthz", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n");
    cases.push(case("an upgrade to HTTP/2", upgraded, Status(200)));
    cases.push(case("bare LF", scene.request("GET", "/healthz", "X-A: 1\nX-B: 2\r\n"), Status(200)));
    cases.push(case("empty lines first", [b"\r\n\r\n".to_vec(), scene.get("/healthz")].concat(), Status(200)));
    cases
}

/// Ranges, versions and events that are none.
fn conditions(scene: &Scene) -> Vec<Case> {
    let text = format!("{}/text", scene.file());
    let ranges = format!("Range: bytes={}\r\n", "0-0,".repeat(5_000));
    let of_text = [
        ("a range behind the end", "Range: bytes=9999-\r\n", Problem(416, "range_not_satisfiable")),
        ("the last 0 bytes", "Range: bytes=-0\r\n", Problem(416, "range_not_satisfiable")),
        ("a range of huge numbers", "Range: bytes=18446744073709551616-\r\n", Status(200)),
        ("a range that runs backwards", "Range: bytes=5-1\r\n", Status(200)),
        ("a range of words", "Range: bytes=a-b\r\n", Status(200)),
        ("a range of lines", "Range: lines=1-2\r\n", Status(200)),
        ("5,000 ranges", &ranges, Status(200)),
        ("If-Match of another version", "If-Match: \"../../etc\"\r\n", Problem(412, "precondition_failed")),
        ("If-None-Match of nonsense", "If-None-Match: W/W/\"\r\n", Status(200)),
        ("If-Range of nonsense", "If-Range: yesterday\r\nRange: bytes=0-1\r\n", Status(200)),
    ];
    let mut cases: Vec<_> =
        of_text.map(|(what, lines, expected)| case(what, scene.request("GET", &text, lines), expected)).into();
    for id in ["-1", "18446744073709551615", "1, 2", "\u{e9}"] {
        let stream = scene.request("GET", "/events", format!("Last-Event-ID: {id}\r\n"));
        cases.push(case(format!("an event {id}"), stream, Problem(400, "invalid_parameter")));
    }
    let both = scene.request("GET", "/events?last_event_id=nonsense", "Last-Event-ID: 0\r\n");
    cases.push(case("an event beside one that is none", both, Problem(400, "invalid_parameter")));
    cases
}

fn digests(scene: &Scene) -> Vec<Case> {
    let bad_digest = Problem(400, "bad_content_digest");
    let of_nothing = "Content-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n";
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    let of_upload: [(&str, &[u8], Expected); 12] = [
        ("a digest of words", b"Content-Digest: sha-256=abc\r\n", bad_digest),
        ("a digest of another length", b"Content-Digest: sha-256=:AAAA:\r\n", bad_digest),
        ("a digest without an end", b"Content-Digest: sha-256=:AAAA\r\n", bad_digest),
        ("a digest of no UTF-8", b"Content-Digest: sha-256=:\xff:\r\n", bad_digest),
        ("a digest of something else", of_nothing.as_bytes(), Problem(400, "digest_mismatch")),
        ("an empty idempotency key", b"Idempotency-Key:\r\n", Problem(400, "bad_idempotency_key")),
        ("an idempotency key with a space", b"Idempotency-Key: a b\r\n", Problem(400, "bad_idempotency_key")),
        ("an idempotency key without an end", b"Idempotency-Key: \"a\r\n", Problem(400, "bad_idempotency_key")),
        ("two idempotency keys", b"Idempotency-Key: a\r\nIdempotency-Key: a\r\n", Problem(400, "bad_idempotency_key")),
        ("an idempotency key of no UTF-8", b"Idempotency-Key: \xff\r\n", Problem(400, "bad_idempotency_key")),
        ("an idempotency key of 256 characters", long.as_bytes(), Problem(400, "bad_idempotency_key")),
        ("a digest that is a comma", b"Content-Digest: ,\r\n", bad_digest),
    ];
    let mut cases: Vec<_> = of_upload
        .map(|(what, lines, expected)| case(what, scene.upload_with(lines, words().finish()), expected))
        .into();
    let waits = scene.request("POST", "/batches?wait=never", content_type() + "Content-Length: 0\r\n");
    cases.push(case("an upload that waits for ever", waits, Problem(400, "invalid_parameter")));
    cases
}
