//! What the server tells those who watch it.

mod support;

use support::{Form, Server, promtool, wait_until};

#[test]
fn every_metric_that_is_promised_is_there_with_its_help() {
    let server = Server::start(&[]);
    server.process(Form::new().file("a.txt", "some words")).assert_succeeded();

    let metrics = server.metrics();

    let families = [
        "consign_uploads_total",
        "consign_processing_retries_total",
        "consign_verification_failures_total",
        "consign_worker_crashes_total",
        "consign_scans_total",
        "consign_scan_seconds",
        "consign_processing_seconds",
        "consign_queue_depth",
        "consign_spool_files",
        "consign_spool_bytes",
        "consign_fsync_seconds",
        "consign_http_requests_total",
        "consign_build_info",
        "consign_retention_removed_batches_total",
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

#[test]
fn promtool_finds_nothing_wrong_with_them() {
    let server = Server::start(&[]);
    server.process(Form::new().file("a.txt", "some words").file("c.exe", "MZ"));
    promtool::assert_well_or_skip("promtool check metrics", &["check", "metrics"], &server.ok("/metrics").text());
}

#[test]
fn a_scraper_that_asks_for_openmetrics_gets_it_and_any_other_the_older_format() {
    let server = Server::start(&[]);
    let asked = |accept: &str| {
        let answer = server.request("GET", "/metrics", &[("accept", accept)]);
        (answer.header("content-type").to_owned(), answer.text())
    };
    let newer = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let (content_type, page) = asked(newer);
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(page.contains("# TYPE consign_uploads counter") && page.ends_with("# EOF\n"), "{page}");
    for older in ["*/*", "text/plain", "text/html, */*;q=0.1"] {
        let (content_type, page) = asked(older);
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        assert!(page.contains("# TYPE consign_uploads_total counter") && !page.contains("# EOF"), "{page}");
    }
}

#[test]
fn the_build_is_named() {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert!((Server::start(&[]).metrics().sum("consign_build_info", &version) - 1.0).abs() < 0.5);
}

#[test]
fn batches_and_requests_are_counted_while_they_are_open_and_by_how_they_end() {
    let server = Server::start(&[]);
    let sum = |name: &str, labels: &[(&str, &str)]| server.metrics().sum(name, labels);
    server.process(Form::new().file("a.txt", "some words"));
    server.process(Form::new().file("a.txt", "other words").file("c.exe", "MZ"));

    for outcome in ["succeeded", "partial"] {
        let count = || sum("consign_batches_completed_total", &[("outcome", outcome)]);
        wait_until(outcome, || (count() - 1.0).abs() < 0.5);
    }
    assert!(sum("consign_batches_open", &[]) < 0.5);
    // The one that asks.
    wait_until("other requests to be over", || (sum("consign_http_requests_in_flight", &[]) - 1.0).abs() < 0.5);
    assert!(sum("consign_verifications_total", &[]) >= 2.0);
    assert!(sum("consign_attempts_total", &[]) >= 2.0);
    assert!(sum("consign_storage_working", &[]) > 0.5);
    assert!(sum("consign_disk_reserve_bytes", &[]) >= 1.0);
}

#[test]
fn workers_are_counted_while_they_live_and_whenever_one_is_started() {
    let server = Server::start(&[("WORKER_FILES_MAX", "1")]);
    let sum = |name: &str| server.metrics().sum(name, &[]);
    wait_until("two workers", || (sum("consign_workers_alive") - 2.0).abs() < 0.5);
    server.process(Form::new().file("a.txt", "some words"));
    wait_until("one in place of the first", || sum("consign_workers_started_total") > 2.5);
    wait_until("two workers again", || (sum("consign_workers_alive") - 2.0).abs() < 0.5);
}
