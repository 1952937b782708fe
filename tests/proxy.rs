//! A server behind nginx and behind Caddy, each with the example in `deploy/`: nothing that clients count on is lost.

mod support;

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::proxy::{Kind, Proxy};
use support::server::{Setting, write_file};
use support::wire::{Generated, Wire, upload_head};
use support::{DataDir, Form, Server, form, sha256, skip, wait_until};

const LARGE_BYTES: u64 = 64 << 20;

/// A server that is called through a proxy.
struct Proxied {
    /// With the proxy's address.
    server: Server,
    /// The server's own.
    direct: SocketAddr,
    _proxy: Proxy,
}

fn proxied(kind: Kind, data: &DataDir, settings: &[Setting<'_>]) -> Proxied {
    let mut server = data.serve(settings);
    let direct = server.addr;
    let proxy = kind.before(direct);
    server.addr = proxy.addr;
    Proxied { server, direct, _proxy: proxy }
}

#[test]
fn many_files_pass_a_proxy_and_parts_of_them_come_back() {
    for kind in Kind::installed("many files through a proxy") {
        let Proxied { server, .. } = &proxied(kind, &DataDir::new(), &[]);
        let names: Vec<String> = (0..500).map(|number| format!("note {number}.txt")).collect();
        let batch = server.process(Form::new().files(names.iter().map(|name| (name, format!("The text of {name}")))));
        batch.assert_succeeded();
        let file = batch.file("note 321.txt");
        assert_eq!(server.text(file), "The text of note 321.txt");
        let part = server.request("GET", &format!("{}/content", file.path()), &[("range", "bytes=4-7")]);
        assert_eq!((part.status, part.text().as_str()), (206, "text"), "{kind:?}");
        assert_eq!(part.header("content-range"), "bytes 4-7/24");
        let results = server.ok(&format!("/batches/{}/results", batch.id)).text();
        assert_eq!(results.lines().count(), names.len(), "{kind:?}");
    }
}

#[test]
fn a_large_file_passes_a_proxy_while_it_arrives() {
    for kind in Kind::installed("a large file through a proxy") {
        let Proxied { server, direct, .. } = &proxied(kind, &DataDir::new(), &[]);
        let (opening, closing) = (form::opening("large.txt"), format!("\r\n{}", form::closing()));
        let length = opening.len() as u64 + LARGE_BYTES + closing.len() as u64;
        let mut wire = Wire::open(server.addr);
        wire.send(&upload_head(length));
        wire.send(opening.as_bytes());
        let mut bytes = Vec::new();
        Generated::text(LARGE_BYTES).read_to_end(&mut bytes).expect("what is made can be read");
        let (first, rest) = bytes.split_at(bytes.len() / 4);
        wire.send(first);
        wait_until("the upload to have begun behind the proxy", || has_an_open_upload(*direct));
        wire.send(rest);
        wire.send(closing.as_bytes());
        let batch = wire.answer().accepted();
        let mut content = Vec::new();
        let path = format!("{}/content", batch.files[0].path());
        server.get_reader(&path).read_to_end(&mut content).expect("the content comes whole");
        assert_eq!(sha256(&content), sha256(&bytes), "{kind:?}");
    }
}

fn has_an_open_upload(server: SocketAddr) -> bool {
    let metrics = support::wire::exchange(server, "GET", "/metrics", &[], b"").text();
    metrics.lines().any(|line| line == "consign_uploads_open 1")
}

#[test]
fn an_event_passes_a_proxy_while_its_stream_is_open() {
    for kind in Kind::installed("events through a proxy") {
        // Nothing but the events themselves may push them through.
        let Proxied { server, .. } = &proxied(kind, &DataDir::new(), &[("EVENTS_HEARTBEAT_MS", "120000")]);
        let mut events = server.events("/events", None);
        let batch = server.upload(Form::new().file("a.txt", "some words"));
        let told = events.until(|event| event.name == "batch" && event.text("/change") == "completed");
        let last = told.last().expect("the stream is open until then");
        assert_eq!((last.name.as_str(), last.text("/id")), ("batch", batch.id.as_str()), "{kind:?}");
    }
}

#[test]
fn a_refusal_and_a_requests_id_come_back_through_a_proxy() {
    for kind in Kind::installed("refusals through a proxy") {
        let data = DataDir::new();
        let key = data.new_key("ann", "");
        let Proxied { server, .. } = &proxied(kind, &data, &[("LIMITS_BATCH_BYTES_MAX", "1 MiB")]);
        let named = server.request("GET", "/batches", &[key.header(), ("x-request-id", "ours-1")]);
        assert_eq!((named.status, named.header("x-request-id")), (200, "ours-1"), "{kind:?}");
        let nameless = server.request("GET", "/batches", &[]).assert_problem(401, "unauthorized");
        assert!(nameless["request_id"].as_str().is_some_and(|id| id.len() >= 32), "{kind:?}: {nameless}");
        // curl sends the head alone first, and waits for 100 Continue.
        let scratch = data.scratch().join("a.txt");
        let answered = |bytes: usize| {
            write_file(&scratch, "x".repeat(bytes).as_bytes());
            upload_by_curl(server, &key.secret, &scratch)
        };
        let Some(taken) = answered(1000) else { return skip("refusals through a proxy", "curl is not installed") };
        assert_eq!(taken["state"], "processing", "{kind:?}: {taken}");
        let refused = answered(3 << 20).expect("curl is installed");
        assert_eq!(refused["code"], "batch_too_large", "{kind:?}: {refused}");
    }
}

/// What curl prints of the answer; none where there is no curl.
fn upload_by_curl(server: &Server, key: &str, file: &Path) -> Option<Value> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-H", "Expect: 100-continue", "-H"]).arg(format!("Authorization: Bearer {key}"));
    let output = curl.arg("-F").arg(format!("files=@{}", file.display())).arg(server.url("/batches")).output().ok()?;
    let answer = serde_json::from_slice(&output.stdout);
    Some(answer.unwrap_or_else(|error| panic!("{error} in {output:?}")))
}
