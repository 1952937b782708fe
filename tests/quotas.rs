//! Quotas of a key: exact, also when many come at one time, over removals, and over a kill of the server.

#![cfg(feature = "test-hooks")]

mod support;

use std::thread;

use support::server::Setting;
use support::wire::{self, Wire};
use support::{Answer, Batch, DataDir, Form, Key, Server, form};

/// Limits that nobody waits for: a file that hangs keeps its batch open.
const PATIENT: [Setting<'_>; 2] = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];

const HANG: &str = "consign-test-hook: hang\n";

fn send(server: &Server, key: &Key, bytes: usize) -> Answer {
    server.post_with(Form::new().file("a.txt", "w".repeat(bytes)), &[key.header()])
}

fn ended(server: &Server, key: &Key, answer: &Answer) -> Batch {
    let answer = server.request("GET", &format!("/batches/{}?wait=60", answer.accepted().id), &[key.header()]);
    let batch = Batch::of(&answer.json());
    assert_eq!(batch.state, "completed", "{batch:?}");
    batch
}

fn assert_over(answer: &Answer, comes_back: bool) {
    answer.assert_problem(429, "quota_exceeded");
    assert_eq!(answer.find_header("retry-after").is_some(), comes_back, "{answer:?}");
}

#[test]
fn stored_bytes_are_counted_to_the_byte_over_a_kill_and_over_removals() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "bytes_stored_max = 100");
    let bob = dir.new_key("bob", "");
    let server = dir.serve(&[]);
    let first = ended(&server, &ann, &send(&server, &ann, 60));
    assert_over(&send(&server, &ann, 41), false);
    let refused = Form::new().file("setup.exe", "x".repeat(500)).file("b.txt", "w".repeat(40));
    let second = ended(&server, &ann, &server.post_with(refused, &[ann.header()]));
    assert_eq!(second.files[0].state, "rejected", "what is refused is not kept, and costs nothing");
    assert_over(&send(&server, &ann, 1), false);
    send(&server, &bob, 1000).accepted();

    let dir = server.kill();
    let server = dir.serve(&[]);
    assert_over(&send(&server, &ann, 1), false);
    let mut wire = Wire::open(server.addr);
    let content_type = form::content_type();
    wire.send(&wire::head("POST", "/batches", &[ann.header(), ("Content-Type", &content_type)], 1 << 30));
    assert_over(&wire.answer(), false);

    let removed = server.request("DELETE", &format!("/batches/{}", first.id), &[ann.header()]);
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_over(&send(&server, &ann, 61), false);
    ended(&server, &ann, &send(&server, &ann, 60));
    assert_over(&send(&server, &ann, 1), false);
}

#[test]
fn open_batches_are_counted_over_a_kill_until_they_are_completed() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "batches_open_max = 2");
    let reader = dir.new_key("reader", "batches_open_max = 0");
    let server = dir.serve(&PATIENT);
    let hanging = || Form::new().file("hang.txt", HANG);
    let [first, _] = [(), ()].map(|()| server.post_with(hanging(), &[ann.header()]).accepted());
    assert_over(&send(&server, &ann, 5), true);
    assert_over(&send(&server, &reader, 5), true);
    assert_eq!(server.request("GET", "/batches", &[reader.header()]).status, 200);

    let dir = server.kill();
    let server = dir.serve(&PATIENT);
    assert_over(&send(&server, &ann, 5), true);
    let cancelled = server.request("POST", &format!("/batches/{}/cancel?wait=60", first.id), &[ann.header()]);
    assert_eq!(Batch::of(&cancelled.json()).state, "completed");
    server.post_with(hanging(), &[ann.header()]).accepted();
    assert_over(&send(&server, &ann, 5), true);
}

#[test]
fn many_at_one_time_get_no_more_than_one_after_the_other() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "bytes_stored_max = 100");
    let server = dir.serve(&[]);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let senders: Vec<_> = (0..16).map(|_| scope.spawn(|| send(&server, &ann, 30))).collect();
        senders.into_iter().map(|sender| sender.join().expect("each is answered")).collect()
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert!(taken.len() <= 3, "{} times 30 bytes are kept", taken.len());
    for answer in refused {
        assert_over(answer, false);
    }
    // What was promised to those who were refused is free again.
    for _ in taken.len()..3 {
        send(&server, &ann, 30).accepted();
    }
    assert_over(&send(&server, &ann, 30), false);
    send(&server, &ann, 10).accepted();
}

#[test]
fn requests_are_counted_and_those_of_others_and_of_probes_are_not() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "requests_minute_max = 2");
    let bob = dir.new_key("bob", "");
    let server = dir.serve(&[]);
    for _ in 0..5 {
        assert_eq!(server.request("GET", "/healthz", &[ann.header()]).status, 200);
    }
    assert_eq!(server.request("GET", "/batches", &[ann.header()]).status, 200);
    server.request("GET", "/batches/x", &[ann.header()]).assert_problem(404, "not_found");
    let refused = server.request("GET", "/batches", &[ann.header()]);
    assert_over(&refused, true);
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=31).contains(&wait), "half a minute gives one back: {wait}");
    assert_over(&send(&server, &ann, 5), true);
    assert_eq!(server.request("GET", "/batches", &[bob.header()]).status, 200);
}
