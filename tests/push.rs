//! `consign push`, as a person runs it: what is sent, what becomes of it, and how it ends when the server does not stay.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;

use serde_json::json;
use support::cli::{Ran, plant};
use support::relay::Relay;
use support::{Batch, DataDir, Server, wait_for, wait_until};

const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Files of a small tree, some of them hidden.
const TREE: &[(&str, &str)] = &[
    ("in/a.txt", "words of a"),
    ("in/sub/b.md", "# Words of b"),
    ("in/sub/deep/c.csv", "name,price\nrope,12\n"),
    ("in/.hidden.txt", "secret"),
    ("in/.git/config.txt", "secret"),
    ("in/sub/.cache/d.txt", "secret"),
];

/// The names of all files that a server has, in order.
fn names(server: &Server) -> Vec<String> {
    let mut names: Vec<_> = batches(server).into_iter().flat_map(|batch| batch.files).map(|file| file.name).collect();
    names.sort_unstable();
    names
}

/// All batches of a server, with their files.
fn batches(server: &Server) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut query = "?limit=100".to_owned();
    loop {
        let list = server.list(&query);
        batches.extend(list.batches.iter().map(|batch| server.batch(&batch.id)));
        let Some(next) = list.links.next else { return batches };
        query = next.replace("/batches", "");
    }
}

/// A server with a tree beside it.
fn with_tree() -> Server {
    let server = Server::start(&[]);
    plant(server.data.scratch(), TREE);
    server
}

#[test]
fn a_folder_is_sent_without_what_is_hidden_and_its_texts_mirror_it() {
    let server = with_tree();
    let scratch = server.data.scratch().to_owned();
    symlink(scratch.join("in/a.txt"), scratch.join("in/link.txt")).unwrap();

    let pushed = server.cli(&["push", "--out", "texts", "in"]).exits(0);

    assert_eq!(names(&server), ["in/a.txt", "in/sub/b.md", "in/sub/deep/c.csv"]);
    for (name, text) in &TREE[..3] {
        assert_eq!(fs::read_to_string(scratch.join(format!("texts/{name}.md"))).unwrap().trim_end(), text.trim_end());
    }
    let places = |folder: &str| fs::read_dir(scratch.join(folder)).unwrap().count();
    assert_eq!((places("texts"), places("texts/in"), places("texts/in/sub")), (1, 2, 2), "and nothing else");
    for said in ["succeeded       3  in/a.txt\n", "in/sub/deep/c.csv", "3 files: 3 succeeded", "batch 0"] {
        assert!(pushed.out.contains(said), "{said:?} in {}", pushed.out);
    }
    assert!(pushed.err.contains("1 thing"), "the link is told of: {}", pushed.err);

    let _ = server.cli(&["push", "--again", "--hidden", "--follow-links", "--wait", "in"]).exits(0);
    assert!(names(&server).contains(&"in/.git/config.txt".to_owned()));
}

#[test]
fn patterns_choose_what_is_found_and_what_is_named_is_taken() {
    let server = with_tree();
    for (words, expected) in [
        (&["--include", "*.md", "in"][..], &["in/sub/b.md"][..]),
        (&["--exclude", "deep", "--exclude", "in/*.txt", "in"], &["in/sub/b.md"]),
        (&["in/**/*.{md,csv}"], &["in/sub/b.md", "in/sub/deep/c.csv"]),
        (&["in/*/b.*"], &["in/sub/b.md"]),
        (&["in/.hidden.txt", "in/sub/b.md", "in/sub/b.md"], &[".hidden.txt", "b.md"]),
        (&["--include", "*.csv", "."], &["in/sub/deep/c.csv"]),
    ] {
        let words = [&["push", "--json", "--again"], words].concat();
        let pushed = server.cli(&words).exits(0).json();
        let names: Vec<_> = pushed["files"].as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
        assert_eq!(json!(names), json!(expected), "{words:?}");
        // The server may be done with what it has had before.
        let state = pushed["files"][0]["state"].as_str().unwrap();
        assert!(["accepted", "succeeded"].contains(&state) && pushed["files"][0]["batch_id"].is_string(), "{pushed}");
    }
}

