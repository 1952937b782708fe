//! Cancelling a batch: what waits of it ends at once, what runs is killed, and what has ended stays; also after a crash, and
//! however often it is asked for. Removing a batch cancels it first.

#![cfg(all(feature = "fault", feature = "test-hooks"))]

mod support;

use std::time::Duration;

use consign::actors::panics::Duty;
use rand::RngExt;
use support::client::Answer;
use support::fault::Faults;
use support::server::Setting;
use support::{Batch, DataDir, Form, Server, process, wait_until};

/// One worker and limits that nobody waits for: what does not end by being cancelled does not end.
const PATIENT: [Setting<'_>; 4] = [
    ("WORKER_PROCESSES", "1"),
    ("WORKER_SILENCE_MS_MAX", "3600000"),
    ("WORKER_WALL_MS_MAX", "3600000"),
    ("ATTEMPTS_RETRY_MS_BASE", "60000"),
];

fn hung() -> Form {
    Form::new().file("hung.txt", "consign-test-hook: hang\n")
}

fn texts(form: Form, count: usize) -> Form {
    form.files((0..count).map(|index| (format!("{index}.txt"), format!("words of {index}"))))
}

fn wait_for_state(server: &Server, id: &str, state: &str) {
    wait_until(state, || server.batch(id).files[0].state == state);
}

fn cancel(server: &Server, id: &str) -> Answer {
    server.post_to(&format!("/batches/{id}/cancel?wait=60"))
}

/// Cancels a batch that is not completed, and waits for its end.
fn cancelled(server: &Server, id: &str) -> Batch {
    let answer = cancel(server, id);
    assert_eq!(answer.status, 202, "{}", answer.lossy());
    let batch = Batch::of(&answer.json());
    assert_is_cancelled(&batch);
    batch
}

/// What had not ended is cancelled; some may have ended before.
fn assert_is_cancelled(batch: &Batch) {
    let summary = &batch.summary;
    let outcome = if summary.succeeded == 0 { "cancelled" } else { "partial" };
    assert_eq!((batch.state.as_str(), batch.outcome.as_deref()), ("completed", Some(outcome)), "{batch:?}");
    assert_eq!(summary.succeeded + summary.cancelled, summary.total, "{summary:?}");
    assert!(summary.cancelled > 0, "{summary:?}");
    for file in batch.files.iter().filter(|file| file.state == "cancelled") {
        let attempts = u64::from(file.name == "hung.txt");
        assert_eq!((file.code(), file.attempts), (None, attempts), "{file:?}");
    }
}

#[test]
fn what_runs_is_killed_and_what_waits_ends_and_others_go_on() {
    let server = Server::start(&PATIENT);
    let id = server.upload(texts(hung(), 700)).id;
    wait_for_state(&server, &id, "processing");
    let other = server.upload(texts(Form::new(), 20)).id;

    let batch = cancelled(&server, &id);

    assert_eq!((batch.files[0].state.as_str(), batch.files[700].state.as_str()), ("cancelled", "cancelled"));
    server.completed(&other).assert_succeeded();
    assert_eq!(
        server.content(&batch.files[700]).body,
        b"words of 699",
        "the bytes are kept until the batch is removed"
    );
    server.get(&format!("{}/text", batch.files[0].path())).assert_problem(409, "no_result");
}

#[test]
fn a_batch_that_waits_behind_others_ends_at_once() {
    let server = Server::start(&PATIENT);
    let first = server.upload(texts(hung(), 300)).id;
    wait_for_state(&server, &first, "processing");
    let second = server.upload(texts(Form::new(), 900)).id;

    let batch = cancelled(&server, &second);

    assert!(batch.files.iter().all(|file| file.state == "cancelled" && file.attempts == 0), "{batch:?}");
    assert_eq!(server.batch(&first).files[0].state, "processing");
    cancelled(&server, &first);
    assert!(server.metrics().sum("consign_queue_depth", &[]).abs() < 0.5, "nothing waits any more");
    assert!(server.metrics().sum("consign_files_in_motion", &[]).abs() < 0.5, "nothing is on its way any more");
}

