//! The same bytes again: stored once and read once, for each owner, and there as long as one batch needs them.

#![cfg(feature = "test-hooks")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::server::{SMALL_SEGMENTS, Setting};
use support::{Batch, DataDir, Form, Key, Server, sha256, wait_until};

/// Leave for a file whose reading never ends.
const PATIENT: [Setting<'_>; 3] =
    [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000"), ("ATTEMPTS_RETRY_MS_BASE", "10")];

/// A text of this many lines, and of no other seed's.
fn text(seed: usize, lines: usize) -> String {
    format!("the text {seed}, which is told on and on\n").repeat(lines)
}

fn deduplicated(batch: &Batch) -> Vec<bool> {
    batch.files.iter().map(|file| file.deduplicated).collect()
}

fn attempts(batch: &Batch) -> u64 {
    batch.files.iter().map(|file| file.attempts).sum()
}

/// The bytes of the spool's segments that take room on the disk.
fn spool_bytes(server: &Server) -> f64 {
    server.metrics().sum("consign_spool_bytes", &[])
}

fn known(server: &Server, digests: &[String], headers: &[(&str, &str)]) -> Vec<Value> {
    let answer = server.post_json("/digests", &json!({"sha256": digests}).to_string(), headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["files"].as_array().expect("there is a list").clone()
}

#[test]
fn bytes_that_come_again_are_neither_read_nor_stored_again() {
    let data = DataDir::new();
    let server = data.serve(&SMALL_SEGMENTS);
    let words = text(1, 200_000);
    let length = f64::from(u32::try_from(words.len()).expect("a few MiB"));
    let first = server.process(Form::new().file("a.txt", &words).file("tiny.txt", "a few words"));
    first.assert_succeeded();
    let stored = spool_bytes(&server);
    let again = || Form::new().file("other name.txt", &words).file("a.txt", &words).file("tiny.txt", "a few words");
    for _ in 0..5 {
        let batch = server.process(again());
        batch.assert_succeeded();
        assert_eq!((deduplicated(&batch), attempts(&batch)), (vec![true; 3], 0));
        let result = |batch: &Batch, index: usize| {
            let result = batch.files[index].result.clone().expect("it has succeeded");
            (result.tokens, result.chars, server.text(&batch.files[index]))
        };
        assert!(result(&batch, 0) == result(&first, 0) && result(&batch, 2) == result(&first, 1));
    }
    let growth = spool_bytes(&server) - stored;
    assert!(growth < 10.0 * length + 64e6, "ten more texts, and the bytes once: {growth}");
    assert!(server.metrics().sum("consign_deduplicated_bytes_total", &[]) >= 10.0 * length);
    // The batch with which the bytes came goes, and a server starts on what is left.
    assert_eq!(server.delete(&format!("/batches/{}", first.id)).status, 204);
    let last = server.process(again());
    let server = server.kill().serve(&SMALL_SEGMENTS);
    for batch in server.list("").batches {
        let batch = server.batch(&batch.id);
        assert!(server.content(&batch.files[0]).body == words.as_bytes() && server.text(&batch.files[1]) == words);
    }
    assert_eq!(deduplicated(&last), [true; 3], "a borrower lends on");
}

#[test]
fn of_files_that_wait_one_is_read_and_the_others_take_over() {
    let server = DataDir::new().serve(&[("WORKER_PROCESSES", "2")]);
    let slow = |index: usize| format!("consign-test-hook: slow\n{}", text(index, 2));
    let form = || Form::new().files((0..60).map(|index| (format!("{index}.txt"), slow(index % 3))));
    let (one, other) = (server.upload(form()), server.upload(form()));
    let (one, other) = (server.completed(&one.id), server.completed(&other.id));
    for batch in [&one, &other] {
        batch.assert_succeeded();
        for (index, file) in batch.files.iter().enumerate() {
            assert_eq!(server.text(file), server.text(&one.files[index % 3]));
        }
    }
    assert_eq!(attempts(&one) + attempts(&other), 3, "each text is made once");
}

#[test]
fn a_failure_is_taken_over_by_nobody() {
    let server = DataDir::new().serve(&PATIENT);
    let batch = server.process(Form::new().files((0..3).map(|at| (format!("{at}.txt"), "consign-test-hook: segv\n"))));
    assert_eq!(batch.summary.failed, 3);
    assert_eq!((deduplicated(&batch), attempts(&batch)), (vec![false; 3], 12), "each has its own attempts");
}

#[test]
fn whoever_waits_for_another_file_is_cancelled_at_once() {
    let server = DataDir::new().serve(&PATIENT);
    let hung = || Form::new().file("a.txt", "consign-test-hook: hang\n");
    let (leader, follower) = (server.upload(hung()), server.upload(hung()));
    server.post_to(&format!("/batches/{}/cancel", follower.id));
    assert_eq!(server.completed(&follower.id).outcome.as_deref(), Some("cancelled"));
    assert_eq!(server.batch(&leader.id).state, "processing");
    server.post_to(&format!("/batches/{}/cancel", leader.id));
}

#[test]
fn nothing_is_shared_when_the_settings_say_so_or_other_settings_made_the_text() {
    let data = DataDir::new();
    let words = || Form::new().file("a.txt", text(1, 1_000));
    let server = data.serve(&[("DEDUP_ENABLED", "false")]);
    for _ in 0..2 {
        assert_eq!(deduplicated(&server.process(words())), [false]);
    }
    assert!(server.metrics().sum("consign_deduplicated_bytes_total", &[]) < 0.5);
    let server = server.kill().serve(&[("WORKER_TOKENIZER", "o200k_base")]);
    let batch = server.process(words());
    assert_eq!(deduplicated(&batch), [false], "tokens are counted with another vocabulary");
    assert_eq!(deduplicated(&server.process(words())), [true]);
}

#[test]
fn nobody_gets_a_text_or_learns_of_bytes_that_are_anothers() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let words = text(1, 1_000);
    let process = |key: &Key| {
        let batch = server.post_with(Form::new().file("a.txt", &words), &[key.header()]).accepted();
        let answer = server.request("GET", &format!("/batches/{}?wait=60", batch.id), &[key.header()]);
        Batch::of(&answer.json())
    };
    process(&ann).assert_succeeded();
    let digests = [sha256(words.as_bytes())];
    assert!(known(&server, &digests, &[bob.header()]).is_empty());
    assert_eq!(deduplicated(&process(&bob)), [false]);
    assert_eq!(deduplicated(&process(&ann)), [true]);
    assert_eq!(known(&server, &digests, &[bob.header()]).len(), 1);
}

#[test]
fn a_client_learns_which_files_it_need_not_send() {
    let data = DataDir::new();
    let server = data.serve(&PATIENT);
    let contents = ["words", "consign-test-hook: segv\n", "consign-test-hook: hang\n", "words of none"];
    let digests = contents.map(|content| sha256(content.as_bytes()));
    assert!(known(&server, &digests, &[]).is_empty());
    let ended = server.process(Form::new().file("a.txt", contents[0]).file("b.txt", contents[1]));
    let hung = server.upload(Form::new().file("c.txt", contents[2]).file("not.exe", "words of none"));
    let look = |server: &Server| {
        let files = known(server, &digests, &[]);
        let told = files.iter().map(|file| {
            let text = |name: &str| file[name].as_str().expect("it is a text").to_owned();
            (text("sha256"), text("batch_id"), text("name"))
        });
        (told.collect::<BTreeSet<_>>(), files.iter().map(|file| file["state"].clone()).collect::<Vec<_>>())
    };
    // It is noted when the answer is out.
    wait_until("all are known", || look(&server).0.len() == 3);
    let (files, states) = look(&server);
    let expected = [(0, &ended, "a.txt"), (1, &ended, "b.txt"), (2, &hung, "c.txt")]
        .map(|(at, batch, name)| (digests[at].clone(), batch.id.clone(), name.to_owned()));
    assert_eq!(files, BTreeSet::from(expected.clone()));
    assert_eq!(states[..2], ["succeeded", "failed"]);
    let server = server.kill().serve(&PATIENT);
    assert_eq!(look(&server).0, BTreeSet::from(expected), "after a kill, too");
    server.post_json("/digests", "{", &[]).assert_problem(400, "bad_body");
    server.post_json("/digests", r#"{"sha256": ["words"]}"#, &[]).assert_problem(400, "bad_body");
    server
        .post_json("/digests", &json!({"sha256": vec![&digests[0]; 10_001]}).to_string(), &[])
        .assert_problem(400, "bad_body");
    server.post_json("/digests", &" ".repeat(2 << 20), &[]).assert_problem(413, "body_too_large");
}
