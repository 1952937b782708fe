//! A push that is run again: what the server has is asked for by digests, followed where it is, and not sent a second time.
#![cfg(feature = "test-hooks")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use serde_json::json;
use support::cli::plant;
use support::{Batch, Server, wait_until};

/// All batches of a server, newest first, with their files.
fn batches(server: &Server) -> Vec<Batch> {
    server.list("?limit=100").batches.iter().map(|batch| server.batch(&batch.id)).collect()
}

/// The names of a batch's files.
fn names(batch: &Batch) -> Vec<&str> {
    batch.files.iter().map(|file| file.name.as_str()).collect()
}

#[test]
fn only_what_the_server_lacks_is_sent_and_all_texts_are_fetched() {
    let server = Server::start(&[]);
    let scratch = server.data.scratch();
    plant(scratch, &[("in/a.txt", "words of a"), ("in/b.txt", "words of b")]);
    let first = server.cli(&["push", "--wait", "--json", "in"]).exits(0);
    plant(scratch, &[("in/a-copy.txt", "words of a"), ("in/c.txt", "words of c")]);

    let again = server.cli(&["push", "--json", "--out", "texts", "in"]).exits(0);

    let batches = batches(&server);
    assert_eq!((batches.len(), names(&batches[0])), (2, vec!["in/c.txt"]));
    assert_eq!(again.json()["summary"], json!({"total": 4, "succeeded": 4}));
    assert_eq!(again.file("in/a.txt")["file_id"], first.file("in/a.txt")["file_id"]);
    assert_eq!(again.file("in/a-copy.txt")["file_id"], first.file("in/a.txt")["file_id"]);
    for (name, text) in [("a", "a"), ("a-copy", "a"), ("b", "b"), ("c", "c")] {
        let path = scratch.join(format!("texts/in/{name}.txt.md"));
        assert_eq!(fs::read_to_string(path).unwrap(), format!("words of {text}"));
    }
    let nothing_new = server.cli(&["push", "--json", "in"]).exits(0);
    assert_eq!((&nothing_new.json()["summary"]["succeeded"], self::batches(&server).len()), (&json!(4), 2));
    let _ = server.cli(&["push", "--again", "in"]).exits(0);
    assert_eq!(self::batches(&server).len(), 3);
}

#[test]
fn what_failed_or_was_cancelled_is_sent_again_and_what_is_under_way_is_not() {
    let server = Server::start(&[]);
    let scratch = server.data.scratch();
    let hang = "consign-test-hook: hang\n";
    plant(scratch, &[("in/panic.txt", "consign-test-hook: panic\n"), ("slow/hang.txt", hang)]);
    let _ = server.cli(&["push", "--wait", "in"]).exits(2);
    let hanging = server.cli(&["push", "--json", "slow"]).exits(0);

    let again = server.cli(&["push", "--json", "--wait", "in"]).exits(2);
    assert_eq!(again.file("in/panic.txt")["error"]["code"], "panicked");
    assert_eq!(batches(&server).len(), 3, "it was sent again");
    let followed = server.cli(&["push", "--json", "slow"]).exits(0);
    assert_eq!(followed.file("slow/hang.txt"), hanging.file("slow/hang.txt"));
    assert_eq!(batches(&server).len(), 3, "it was not");

    let id = hanging.json()["batches"][0].as_str().unwrap().to_owned();
    let waiting = server.data.start_cli(&server.url(""), &["push", "--wait", "--json", "slow"], b"");
    let _ = server.cli(&["cancel", "--wait", &id]).exits(0);
    assert_eq!(waiting.ended().exits(2).file("slow/hang.txt")["state"], "cancelled");
    let _ = server.cli(&["push", "slow"]).exits(0);
    assert_eq!(batches(&server).len(), 4, "what was cancelled is sent again");
}

#[test]
fn a_push_that_was_killed_goes_on_when_it_is_run_again() {
    const FILES: usize = 600;
    let server = Server::start(&[]);
    for index in 0..FILES {
        plant(server.data.scratch(), &[(&format!("in/{index}.txt"), &format!("words of file {index}"))]);
    }
    let words = ["push", "--wait", "--json", "--batch-files", "20", "in"];
    let mut push = server.data.start_cli(&server.url(""), &words, b"");
    wait_until("the first batches", || batches(&server).len() >= 3);
    assert!(push.is_running());
    push.kill();
    // What it had sent whole may still be on its way to the disk.
    wait_until("the last upload's end", || server.ok("/stats").json()["requests_in_flight"] == 1);

    let pushed = server.cli(&words).exits(0);

    assert_eq!(pushed.json()["summary"], json!({"total": FILES, "succeeded": FILES}));
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for file in batches(&server).into_iter().flat_map(|batch| batch.files) {
        assert_eq!(file.state, "succeeded", "{file:?}");
        *times.entry(file.name).or_default() += 1;
    }
    assert!(times.len() == FILES && times.values().all(|times| *times == 1), "{times:?}");
}

#[test]
fn a_batch_that_is_removed_while_it_is_followed_is_told() {
    let server = Server::start(&[]);
    plant(server.data.scratch(), &[("in/hang.txt", "consign-test-hook: hang\n")]);
    let id = server.cli(&["push", "--json", "in"]).exits(0).json()["batches"][0].as_str().unwrap().to_owned();
    let push = server.data.start_cli(&server.url(""), &["push", "--wait", "--json", "in"], b"");
    let polled = || server.log().contains(&format!("GET \"/batches/{id}\""));
    wait_until("the push to wait", polled);
    let _ = server.cli(&["delete", &id]).exits(0);
    let told = push.ended().exits(2).file("in/hang.txt");
    // Its end may be heard of before it is gone.
    assert!(["removed", "cancelled"].contains(&told["state"].as_str().unwrap()), "{told}");
}
