//! The commands that ask a server after its batches and do something to them, as a person runs them.
#![cfg(feature = "test-hooks")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::cli::{Ran, plant};
use support::{DataDir, Form, Server, wait_until};

/// A batch's id that no server has.
const NOBODY: &str = "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000";

/// A server with a batch of which one file has a text, one has failed and one was refused.
fn with_batch(settings: &[(&str, &str)]) -> (Server, String) {
    let server = Server::start(settings);
    let form =
        Form::new().file("docs/a.txt", "words of a").file("b.txt", "consign-test-hook: panic\n").file("c.exe", "MZ");
    let batch = server.process(form);
    (server, batch.id)
}

/// The members of a line of JSON for each file.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn status_shows_each_file_and_its_exit_code_says_whether_all_have_texts() {
    let (server, id) = with_batch(&[]);
    let shown = server.cli(&["status", &id]).exits(2).out;
    for said in [&*id, "partial", "docs/a.txt", "parser. (panicked)", "3 files: 1 succeeded, 1 failed, 1 rejected"] {
        assert!(shown.contains(said), "{said:?} in {shown}");
    }
    let failed = server.cli(&["status", "--json", "--files", "failed", &id]).exits(2).json();
    assert_eq!((&failed["files"][0]["name"], failed["files"].as_array().map(Vec::len)), (&json!("b.txt"), Some(1)));
    let well = server.upload(Form::new().file("a.txt", "words")).id;
    let _ = server.cli(&["status", "--wait", &well]).exits(0);
}

#[test]
fn a_status_of_many_pages_is_one() {
    let server = Server::start(&[]);
    let form = (0..1_100).fold(Form::new(), |form, index| form.file(&format!("{index}.txt"), "words"));
    let id = server.upload(form).id;
    let status = server.cli(&["status", "--json", "--wait", &id]).exits(0).json();
    let files = status["files"].as_array().expect("files");
    assert!(files.len() == 1_100 && files.iter().enumerate().all(|(index, file)| file["index"] == index));
}

#[test]
fn what_cannot_be_has_its_own_exit_code() {
    let server = Server::start(&[]);
    for word in ["status", "cancel", "retry", "delete", "watch"] {
        let missing = server.cli(&[word, NOBODY]).exits(1);
        assert!(missing.err.contains("no such batch or file"), "{word}: {}", missing.err);
        let wrong = server.cli(&[word, "17"]).exits(64);
        assert!(wrong.err.contains("batch's id"), "{word}: {}", wrong.err);
        let _ = server.cli(&[word, "--server", "127.0.0.1:1", "--retry-seconds", "0", NOBODY]).exits(69);
        let help = server.cli(&[word, "--help"]).exits(0).out;
        assert!(help.contains("Examples:") && help.contains("CONSIGN_SERVER"), "{help}");
    }
    let _ = server.cli(&["results", NOBODY]).exits(64);
    let _ = server.cli(&["list", "--state", "lost"]).exits(64);
}

#[test]
fn results_are_written_below_a_directory_or_printed() {
    let (server, id) = with_batch(&[]);
    let told = server.cli(&["results", "-o", "texts", &id]).exits(2).out;
    assert!(told.contains("texts/docs/a.txt.md") && told.contains("1 text"), "{told}");
    let scratch = server.data.scratch();
    assert_eq!(fs::read_to_string(scratch.join("texts/docs/a.txt.md")).unwrap(), "words of a");
    assert_eq!(fs::read_dir(scratch.join("texts")).unwrap().count(), 1, "nothing is made of what has no text");

    let printed = lines(&server.cli(&["results", "--json", &id]).exits(2));
    assert_eq!((printed.len(), &printed[0]["text"]), (3, &json!("words of a")));
}

#[test]
fn list_shows_the_newest_first_and_filters() {
    let (server, partial) = with_batch(&[]);
    let well = server.process(Form::new().file("a.txt", "words")).id;
    let all = server.cli(&["list"]).exits(0).out;
    assert!(all.find(&well).unwrap() < all.find(&partial).unwrap(), "{all}");
    let filtered = server.cli(&["list", "--json", "--outcome", "partial"]).exits(0).json();
    assert_eq!((&filtered[0]["id"], filtered.as_array().map(Vec::len)), (&json!(partial), Some(1)));
    let one = server.cli(&["list", "--json", "--limit", "1"]).exits(0).json();
    assert_eq!((&one[0]["id"], one.as_array().map(Vec::len)), (&json!(well), Some(1)));
    assert_eq!(server.cli(&["list", "--json", "--state", "processing"]).exits(0).json(), json!([]));
    let named = |name: &str| server.cli(&["list", "--json", "--name", name]).exits(0).json();
    assert_eq!((&named("DOCS/a")[0]["id"], named("no&such=name")), (&json!(partial), json!([])));
}

