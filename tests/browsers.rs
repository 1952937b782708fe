//! What browsers are told: headers that keep pages out of what is served, and which pages may read it all the same.

mod support;

use support::{Answer, Form, Server};

const ORIGIN: &str = "https://chat.example.org";

#[test]
fn every_answer_has_the_headers_that_keep_pages_out() {
    let server = Server::start(&[]);
    let batch = server.process(Form::new().file("a.txt", "some words"));
    let file = batch.files[0].path();
    let paths = ["/batches", "/healthz", "/readyz", "/metrics", "/no/such/thing", "/batches/x", &file];
    let mut answers: Vec<Answer> = paths.iter().map(|path| server.get(path)).collect();
    answers.push(server.get(&format!("{file}/text")));
    answers.push(server.get(&format!("/batches/{}/results", batch.id)));
    answers.push(server.post(Form::new()));
    answers.push(server.request("PATCH", "/batches", &[]));
    answers.push(server.request("OPTIONS", "/batches", &[("origin", ORIGIN), PREFLIGHT]));
    let content = server.get(&format!("{file}/content"));
    let etag = content.header("etag");
    answers.push(server.request("GET", &format!("{file}/content"), &[("if-none-match", etag)]));
    answers.push(server.delete(&format!("/batches/{}", batch.id)));
    for answer in &answers {
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'",
            "{answer:?}"
        );
        assert_keeps_pages_out(answer);
    }
    assert_keeps_pages_out(&content);
    assert_eq!(
        content.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'; sandbox",
        "a stranger's bytes are nobody's page"
    );
}

fn assert_keeps_pages_out(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), value, "{answer:?}");
        assert_eq!(answer.headers.iter().filter(|(known, _)| known == name).count(), 1, "{answer:?}");
    }
    assert_eq!(answer.find_header("strict-transport-security"), None, "there is no TLS here");
}

const PREFLIGHT: (&str, &str) = ("access-control-request-method", "POST");

#[test]
fn no_page_may_read_anything_by_default() {
    let server = Server::start(&[]);
    let answers = [
        server.request("GET", "/batches", &[("origin", ORIGIN)]),
        server.request("OPTIONS", "/batches", &[("origin", ORIGIN), PREFLIGHT]),
    ];
    for answer in &answers {
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
    }
    answers[1].assert_problem(405, "method_not_allowed");
}

#[test]
fn a_page_of_a_named_origin_may_and_one_of_another_may_not() {
    let server = Server::start(&[("CORS_ORIGINS", "http://localhost:5173,https://chat.example.org")]);

    let preflight = server.request(
        "OPTIONS",
        "/batches",
        &[("origin", ORIGIN), PREFLIGHT, ("access-control-request-headers", "authorization,idempotency-key")],
    );
    assert_eq!(preflight.status, 200, "{preflight:?}");
    assert_eq!(preflight.header("access-control-allow-origin"), ORIGIN);
    assert!(preflight.header("access-control-allow-methods").contains("DELETE"), "{preflight:?}");
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization,idempotency-key");
    assert_eq!(preflight.find_header("access-control-allow-credentials"), None);
    assert_keeps_pages_out(&preflight);

    let failed = server.request("GET", "/batches/x", &[("origin", ORIGIN)]);
    failed.assert_problem(404, "not_found");
    let listed = server.request("GET", "/batches", &[("origin", ORIGIN)]);
    for answer in [&failed, &listed] {
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "a script reads errors, too");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        for name in ["location", "etag", "repr-digest", "retry-after", "content-range", "x-request-id"] {
            assert!(exposed.split(", ").any(|known| known == name), "{name} in {exposed}");
        }
        assert!(answer.header("vary").to_lowercase().contains("origin"), "{answer:?}");
    }

    let stranger = [("origin", "https://evil.example.org"), PREFLIGHT];
    let refused = server.request("OPTIONS", "/batches", &stranger);
    refused.assert_problem(403, "cors_refused");
    assert_eq!(refused.find_header("access-control-allow-origin"), None);
    let answer = server.request("GET", "/batches", &stranger[..1]);
    assert_eq!((answer.status, answer.find_header("access-control-allow-origin")), (200, None));
    let method = [("origin", ORIGIN), ("access-control-request-method", "PATCH")];
    server.request("OPTIONS", "/batches", &method).assert_problem(403, "cors_refused");
}

#[test]
fn any_page_may_where_the_operator_says_so() {
    let server = Server::start(&[("CORS_ORIGINS", "*")]);
    for answer in [
        server.request("GET", "/batches", &[("origin", "null")]),
        server.request("OPTIONS", "/batches", &[("origin", ORIGIN), PREFLIGHT]),
    ] {
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "*"));
    }
}
