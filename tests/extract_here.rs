//! `consign extract`: texts without a server, by the same children.
#![cfg(feature = "test-hooks")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::DataDir;
use support::cli::{Ran, plant};
use support::corpus::Corpus;

/// No server is called.
const NONE: &str = "127.0.0.1:1";

fn extract(data: &DataDir, words: &[&str]) -> Ran {
    data.start_cli(NONE, &[&["extract"], words].concat(), b"").ended()
}

#[test]
fn a_text_is_printed_written_or_told_with_its_tokens() {
    let data = DataDir::new();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/notice.html");
    fs::copy(page, data.scratch().join("notice.html")).unwrap();
    plant(data.scratch(), &[("a.txt", "words of a\n")]);

    let printed = extract(&data, &["notice.html", "a.txt"]).exits(0);
    assert!(printed.out.starts_with("# Notice to boat owners") && printed.out.ends_with("words of a\n"), "{printed:?}");
    plant(data.scratch(), &[("open.txt", "no line's end")]);
    let printed_twice = extract(&data, &["open.txt", "open.txt"]).exits(0);
    assert_eq!(printed_twice.out, "no line's end\nno line's end", "each begins on a line of its own");
    let told = extract(&data, &["--json", "notice.html"]).exits(0).json();
    let first = &told[0];
    assert_eq!(
        (&first["tokens"], &first["media_type"], &first["state"]),
        (&json!(47), &json!("text/html"), &json!("succeeded"))
    );
    assert_eq!(first["text"], printed.out.strip_suffix("words of a\n").unwrap());
    let told = extract(&data, &["--json", "--out", "texts", "notice.html", "a.txt"]).exits(0).json();
    assert_eq!((&told[1]["text_path"], &told[1]["text"]), (&json!("texts/a.txt.md"), &json!(null)));
    assert!(data.scratch().join("texts/notice.html.md").is_file() && !data.path().exists(), "and no data directory");
}

#[test]
fn a_file_that_crashes_its_parser_costs_itself_alone() {
    let data = DataDir::new();
    let hooks =
        ["segv", "panic", "hang", "oom"].map(|hook| (format!("{hook}.txt"), format!("consign-test-hook: {hook}\n")));
    for (name, text) in &hooks {
        plant(data.scratch(), &[(name, text)]);
    }
    plant(data.scratch(), &[("a.txt", "words of a"), ("c.exe", "MZ"), ("z.txt", "words of z")]);
    let files = ["a.txt", "segv.txt", "panic.txt", "hang.txt", "oom.txt", "c.exe", "none.txt", "z.txt"];
    let limits = ["--json", "--set", "worker.silence_ms_max=2000", "--set", "worker.memory_bytes_max=512MiB"];

    let told = extract(&data, &[&limits[..], &files].concat()).exits(2).json();

    let told: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|file| [&file["file"], &file["state"], &file["error"]["code"]].map(|it| it.as_str().unwrap_or_default()))
        .collect();
    let expected = [
        ["a.txt", "succeeded", ""],
        ["segv.txt", "failed", "crashed"],
        ["panic.txt", "failed", "panicked"],
        ["hang.txt", "failed", "stalled"],
        ["oom.txt", "failed", "out_of_memory"],
        ["c.exe", "failed", "unsupported_type"],
        ["none.txt", "failed", "cannot_be_read"],
        ["z.txt", "succeeded", ""],
    ];
    assert_eq!(told, expected);
    let said = extract(&data, &["segv.txt"]).exits(2);
    assert!(
        said.out.is_empty() && said.err.contains("segv.txt: Reading the file crashed its parser (SIGSEGV). (crashed)"),
        "{said:?}"
    );
}

#[test]
fn the_settings_are_those_of_a_server() {
    let data = DataDir::new();
    plant(data.scratch(), &[("a.txt", "words of a")]);
    let small = extract(&data, &["--json", "--set", "limits.extract_bytes_max=4", "a.txt"]).exits(2).json();
    assert_eq!(small[0]["error"]["code"], "too_large_to_extract");
    let _ = extract(&data, &["--set", "limits.none=4", "a.txt"]).exits(64);
    let _ = extract(&data, &[]).exits(64);
}

#[test]
fn real_files_are_read() {
    let Some(corpus) = Corpus::or_skip("texts of real files without a server") else { return };
    let data = DataDir::new();
    let real = corpus.good(&["pdf", "docx", "xlsx"], 3, 300 << 10);
    for (name, bytes) in &real {
        fs::write(data.scratch().join(name), bytes).unwrap();
    }
    let names: Vec<_> = real.iter().map(|(name, _)| name.as_str()).collect();
    let told = extract(&data, &[&["--json"], &names[..]].concat()).exits(0).json();
    assert!(told.as_array().unwrap().iter().all(|file| file["tokens"].as_u64() > Some(0)), "{told}");
}