#[test]
fn failed_files_are_tried_anew_open_ones_cancelled_and_batches_removed() {
    let (server, id) = with_batch(&[]);
    let retried = server.cli(&["retry", "--wait", "--json", &id]).exits(2).json();
    assert_eq!((&retried["files"][1]["retries"], &retried["files"][0]["retries"]), (&json!(1), &json!(0)));
    let file = retried["files"][1]["id"].as_str().unwrap();
    let retried = server.cli(&["retry", "--file", file, "--wait", "--json", &id]).exits(2).json();
    assert_eq!(retried["files"][1]["retries"], 2);

    let open = server.upload(Form::new().file("hang.txt", "consign-test-hook: hang\n")).id;
    let cancelled = server.cli(&["cancel", "--wait", "--json", &open]).exits(0).json();
    assert_eq!(cancelled["outcome"], "cancelled");

    let removed = server.cli(&["delete", "--json", &id, &open]).exits(0).json();
    assert_eq!(removed, json!({"removed": [id, open]}));
    assert_eq!(server.get(&format!("/batches/{id}")).status, 404);
}

#[test]
fn watch_tells_of_a_batch_up_to_its_end() {
    let (server, id) = with_batch(&[]);
    let told = server.cli(&["watch", &id]).exits(2).out;
    assert!(told.starts_with("accepted") && told.ends_with(&format!("completed   batch {id}  partial\n")), "{told}");
    assert!(told.contains("failed      b.txt  Reading the file failed"), "{told}");
    let events = lines(&server.cli(&["watch", "--json", &id]).exits(2));
    assert_eq!((&events[0]["event"], &events[0]["data"]["change"]), (&json!("batch"), &json!("accepted")));
}

#[test]
fn watch_goes_on_behind_what_it_told_when_the_server_comes_back() {
    let data = DataDir::new();
    let server = data.serve(&[]);
    let form = Form::new().file("a.txt", "words").file("hang.txt", "consign-test-hook: hang\n");
    let (id, address) = (server.upload(form).id, server.addr);
    wait_until("the first file's end", || server.batch(&id).summary.succeeded == 1);
    let watch = data.start_cli(&server.url(""), &["watch", "--json", &id], b"");
    // Both ends of its stream are open once the server counts it.
    wait_until("the watcher", || server.get("/metrics").text().contains("consign_event_streams_open 1"));
    drop(server.kill());
    let again = data.listening_on(address);
    let server = support::wait_for("the address to be free", || {
        let mut server = again.spawn(&[]);
        server.is_up_or_ended().then_some(server)
    });
    server.post_to(&format!("/batches/{id}/cancel"));

    let told = lines(&watch.ended().exits(2));
    let durable: Vec<_> = told.iter().filter(|event| event["id"].is_string()).collect();
    let ids: std::collections::BTreeSet<_> = durable.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), durable.len(), "nothing is told twice");
    assert_eq!(durable.last().unwrap()["data"]["change"], "completed");
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let data = DataDir::new();
    plant(data.scratch(), &[("x", "")]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let printed = data.run(&["completions", shell]);
        let text = String::from_utf8(printed.stdout).unwrap();
        assert!(printed.status.success() && text.contains("push") && text.contains("retry-seconds"), "{shell}");
    }
    assert!(data.run(&["man", "--out", "man"]).status.success());
    for page in ["consign", "consign-push", "consign-extract", "consign-key-new", "consign-serve"] {
        let text = fs::read_to_string(data.scratch().join(format!("man/{page}.1"))).unwrap();
        assert!(text.contains(&format!(".TH {page} 1")) && text.contains(".SH NAME"), "{page}: {text}");
    }
    assert!(!data.scratch().join("man/consign-worker.1").exists());
    let page = String::from_utf8(data.run(&["man"]).stdout).unwrap();
    assert!(page.contains("consign\\-push"), "{page}");
}
