//! What can be asked of a server and its batches: status, long poll, filters, pages, files, health, metrics.

mod support;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use support::client::{GZIP, gunzipped};
use support::corpus::Corpus;
use support::wire::Wire;
use support::{Answer, Batch, Form, Server, form, wait_until};

/// Files of a page of a batch's status.
const PAGE_FILES: u64 = 1000;

fn tiny_files(count: usize) -> Form {
    Form::new().files((0..count).map(|index| (format!("{index}.txt"), format!("words of {index}"))))
}

/// A batch of which one file succeeds, one fails and one is refused; for a server with [`SMALL_EXTRACT`].
fn mixed() -> Form {
    Form::new().file("good.txt", "some words").file("large.txt", [b'a'; 3000]).file("bad.exe", "MZ")
}

/// Makes a file of 3,000 bytes fail.
const SMALL_EXTRACT: (&str, &str) = ("LIMITS_EXTRACT_BYTES_MAX", "2000");

fn keys(json: &Value) -> BTreeSet<&str> {
    json.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn assert_has_keys(json: &Value, wanted: &[&str]) {
    let missing: Vec<_> = wanted.iter().filter(|key| !keys(json).contains(**key)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing from {json}");
}

#[test]
fn the_status_has_every_member_that_the_contract_names() {
    let server = Server::start(&[SMALL_EXTRACT]);
    let id = server.process(mixed()).id;

    let status = server.ok(&format!("/batches/{id}")).json();

    let batch =
        ["id", "state", "outcome", "created_at", "finished_at", "metadata", "progress", "summary", "files", "links"];
    assert_has_keys(&status, &batch);
    assert_has_keys(&status["progress"], &["files_done", "files_total", "percent", "bytes_total"]);
    assert_has_keys(&status["summary"], &["total", "succeeded", "failed", "rejected", "cancelled", "pending"]);
    assert_has_keys(&status["links"], &["self", "next", "results"]);
    let file =
        ["id", "index", "name", "size", "sha256", "media_type", "state", "attempts", "error", "result", "timings"];
    for status in status["files"].as_array().expect("the files are a list") {
        assert_has_keys(status, &file);
        assert_has_keys(&status["timings"], &["upload_ms", "verify_ms", "queued_ms", "process_ms"]);
    }
    let (good, failed) = (&status["files"][0], &status["files"][1]);
    assert_has_keys(&good["result"], &["text_url", "chars", "tokens", "tokenizer", "pages", "metadata"]);
    assert_has_keys(&failed["error"], &["code", "message", "retryable"]);
    assert!(good["error"].is_null() && failed["result"].is_null());
}

#[test]
fn a_completed_batch_adds_up() {
    let server = Server::start(&[SMALL_EXTRACT]);

    let batch = server.process(mixed());

    assert_eq!((batch.state.as_str(), batch.outcome.as_deref()), ("completed", Some("partial")));
    let summary = &batch.summary;
    assert_eq!((summary.total, summary.succeeded, summary.failed, summary.rejected), (3, 1, 1, 1));
    assert_eq!((summary.cancelled, summary.pending), (0, 0));
    assert_eq!((batch.progress.files_done, batch.progress.files_total), (3, 3));
    assert!((batch.progress.percent - 100.0).abs() < f64::EPSILON, "{batch:?}");
    assert!(batch.progress.bytes_total >= 3010, "{batch:?}");
    let created: Timestamp = batch.created_at.parse().expect("times are RFC 3339");
    let finished: Timestamp =
        batch.finished_at.as_ref().expect("a completed batch has an end").parse().expect("RFC 3339");
    assert!(created <= finished && batch.created_at.ends_with('Z'), "{batch:?}");
    batch.file("large.txt").assert_ended("failed", "too_large_to_extract");
    assert!(batch.file("large.txt").error().message.ends_with('.'));
    assert!(batch.metadata.is_null() || batch.metadata == Value::Object(serde_json::Map::new()), "{batch:?}");
}

#[test]
fn a_long_poll_returns_with_the_end_of_the_batch() {
    let Some(corpus) = Corpus::or_skip("long poll") else { return };
    let server = Server::start(&[]);
    let files = corpus.good(&["pdf", "docx", "html"], 30, 2 << 20);

    let batch = server.upload(Form::new().files(files));
    let polled = server.ok(&format!("/batches/{}?wait=110", batch.id)).json();

    assert_eq!(polled["state"], "completed", "{polled}");
    assert_eq!(polled["summary"]["pending"], 0);
}

#[test]
fn a_long_poll_of_a_completed_batch_returns_what_it_is() {
    let server = Server::start(&[]);
    let id = server.process(tiny_files(2)).id;
    let polled = Batch::of(&server.ok(&format!("/batches/{id}?wait=110")).json());
    polled.assert_succeeded();
}

#[test]
fn a_long_status_is_compressed_for_who_accepts_that_and_nothing_else_of_a_batch_is() {
    let server = Server::start(&[]);
    let batch = server.process(tiny_files(200));
    let path = format!("/batches/{}", batch.id);
    let plain = server.ok(&path);
    let gzipped = server.request("GET", &path, &[GZIP]);
    assert_eq!((plain.find_header("content-encoding"), gzipped.header("content-encoding")), (None, "gzip"));
    assert_eq!(gunzipped(&gzipped), plain.body);
    assert!(gzipped.body.len() * 5 < plain.body.len(), "{} of {}", gzipped.body.len(), plain.body.len());

    let text = format!("{}/text", batch.files[0].path());
    for path in [format!("{path}?limit=1"), format!("{path}/results"), text] {
        let answer = server.request("GET", &path, &[GZIP]);
        assert_eq!((answer.status, answer.find_header("content-encoding")), (200, None), "{path}");
    }
    let mut events = Wire::open(server.addr);
    let head = format!("GET {path}/events HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    events.send(head.as_bytes());
    let events = events.answer_head();
    assert_eq!((events.header("content-type"), events.find_header("content-encoding")), ("text/event-stream", None));
}

#[test]
fn files_are_filtered_by_their_states() {
    let server = Server::start(&[SMALL_EXTRACT]);
    let id = server.process(mixed()).id;
    let cases: [(&str, &[&str]); 5] = [
        ("succeeded", &["good.txt"]),
        ("failed", &["large.txt"]),
        ("failed,rejected", &["large.txt", "bad.exe"]),
        ("cancelled", &[]),
        ("succeeded,failed,rejected", &["good.txt", "large.txt", "bad.exe"]),
    ];
    for (states, names) in cases {
        let batch = Batch::of(&server.ok(&format!("/batches/{id}?files={states}")).json());
        let found: Vec<_> = batch.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(found, names, "?files={states}");
        assert_eq!(batch.summary.total, 3, "the summary is of the whole batch");
    }
}

#[test]
fn more_files_than_a_page_holds_are_linked_to() {
    let server = Server::start(&[]);
    let count = PAGE_FILES + 50;
    let batch = server.upload(tiny_files(usize::try_from(count).expect("a small number")));
    let first = server.completed(&batch.id);

    assert_eq!((batch.files.len() as u64, first.files.len() as u64), (PAGE_FILES, PAGE_FILES));
    let next = first.links.next.as_deref().expect("a page with more to come links to it");
    let second = Batch::of(&server.ok(&server.path_of(next)).json());

    assert_eq!(second.links.next, None);
    let indexes: Vec<_> = first.files.iter().chain(&second.files).map(|file| file.index).collect();
    assert_eq!(indexes, (0..count).collect::<Vec<_>>());
    assert!(second.files.iter().all(|file| file.name == format!("{}.txt", file.index)));
    assert_eq!((second.summary.succeeded, second.summary.total), (count, count));
}

#[test]
fn no_page_of_files_is_larger_than_a_mebibyte_however_long_their_names_are() {
    let count = 10_000;
    let server = Server::start(&[SMALL_EXTRACT]);
    // A control takes six characters in JSON, and three in the form.
    let name = |index: usize| format!("{index:05}{}.txt", "\u{1}".repeat(246));
    let content = "larger than what text is read from. ".repeat(60);
    let part = |form: Form, index: usize| {
        let name = form::percent_encoded(name(index).as_bytes());
        form.part(&[format!("Content-Disposition: form-data; name=files; filename*=UTF-8''{name}")], &content)
    };
    let answer = server.post((0..count).fold(Form::new(), part));
    let batch = page_that_fits(&answer);
    wait_until("the batch to be completed", || {
        server.ok(&format!("/batches/{}?limit=1&wait=100", batch.id)).json()["state"] == "completed"
    });
    for query in ["", "?files=failed"] {
        let mut next = Some(format!("/batches/{}{query}", batch.id));
        let mut indexes = Vec::new();
        while let Some(path) = next {
            let page = page_that_fits(&server.ok(&path));
            for file in &page.files {
                file.assert_ended("failed", "too_large_to_extract");
                indexes.push(file.index);
            }
            next = page.links.next.map(|link| server.path_of(&link));
        }
        assert_eq!(indexes, (0..count as u64).collect::<Vec<_>>(), "{query:?}");
    }
}

/// A page of files that has no more bytes than it may, and not many fewer where there are more files.
fn page_that_fits(answer: &Answer) -> Batch {
    let page = Batch::of(&answer.json());
    assert!(answer.body.len() <= 1 << 20, "{} bytes", answer.body.len());
    assert!(page.links.next.is_none() || answer.body.len() > 800 << 10, "{} bytes", answer.body.len());
    page
}

#[test]
fn a_page_of_files_begins_after_an_index_and_ends_at_its_limit() {
    let server = Server::start(&[]);
    let id = server.process(tiny_files(20)).id;

    let page = Batch::of(&server.ok(&format!("/batches/{id}?after=9&limit=5")).json());
    let indexes: Vec<_> = page.files.iter().map(|file| file.index).collect();
    assert_eq!(indexes, [10, 11, 12, 13, 14]);

    let next = page.links.next.expect("there are more files");
    let page = Batch::of(&server.ok(&server.path_of(&next)).json());
    assert_eq!((page.files[0].index, page.files.len(), page.links.next), (15, 5, None));
}

#[test]
fn batches_are_listed_newest_first_page_by_page() {
    let server = Server::start(&[]);
    let mut ids: Vec<_> = (0..5).map(|_| server.upload(tiny_files(1)).id).collect();
    ids.reverse();

    let whole = server.list("");
    assert_eq!(whole.batches.iter().map(|batch| batch.id.as_str()).collect::<Vec<_>>(), ids);
    assert_eq!(whole.links.next, None);

    let mut walked = Vec::new();
    let mut next = Some("/batches?limit=2".to_owned());
    while let Some(path) = next {
        let page = server.list(path.trim_start_matches("/batches"));
        assert!(page.batches.len() <= 2, "{page:?}");
        walked.extend(page.batches.into_iter().map(|batch| batch.id));
        next = page.links.next.map(|link| server.path_of(&link));
    }
    assert_eq!(walked, ids);
}

#[test]
fn the_list_is_filtered_by_state() {
    let server = Server::start(&[]);
    let id = server.process(tiny_files(1)).id;

    let completed = server.list("?state=completed");
    assert_eq!(completed.batches.iter().map(|batch| &batch.id).collect::<Vec<_>>(), [&id]);
    assert!(completed.batches.iter().all(|batch| batch.state == "completed"));
    assert!(server.list("?state=processing").batches.is_empty());
}

#[test]
fn one_file_can_be_asked_for_alone() {
    let server = Server::start(&[]);
    let batch = server.process(Form::new().file("a.md", "# Title\n\nSome *words*.\n").file("b.txt", "others"));
    let path = batch.files[0].path();

    let status = server.ok(&path).json();
    assert_eq!(status["id"], batch.files[0].id.as_str());
    assert_eq!(status["state"], "succeeded");

    let text = server.ok(&format!("{path}/text"));
    assert!(text.header("content-type").starts_with("text/"), "{text:?}");
    assert!(text.header("content-type").to_lowercase().contains("charset=utf-8"), "{text:?}");
    assert_eq!(text.header("x-content-type-options"), "nosniff");
    assert!(text.text().contains("# Title"));

    let content = server.content(&batch.files[0]);
    assert_eq!(content.body, b"# Title\n\nSome *words*.\n");
    assert_eq!(content.header("content-length"), content.body.len().to_string());
    assert!(content.header("content-disposition").contains("a.md"), "{content:?}");
}

#[test]
fn a_running_server_is_alive_and_ready() {
    let server = Server::start(&[]);
    for path in ["/healthz", "/readyz"] {
        wait_until("the server to be ready", || server.get(path).status == 200);
    }
}
