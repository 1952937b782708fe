//! Retrying failed files: those and no others are read anew, with a new file's attempts; also after a crash, also when the
//! job log is made anew, and however often it is asked for.

#![cfg(feature = "test-hooks")]

mod support;

use std::time::Duration;

use rand::RngExt;
use support::client::Answer;
use support::server::Setting;
use support::{Batch, DataDir, Form, Server, wait_until};

/// Texts longer than this fail.
const NARROW: [Setting<'_>; 2] = [("LIMITS_EXTRACT_BYTES_MAX", "100"), ("ATTEMPTS_RETRY_MS_BASE", "10")];

/// No text is too long.
const WIDE: [Setting<'_>; 1] = [("ATTEMPTS_RETRY_MS_BASE", "10")];

/// What no server reads.
const SEGV: &str = "consign-test-hook: segv\n";

fn long(index: usize) -> String {
    format!("long words of {index} ").repeat(10)
}

/// Files of which those with an odd index are too long for a narrow server.
fn mixed(count: usize) -> Form {
    Form::new().files((0..count).map(|index| {
        let text = if index % 2 == 1 { long(index) } else { format!("words of {index}") };
        (format!("{index}.txt"), text)
    }))
}

fn retry(server: &Server, id: &str, query: &str) -> Answer {
    server.post_to(&format!("/batches/{id}/retry{query}"))
}

/// Asserts that each file has its own text, the odd ones after `retries`.
fn assert_all_read(server: &Server, batch: &Batch, retries: u64) {
    batch.assert_succeeded();
    for (index, file) in batch.files.iter().enumerate() {
        let expected = if index % 2 == 1 { (retries, 1) } else { (0, 1) };
        assert_eq!((file.retries, file.attempts), expected, "{file:?}");
        assert_eq!(server.text(file).trim().as_bytes(), server.content(file).body.trim_ascii());
    }
}

/// A batch whose odd files failed on a narrow server, which is gone.
fn failed(count: usize) -> (DataDir, Batch) {
    let data = DataDir::new();
    let mut server = data.serve(&NARROW);
    let batch = server.process(mixed(count));
    assert_eq!((batch.outcome.as_deref(), batch.summary.failed), (Some("partial"), count as u64 / 2));
    assert!(server.terminate().success());
    (data, batch)
}

#[test]
fn what_failed_is_read_anew_and_nothing_else() {
    let (data, before) = failed(7);
    let server = data.serve(&WIDE);

    let answer = retry(&server, &before.id, "?wait=60");

    assert_eq!(answer.status, 202, "{}", answer.lossy());
    let batch = Batch::of(&answer.json());
    assert_all_read(&server, &batch, 1);
    assert!(batch.finished_at > before.finished_at, "it completed once more");
    assert!(server.metrics().sum("consign_queue_depth", &[]).abs() < 0.5, "nothing waits any more");
    let again = retry(&server, &before.id, "");
    assert_eq!((again.status, again.json()), (200, server.get(&format!("/batches/{}", before.id)).json()));
    let data = server.kill();
    let server = data.serve(&WIDE);
    assert_all_read(&server, &server.batch(&before.id), 1);
}

#[test]
fn one_file_is_retried_by_its_id() {
    let (data, before) = failed(6);
    let server = data.serve(&WIDE);
    let id = &before.id;
    let of = |index: usize| format!("?file={}&wait=60", before.files[index].id);

    assert_eq!(retry(&server, id, &of(3)).status, 202);

    let states: Vec<String> = server.batch(id).files.into_iter().map(|file| file.state).collect();
    assert_eq!(states, ["succeeded", "failed", "succeeded", "succeeded", "succeeded", "failed"]);
    retry(&server, id, &of(0)).assert_problem(409, "not_failed");
    retry(&server, id, "?file=third").assert_problem(400, "invalid_parameter");
    let other = server.process(mixed(1));
    retry(&server, id, &format!("?file={}", other.files[0].id)).assert_problem(404, "not_found");
    retry(&server, "01a20ee6-bbbe-75ef-b023-21a4bcf40000", "").assert_problem(404, "not_found");
    assert_eq!(retry(&server, id, "?wait=60").status, 202);
    assert_all_read(&server, &server.batch(id), 1);
}

#[test]
fn each_retry_has_all_attempts_and_a_batch_that_still_runs_takes_it() {
    let settings = [("ATTEMPTS_MAX", "2"), ("WORKER_PROCESSES", "2"), ("WORKER_SILENCE_MS_MAX", "3600000")];
    let server = Server::start(&[&WIDE[..], &settings].concat());
    let form = Form::new().file("hung.txt", "consign-test-hook: hang\n").file("crash.txt", SEGV);
    let id = server.upload(form).id;
    for retries in 0..4 {
        wait_until("the file to fail", || server.batch(&id).files[1].state == "failed");
        let file = &server.batch(&id).files[1];
        assert_eq!((file.retries, file.attempts, file.code()), (retries, 2, Some("crashed")), "{file:?}");
        assert_eq!(retry(&server, &id, "").status, 202);
    }
    wait_until("the file to fail", || server.batch(&id).files[1].state == "failed");
    assert_eq!(server.post_to(&format!("/batches/{id}/cancel?wait=60")).status, 202);
    let batch = server.batch(&id);
    assert_eq!((batch.outcome.as_deref(), batch.summary.failed), (Some("cancelled"), 1));
    // What was cancelled stays, and the batch is no longer one that is being cancelled.
    assert_eq!(retry(&server, &id, "?wait=60").status, 202);
    let batch = server.batch(&id);
    let states = [batch.files[0].state.as_str(), batch.files[1].state.as_str()];
    assert_eq!((states, batch.files[1].attempts), (["cancelled", "failed"], 2));
}

#[test]
fn retries_that_kills_cut_short_are_finished_and_counted_once() {
    let (mut data, before) = failed(300);
    // The first to be tried may be so in each of these servers, and is killed with each.
    let patient = [&WIDE[..], &[("ATTEMPTS_MAX", "10")]].concat();
    let server = data.serve(&patient);
    assert_eq!(retry(&server, &before.id, "").status, 202);
    data = server.kill();
    for _ in 0..4 {
        let server = data.serve(&patient);
        std::thread::park_timeout(Duration::from_millis(rand::rng().random_range(0..40)));
        data = server.kill();
    }
    let server = data.serve(&patient);
    let batch = server.completed(&before.id);
    batch.assert_succeeded();
    assert!(batch.files.iter().all(|file| file.retries == file.index % 2), "{batch:?}");
}

#[test]
fn a_job_log_that_is_made_anew_knows_of_retries() {
    let (data, before) = failed(40);
    let mut server = data.serve(&NARROW);
    // All fail once more; then half of them are read.
    assert_eq!(retry(&server, &before.id, "?wait=60").status, 202);
    assert!(server.terminate().success());
    let mut server = data.serve(&WIDE);
    for file in before.files.iter().filter(|file| file.index % 4 == 1) {
        assert_eq!(retry(&server, &before.id, &format!("?wait=60&file={}", file.id)).status, 202);
    }
    let told = server.batch(&before.id);
    assert_eq!((told.summary.succeeded, told.summary.failed), (30, 10));
    assert!(server.terminate().success());
    assert!(data.doctor(&["--deep"]).status.success(), "nothing is amiss");

    let rebuilt = data.doctor(&["--rebuild"]);

    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stdout));
    let server = data.serve(&WIDE);
    let batch = server.batch(&before.id);
    let ends = |batch: &Batch| -> Vec<_> {
        batch.files.iter().map(|file| (file.state.clone(), file.retries, file.attempts)).collect()
    };
    assert_eq!(ends(&batch), ends(&told));
    assert_eq!(retry(&server, &before.id, "?wait=60").status, 202);
    server.batch(&before.id).assert_succeeded();
}

