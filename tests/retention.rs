//! Retention: what has ended and is old, or is too much, goes by itself; what is not completed never does.

#![cfg(feature = "test-hooks")]

mod support;

use serde_json::json;
use support::server::{SMALL_SEGMENTS, Setting};
use support::{Batch, DataDir, Form, Server, wait_until};

/// A server that keeps everything until it is told to sweep.
const NO_SWEEP: Setting<'_> = ("RETENTION_SWEEP_EVERY_MS", "600000000");

fn texts(count: usize, bytes: usize) -> Form {
    Form::new().files((0..count).map(|index| (format!("{index}.txt"), format!("{index} ").repeat(bytes / 4))))
}

fn ids(server: &Server) -> Vec<String> {
    server.list("").batches.into_iter().map(|batch| batch.id).collect()
}

/// Whether any segment of the spool has these words.
fn spool_holds(data: &DataDir, words: &str) -> bool {
    let segments = std::fs::read_dir(data.path().join("spool")).expect("there is a spool");
    segments
        .map(|segment| std::fs::read(segment.expect("it can be listed").path()).expect("it can be read"))
        .any(|bytes| bytes.windows(words.len()).any(|window| window == words.as_bytes()))
}

#[test]
fn what_is_old_enough_goes_by_itself_and_what_runs_stays() {
    let quick = [("RETENTION_SUCCEEDED_MS_MAX", "300"), ("RETENTION_SWEEP_EVERY_MS", "20")];
    let settings = [&quick[..], &[("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_PROCESSES", "2")]].concat();
    let data = DataDir::new();
    let server = data.serve(&settings);
    let hung = server.upload(Form::new().file("hung.txt", "consign-test-hook: hang\n")).id;
    let failed = server.process(texts(1, 8).file("bad.pdf", "%PDF-1.7 and nothing else"));
    assert_eq!(failed.outcome.as_deref(), Some("partial"), "{failed:?}");
    for _ in 0..3 {
        server.upload(texts(2, 100));
    }
    wait_until("those that succeeded to go", || ids(&server) == [failed.id.clone(), hung.clone()]);
    let removed = || server.metrics().sum("consign_retention_removed_batches_total", &[("reason", "age")]);
    wait_until("them to be counted", || (removed() - 3.0).abs() < 0.5);
    let server = server.kill().serve(&settings);
    assert_eq!(ids(&server), [failed.id, hung], "none comes back and none is lost");
}

#[test]
fn a_dry_run_tells_what_a_sweep_does_and_the_oldest_go_first() {
    let data = DataDir::new();
    let server = data.serve(&[NO_SWEEP]);
    let batches: Vec<Batch> = (0..4).map(|_| server.process(texts(5, 4_000))).collect();
    let bytes = batches[0].progress.bytes_total;
    let data = server.kill();
    let bound = (2 * bytes + bytes / 2).to_string();
    let settings = [NO_SWEEP, ("RETENTION_BYTES_MAX", bound.as_str())];
    // The sweep of the start is what a dry run on a server without one foretells.
    let server = data.serve(&settings);
    let removed = || server.metrics().sum("consign_retention_removed_batches_total", &[("reason", "bytes")]);
    wait_until("the oldest to go", || (removed() - 2.0).abs() < 0.5);
    assert_eq!(ids(&server), [batches[3].id.clone(), batches[2].id.clone()]);
    assert_eq!(server.post_to("/retention?dry_run=true").json()["total"]["batches"], 0);
    let more = server.process(texts(5, 4_000));
    let expected = json!({
        "dry_run": true,
        "total": {"batches": 1, "files": 5, "bytes": bytes},
        "batches": [{"id": batches[2].id, "reason": "bytes", "files": 5, "bytes": bytes}],
    });
    assert_eq!(server.post_to("/retention?dry_run=true").json(), expected);
    assert_eq!(ids(&server).len(), 3, "a dry run removes nothing");
    let mut swept = expected;
    swept["dry_run"] = json!(false);
    assert_eq!(server.post_to("/retention").json(), swept);
    assert_eq!(ids(&server), [more.id, batches[3].id.clone()]);
    server.post_to("/retention?dry_run=perhaps").assert_problem(400, "invalid_parameter");
}

#[test]
fn originals_go_when_their_text_is_there_and_those_without_text_stay() {
    let data = DataDir::new();
    let settings = [&SMALL_SEGMENTS[..], &[("RETENTION_KEEPS_ORIGINALS", "false")]].concat();
    let mut server = data.serve(&settings);
    // Whole blocks are given back; what a file has of its first and last stays until its batch goes.
    let text = format!("{0} in the middle {0}", "beside it ".repeat(4_000));
    let form = texts(20, 100_000).file("middle.txt", text).file("bad.pdf", "%PDF-1.7 and nothing else");
    let batch = server.process(form);
    for file in &batch.files[..21] {
        assert!(server.text(file).len() > 40_000);
        server.get(&format!("{}/content", file.path())).assert_problem(410, "content_gone");
    }
    assert_eq!(server.content(&batch.files[21]).body, b"%PDF-1.7 and nothing else");
    wait_until("their bytes to be gone", || !spool_holds(&data, "in the middle"));
    assert!(spool_holds(&data, "and nothing else"));
    assert!(server.terminate().success());
    let told = data.doctor(&["--deep"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    assert!(data.doctor(&["--rebuild"]).status.success());
    let server = data.serve(&settings);
    let batch = server.batch(&batch.id);
    server.get(&format!("{}/content", batch.files[0].path())).assert_problem(410, "content_gone");
    assert!(server.text(&batch.files[0]).len() > 40_000);
}
