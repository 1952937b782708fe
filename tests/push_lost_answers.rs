//! A push whose server ends behind the seal of a batch and before the answer: the batch is there, and nobody was told.
#![cfg(feature = "fault")]

mod support;

use serde_json::json;
use support::cli::plant;
use support::fault::Faults;
use support::{DataDir, wait_for};

#[test]
fn what_was_not_sent_when_a_push_gave_up_is_told() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    plant(data.scratch(), &[("in/a.txt", "words of a"), ("in/b.txt", "words of b"), ("in/c.txt", "words of c")]);
    let mut server = data.serve(&[faults.setting()]);
    faults.arm("seal_append/before#2=crash");

    let words = ["push", "--wait", "--json", "--retry-seconds", "1", "--connections", "1", "--batch-files", "1", "in"];
    let pushed = data.start_cli(&server.url(""), &words, b"").ended().exits(69);

    server.ended();
    assert!(pushed.err.contains("does not answer"), "{}", pushed.err);
    let summary = pushed.json()["summary"].clone();
    assert_eq!((&summary["total"], &summary["not_sent"]), (&json!(3), &json!(2)), "{summary}");
    assert!(pushed.file("in/a.txt")["batch_id"].is_string());
    assert_eq!(pushed.file("in/b.txt")["error"]["code"], "gave_up");
}

#[test]
fn a_batch_whose_answer_was_lost_is_not_taken_twice() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    plant(data.scratch(), &[("in/a.txt", "words of a"), ("in/b.txt", "words of b")]);
    let mut server = data.serve(&[faults.setting()]);
    let address = server.addr;
    faults.arm("seal_sync/after=crash");

    let push = data.start_cli(&server.url(""), &["push", "--wait", "--json", "in"], b"");
    server.ended();
    assert!(!faults.is_armed());
    let again = data.listening_on(address);
    let server = wait_for("the address to be free", || {
        let mut server = again.spawn(&[]);
        server.is_up_or_ended().then_some(server)
    });

    let pushed = push.ended().exits(0);
    assert_eq!(pushed.json()["summary"], json!({"total": 2, "succeeded": 2}));
    let list = server.list("");
    assert_eq!(list.batches.len(), 1);
    assert_eq!(pushed.json()["batches"], json!([list.batches[0].id]));
}