#[test]
fn what_is_said_of_a_push_stands_with_each_of_its_batches() {
    let server = Server::start(&[("WEBHOOK_SECRET", WEBHOOK_SECRET)]);
    plant(server.data.scratch(), TREE);
    let metadata = r#"{"case": "2026-17", "from": "Büro \"West\""}"#;
    let said = ["--metadata", metadata, "--webhook", "https://example.org/consign"];
    let words = [&["push", "--wait", "--json", "--batch-files", "2"], &said[..], &["in"]].concat();
    let pushed = server.cli(&words).exits(0).json();

    let batches = pushed["batches"].as_array().unwrap();
    assert_eq!(batches.len(), 2);
    for batch in batches {
        let status = server.ok(&format!("/batches/{}", batch.as_str().unwrap())).json();
        assert_eq!(status["metadata"], json!({"case": "2026-17", "from": "Büro \"West\""}));
        assert_eq!(status["webhooks"][0]["url"], "https://example.org/consign");
    }

    // What is there already stays as it is, and that is said.
    let again = server.cli(&words).exits(0);
    assert_eq!(again.json()["batches"], pushed["batches"]);
    assert!(again.err.contains("already there: 3 files") && again.err.contains("--again"), "{}", again.err);
    let quiet = server.cli(&[&["push", "--quiet"], &said[..], &["in"]].concat()).exits(0);
    assert_eq!(quiet.err, "");
}

#[test]
fn what_cannot_be_said_of_a_batch_is_refused_before_anything_is_sent() {
    let server = with_tree();
    let large = json!({"text": "x".repeat(70_000)}).to_string();
    for (flag, value, said) in [
        ("--metadata", "case 2026-17", "JSON object"),
        ("--metadata", "[1]", "JSON object"),
        ("--metadata", "{\"a\": 1} trailing", "JSON object"),
        ("--metadata", &large, "70011 bytes, and this server takes 65536"),
        ("--webhook", "ftp://example.org", "http or https URL"),
        ("--webhook", "https://user:word@example.org", "http or https URL"),
    ] {
        let ran = server.cli(&["push", flag, value, "in"]).exits(64);
        assert!(ran.err.contains(said), "{value}: {}", ran.err);
    }
    assert!(names(&server).is_empty());
    // Whether it signs webhooks, the server alone knows.
    let refused = server.cli(&["push", "--webhook", "https://example.org", "in"]).exits(1);
    assert!(refused.err.contains("webhook.secret") && names(&server).is_empty(), "{}", refused.err);
}

#[test]
fn standard_input_is_a_file_under_the_name_that_it_is_given() {
    let server = Server::start(&[]);
    let pushed = server.cli_with(&["push", "--json", "--out", "texts", "-"], b"words").exits(0);
    assert_eq!(pushed.file("stdin")["text_path"], "texts/stdin.md");
    let page = b"<title>Boats</title><h1>Boats</h1>";
    let _ = server.cli_with(&["push", "--out", "texts", "--stdin-name", "page.html", "-"], page).exits(0);
    let text = fs::read_to_string(server.data.scratch().join("texts/page.html.md")).unwrap();
    assert!(text.contains("# Boats"), "{text}");
}

#[test]
fn what_is_sent_is_cut_to_the_limits_of_the_server() {
    let settings =
        [("LIMITS_BATCH_FILES_MAX", "10"), ("LIMITS_BATCH_BYTES_MAX", "4 KiB"), ("LIMITS_FILE_BYTES_MAX", "2 KiB")];
    let server = Server::start(&settings);
    let scratch = server.data.scratch();
    for index in 0..25 {
        plant(scratch, &[(&format!("in/{index:02}.txt"), &format!("words {index}"))]);
    }
    for index in 0..4 {
        plant(scratch, &[(&format!("in/large-{index}.txt"), &index.to_string().repeat(1500))]);
    }
    plant(scratch, &[("in/too-large.txt", &"x".repeat(2049))]);

    let pushed = server.cli(&["push", "--wait", "--json", "in"]).exits(2);

    let batches = batches(&server);
    assert_eq!(batches.iter().map(|batch| batch.files.len()).sum::<usize>(), 29);
    assert!(batches.len() >= 4 && batches.iter().all(|batch| batch.files.len() <= 10), "{}", batches.len());
    let summary = &pushed.json()["summary"];
    assert_eq!(summary, &json!({"total": 30, "succeeded": 29, "rejected": 1}));
    let refused = pushed.file("in/too-large.txt");
    assert_eq!((&refused["error"]["code"], &refused["batch_id"]), (&json!("file_too_large"), &json!(null)));
    assert!(pushed.file("in/00.txt")["result"]["tokens"].is_u64());
}

