//! What `/stats` says of a server at a glance.

#![cfg(feature = "test-hooks")]

mod support;

use serde_json::{Value, json};
use support::{Form, Server, wait_until};

const RATES: [&str; 4] = [
    "attachment_upload_success_rate",
    "attachment_verification_failure_rate",
    "worker_crash_rate",
    "average_processing_time_per_file",
];

fn stats(server: &Server) -> Value {
    server.ok("/stats").json()
}

#[test]
fn a_server_that_has_done_nothing_has_no_rates() {
    let server = Server::start(&[]);
    let stats = stats(&server);
    for rate in RATES {
        assert_eq!(stats[rate], Value::Null, "{rate}");
    }
    assert_eq!(stats["attachment_processing_retry_count"], 0);
    assert_eq!(stats["last_hour"]["files_ended"], 0);
}

#[test]
fn the_figures_are_those_of_what_was_sent() {
    let server = Server::start(&[("ATTEMPTS_MAX", "2"), ("ATTEMPTS_RETRY_MS_BASE", "1")]);
    let program = std::fs::read(env!("CARGO_BIN_EXE_consign")).expect("the binary can be read");
    // Accepted: four, refused: one. Verified: all but the program. Read: one at once, one kills two workers, one is no document.
    server.process(
        Form::new()
            .file("words.txt", "some words")
            .file("hook.txt", "consign-test-hook: segv\n")
            .file("broken.docx", "PK\x03\x04 and no more")
            .file("report.pdf", &program[..4096])
            .file("setup.exe", "MZ"),
    );

    wait_until("the last outcome to be counted", || stats(&server)["last_hour"]["files_ended"] == 4);
    let stats = stats(&server);
    assert_eq!(stats["attachment_upload_success_rate"], 0.8, "{stats}");
    assert_eq!(stats["attachment_verification_failure_rate"], 0.25, "{stats}");
    assert_eq!(stats["attachment_processing_retry_count"], 1, "{stats}");
    // Two of four attempts.
    assert_eq!(stats["worker_crash_rate"], 0.5, "{stats}");
    assert!(stats["average_processing_time_per_file"].as_f64().is_some_and(|seconds| seconds > 0.0), "{stats}");
    assert_eq!(stats["last_hour"]["files_failed"], 2, "{stats}");
    assert_eq!((&stats["queue_depth"], &stats["batches_open"]), (&json!(0), &json!(0)), "{stats}");
    let per_minute = stats["last_hour"]["ended_per_minute"].as_array().expect("minutes");
    assert_eq!(per_minute.len(), 60);
    assert_eq!(per_minute.iter().filter_map(Value::as_u64).sum::<u64>(), 4);
}
