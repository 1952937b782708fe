//! What the server tells those who watch it.

mod support;

use support::{Form, Server, wait_until};

#[test]
fn every_metric_that_is_promised_is_there_with_its_help() {
    let server = Server::start(&[]);
    server.process(Form::new().file("a.txt", "some words")).assert_succeeded();

    let metrics = server.metrics();

    let families = [
        "consign_uploads",
        "consign_processing_retries",
        "consign_verification_failures",
        "consign_worker_crashes",
        "consign_scans",
        "consign_scan_seconds",
        "consign_processing_seconds",
        "consign_queue_depth",
        "consign_spool_files",
        "consign_spool_bytes",
        "consign_fsync_seconds",
        "consign_http_requests",
    ];
    for family in families {
        metrics.assert_explained(family);
    }
}

#[test]
fn counters_move_with_what_they_count() {
    let server = Server::start(&[]);
    let before = server.metrics();

    server.process(Form::new().file("a.txt", "some words").file("b.txt", "others").file("c.exe", "MZ"));
    server.post(Form::new()).assert_problem(400, "no_files");

    let after = server.metrics();
    let moved = |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
    assert!(moved("consign_uploads_total", &[]) >= 2.0);
    assert!(moved("consign_processing_seconds_count", &[]) >= 2.0);
    assert!(moved("consign_fsync_seconds_count", &[]) >= 1.0);
    assert!(moved("consign_http_requests_total", &[("status", "202")]) >= 1.0);
    assert!(moved("consign_http_requests_total", &[("status", "400")]) >= 1.0);
}

#[test]
fn the_spool_is_measured() {
    let server = Server::start(&[]);
    server.process(Form::new().file("a.txt", "some words").file("b.txt", "others"));

    // Gauges may be brought up to date now and then, not with each file.
    wait_until("the files of the spool to be counted", || server.metrics().sum("consign_spool_files", &[]) >= 2.0);
    wait_until("the bytes of the spool to be counted", || server.metrics().sum("consign_spool_bytes", &[]) >= 16.0);
    wait_until("the queue to be empty", || server.metrics().sum("consign_queue_depth", &[]) == 0.0);
}

#[test]
fn routes_are_counted_by_their_pattern_and_not_by_what_was_asked_for() {
    let server = Server::start(&[]);
    for number in 0..20 {
        server.get(&format!("/batches/unknown-{number}"));
        server.get(&format!("/nowhere-{number}"));
    }
    let page = server.ok("/metrics").text();
    assert!(!page.contains("unknown-") && !page.contains("nowhere-"), "{page}");
}