#[test]
fn the_exit_code_says_what_is_wrong() {
    let server = with_tree();
    plant(server.data.scratch(), &[("tool.exe", "MZ"), ("empty-folder/.x", "")]);
    for (words, code, said) in [
        (&["push", "in/a.txt"][..], 0, ""),
        (&["push", "tool.exe"], 2, ""),
        (&["push", "--wait", "in/a.txt", "tool.exe"], 2, ""),
        (&["push"], 64, "not provided: <PATH>"),
        (&["push", "--batch-bytes", "much", "in"], 64, "a size is like"),
        (&["push", "--lissten", "in"], 64, "--lissten"),
        (&["push", "in/none.txt"], 64, "in/none.txt is not there"),
        (&["push", "in/*.none"], 64, "matches no file"),
        (&["push", "empty-folder"], 64, "no file"),
        (&["push", "--include", "[", "in"], 64, "no pattern"),
        (&["push", "--server", "ftp://x", "in"], 64, "server is a URL"),
        (&["push", "--server", "127.0.0.1:1", "--retry-seconds", "0", "in"], 69, "does not answer"),
    ] {
        let ran = server.cli(words).exits(code);
        assert!(ran.err.contains(said) && !ran.err.contains("panicked"), "{words:?}: {}", ran.err);
    }
    let table = server.cli(&["push", "--again", "--wait", "tool.exe", "in/a.txt"]).exits(2).out;
    let last = table.lines().filter(|line| line.contains("unsupported_type")).count();
    assert!(last == 1 && table.find("rejected").unwrap() > table.find("succeeded").unwrap(), "{table}");
    symlink("nowhere", server.data.scratch().join("in/lost.txt")).unwrap();
    let dangling = server.cli(&["push", "--json", "--follow-links", "in"]).exits(2).file("in/lost.txt");
    assert_eq!(dangling["error"]["message"], "It cannot be read: No such file or directory (os error 2).");
    let quiet = server.cli(&["push", "--again", "--wait", "--quiet", "tool.exe"]).exits(2);
    assert_eq!((quiet.out, quiet.err), (String::new(), String::new()));
}

#[test]
fn a_server_with_keys_is_pushed_to_with_one() {
    let data = DataDir::new();
    let ann = data.new_key("ann", "");
    let server = data.serve(&[]);
    plant(data.scratch(), TREE);
    let refused = server.cli(&["push", "in"]).exits(1);
    assert!(refused.err.contains("unauthorized"), "{}", refused.err);
    let _ = server.cli(&["push", "--wait", "--key", &ann.secret, "in"]).exits(0);
    let listed = server.cli(&["list", "--json", "--key", &ann.secret]).exits(0).json();
    assert_eq!(listed[0]["summary"]["succeeded"], 3);
    let help = server.cli(&["push", "--key", &ann.secret, "--help"]).exits(0);
    assert!(!help.out.contains(&ann.secret), "{}", help.out);
}

#[test]
fn hostile_names_do_nothing_to_a_terminal_or_another_folder() {
    let server = Server::start(&[]);
    let names = [
        "in/a\u{1b}[31mred.txt",
        "in/line\nfeed.txt",
        "in/back\\..\\..\\slash.txt",
        "in/quote\".txt",
        "in/turn\u{202e}txt.exe.txt",
    ];
    plant(server.data.scratch(), &names.map(|name| (name, name)));
    let pushed = server.cli(&["push", "--out", "texts", "in"]).exits(0);
    assert!(!pushed.out.contains(['\u{1b}', '\u{202e}']), "{:?}", pushed.out);
    assert_eq!(self::names(&server).len(), names.len());
    let sent: BTreeSet<_> = self::names(&server).into_iter().collect();
    assert_eq!(sent, names.map(str::to_owned).into(), "they are kept as they are");
    let outside =
        fs::read_dir(server.data.scratch()).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    assert!(outside.into_iter().all(|name| !name.contains("slash")));
}

#[test]
fn a_busy_server_is_waited_for() {
    let server = Server::start(&[("LIMITS_UPLOADS_OPEN_MAX", "1")]);
    for index in 0..12 {
        plant(server.data.scratch(), &[(&format!("in/{index}.txt"), &format!("words {index}"))]);
    }
    let pushed = server.cli(&["push", "--connections", "3", "--batch-files", "4", "--json", "in"]).exits(0);
    // While it was waited for the server, what had been sent may have come to its end.
    let summary = pushed.json()["summary"].clone();
    let told = ["accepted", "succeeded"].map(|state| summary[state].as_u64().unwrap_or_default());
    assert_eq!((summary["total"].as_u64(), told.iter().sum::<u64>()), (Some(12), 12), "{summary}");
    assert_eq!(names(&server).len(), 12);
}