#[test]
fn a_file_that_waits_for_its_next_attempt_ends_at_once() {
    let server = Server::start(&PATIENT);
    let id = server.upload(Form::new().file("crash.txt", "consign-test-hook: segv\n")).id;
    wait_for_state(&server, &id, "retrying");
    let batch = Batch::of(&cancel(&server, &id).json());
    assert_eq!((batch.outcome.as_deref(), batch.files[0].attempts), (Some("cancelled"), 1));
}

#[test]
fn what_has_ended_stays_and_asking_again_changes_nothing() {
    // One is taken by the file that hangs, whichever comes first.
    let server = Server::start(&[&PATIENT[..], &[("WORKER_PROCESSES", "2")]].concat());
    let id = server.upload(texts(Form::new(), 3).file("hung.txt", "consign-test-hook: hang\n")).id;
    wait_until("the others to end", || server.batch(&id).summary.succeeded == 3);

    let batch = cancelled(&server, &id);

    let states: Vec<&str> = batch.files.iter().map(|file| file.state.as_str()).collect();
    assert_eq!(states, ["succeeded", "succeeded", "succeeded", "cancelled"]);
    assert_eq!(server.text(&batch.files[0]).trim(), "words of 0");
    let again = cancel(&server, &id);
    assert_eq!((again.status, again.json()), (200, server.get(&format!("/batches/{id}")).json()));
    let done = server.process(texts(Form::new(), 2));
    assert_eq!(cancel(&server, &done.id).status, 200);
    server.batch(&done.id).assert_succeeded();
    server.post_to("/batches/01a20ee6-bbbe-75ef-b023-21a4bcf40000/cancel").assert_problem(404, "not_found");
}

#[test]
fn a_cancelling_that_a_kill_cuts_short_is_finished_and_what_was_told_stays() {
    let mut data = DataDir::new();
    let settings = [&PATIENT[..], &[("WORKER_PROCESSES", "2")]].concat();
    for _ in 0..6 {
        let server = data.serve(&settings);
        let id = server.upload(texts(Form::new(), 400).file("hung.txt", "consign-test-hook: hang\n")).id;
        wait_until("some to end", || server.batch(&id).summary.succeeded > 20);
        assert_eq!(server.post_to(&format!("/batches/{id}/cancel")).status, 202);
        std::thread::park_timeout(Duration::from_millis(rand::rng().random_range(0..30)));
        let told = server.batch(&id);
        data = server.kill();

        let server = data.serve(&settings);
        let batch = server.completed(&id);

        assert!(batch.summary.cancelled > 0, "{:?}", batch.summary);
        assert_eq!(batch.summary.succeeded + batch.summary.cancelled, 401);
        for (before, after) in told.files.iter().zip(&batch.files).filter(|(before, _)| before.is_terminal()) {
            assert_eq!((&before.state, before.attempts), (&after.state, after.attempts));
        }
        for file in batch.files.iter().filter(|file| file.state == "succeeded") {
            assert_eq!(server.text(file).trim().as_bytes(), server.content(file).body);
        }
        data = server.kill();
    }
}

#[test]
fn a_batch_that_is_being_worked_on_can_be_removed() {
    let data = DataDir::new();
    let server = data.serve(&PATIENT);
    let id = server.upload(texts(hung(), 500)).id;
    wait_for_state(&server, &id, "processing");
    let worker = process::children(server.pid());

    assert_eq!(server.delete(&format!("/batches/{id}")).status, 204);

    assert_eq!(server.get(&format!("/batches/{id}")).status, 404);
    assert_eq!(server.list("").batches.len(), 0);
    server.process(texts(Form::new(), 3)).assert_succeeded();
    assert!(worker.iter().all(|id| !process::is_alive(*id)), "the worker that hung is gone");
    let data = server.kill();
    assert_eq!(data.serve(&PATIENT).list("").batches.len(), 1, "what was removed does not come back");
}

#[test]
fn a_panic_while_cancelling_is_counted_and_costs_no_file_its_end() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    let server = data.serve(&[&PATIENT[..], &[faults.setting()]].concat());
    for duty in Duty::CANCELLING {
        let id = server.upload(texts(hung(), 30)).id;
        wait_for_state(&server, &id, "processing");
        faults.arm(&format!("{duty}=panic"));
        cancelled(&server, &id);
        assert!(!faults.is_armed(), "{duty} panicked");
    }
}