#[test]
fn a_batch_that_was_retried_is_removed_without_a_trace() {
    let (data, before) = failed(30);
    let mut server = data.serve(&WIDE);
    assert_eq!(retry(&server, &before.id, "?wait=60").status, 202);
    assert_eq!(server.delete(&format!("/batches/{}", before.id)).status, 204);
    retry(&server, &before.id, "").assert_problem(404, "not_found");
    assert!(server.terminate().success());
    let told = data.doctor(&["--deep"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    assert!(data.doctor(&["--rebuild"]).status.success());
    assert_eq!(data.serve(&WIDE).list("").batches.len(), 0, "nothing comes back");
}

#[test]
fn a_retry_is_turned_away_while_the_server_has_enough_to_do() {
    let (data, before) = failed(2);
    let busy = [("LIMITS_BATCHES_OPEN_MAX", "1"), ("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_PROCESSES", "1")];
    let server = data.serve(&[&WIDE[..], &busy].concat());
    let hung = server.upload(Form::new().file("hung.txt", "consign-test-hook: hang\n")).id;
    retry(&server, &before.id, "").assert_problem(429, "queue_full");
    assert_eq!(server.post_to(&format!("/batches/{hung}/cancel?wait=60")).status, 202);
    assert_eq!(retry(&server, &before.id, "?wait=60").status, 202);
}