#[test]
fn a_server_that_does_not_come_back_is_given_up() {
    let server = with_tree();
    let address = server.addr;
    let data = server.kill();
    let words = ["push", "--retry-seconds", "1", "--json", "in"];
    let gone = data.start_cli(&format!("http://{address}"), &words, b"").ended().exits(69);
    assert!(gone.err.contains("does not answer") && gone.out.is_empty(), "{gone:?}");
}

#[test]
fn a_large_batch_is_not_sent_to_a_server_that_refuses_it() {
    let full = DataDir::new().serve(&[("LIMITS_DISK_FREE_BYTES_MIN", "1 EiB")]);
    let data = DataDir::new();
    let poor = data.new_key("poor", "bytes_stored_max = 5");
    let frugal = data.serve(&[]);
    plant(frugal.data.scratch(), &[("small.txt", "words")]);
    let _ = frugal.cli(&["push", "--key", &poor.secret, "small.txt"]).exits(0);

    for (server, code) in [(&full, "disk_full"), (&frugal, "quota_exceeded")] {
        plant(server.data.scratch(), &[("large.txt", &"words ".repeat(2 << 20))]);
        let relay = Relay::before(server.addr);
        let words = ["push", "--key", &poor.secret, "--json", "large.txt"];
        let refused = server.data.start_cli(&format!("http://{}", relay.addr), &words, b"").ended().exits(1);
        assert!(refused.err.contains(&format!("({code})")), "{}", refused.err);
        assert_eq!(refused.file("large.txt")["state"], "not_sent");
        assert!(relay.sent() < 10_000, "{} bytes were sent for nothing", relay.sent());
    }
}

#[test]
fn a_large_batch_passes_what_does_not_say_whether_it_is_wanted() {
    let server = Server::start(&[]);
    plant(server.data.scratch(), &[("large.txt", &"words ".repeat(1 << 19))]);
    let relay = Relay::without_question_before(server.addr);
    let words = ["push", "--wait", "--json", "large.txt"];
    let pushed = server.data.start_cli(&format!("http://{}", relay.addr), &words, b"").ended().exits(0);
    assert_eq!(pushed.json()["summary"], json!({"total": 1, "succeeded": 1}));
}

/// Starts a server where another was that was killed: its address may be in use by its last connections for a moment.
fn serve_again(data: &DataDir, address: SocketAddr) -> Server {
    let data = data.listening_on(address);
    wait_for("the address to be free", || {
        let mut server = data.spawn(&[]);
        server.is_up_or_ended().then_some(server)
    })
}

/// Asserts that each of so many files came to its end once, on the server as in what the push told.
fn assert_each_once(server: &Server, pushed: &Ran, count: usize) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for file in batches(server).into_iter().flat_map(|batch| batch.files) {
        assert_eq!(file.state, "succeeded", "{file:?}");
        *times.entry(file.name).or_default() += 1;
    }
    assert!(times.len() == count && times.values().all(|times| *times == 1), "{times:?}");
    let report = pushed.json();
    assert_eq!(report["summary"], json!({"total": count, "succeeded": count}));
    let told = report["files"].as_array().expect("a list of files");
    let ids: BTreeSet<_> = told.iter().map(|file| file["file_id"].to_string()).collect();
    assert_eq!(ids.len(), count);
}

#[test]
fn two_thousand_files_through_a_server_that_is_killed_twice_end_once_each() {
    const FILES: usize = 2_000;
    let server = Server::start(&[]);
    let (data, address) = (server.data.clone(), server.addr);
    for index in 0..FILES {
        plant(data.scratch(), &[(&format!("in/{:02}/{index}.txt", index % 40), &format!("words of file {index}"))]);
    }
    let words = ["push", "--wait", "--json", "--batch-files", "50", "--connections", "3", "in"];
    let mut push = data.start_cli(&server.url(""), &words, b"");

    let count = |server: &Server| server.list("?limit=100").batches.len();
    wait_until("the first batches", || count(&server) >= 5);
    assert!(push.is_running());
    drop(server.kill());
    let server = serve_again(&data, address);
    wait_until("some more batches", || count(&server) >= 20);
    assert!(push.is_running());
    drop(server.kill());
    let server = serve_again(&data, address);

    assert_each_once(&server, &push.ended().exits(0), FILES);
}
