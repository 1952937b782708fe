//! What DocsGPT's front end calls: the shapes that its clients know, to the letter, and the order in which a request is
//! looked at.

#![cfg(all(feature = "fault", feature = "test-hooks"))]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use support::attachments::{self, STORE, attachment, store, task, until_task};
use support::fault::Faults;
use support::server::Setting;
use support::wire::{self, Wire};
use support::{Answer, DataDir, Form, Key, Server, form, wait_until};

/// A file whose reading never ends, and leave to let it.
const HANGING: &str = "consign-test-hook: hang\n";
const PATIENT: [Setting<'_>; 2] = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];

fn words() -> Form {
    attachment(Form::new(), "a.txt", "some words of text")
}

/// Asserts an answer's status and its whole body.
fn assert_answer(answer: &Answer, status: u16, body: &Value) {
    assert_eq!((answer.status, &answer.json()), (status, body));
    assert_eq!(answer.header("content-type"), "application/json");
}

fn failed(message: &str) -> Value {
    json!({"success": false, "message": message})
}

fn missing() -> Value {
    json!({"status": "error", "message": "Missing file(s)"})
}

/// Asserts that a server keeps no batch, as far as a key sees.
fn assert_nothing_is_kept(server: &Server, headers: &[(&str, &str)]) {
    assert_eq!(server.request("GET", "/batches", headers).json()["batches"], json!([]));
}

#[test]
fn one_file_is_answered_in_its_old_shape_and_ends_with_its_tokens() {
    let server = Server::start(&[]);
    let answer = store(&server, words(), &[("authorization", "Bearer anything")]);
    let id = answer.json()["attachment_id"].as_str().expect("an id").to_owned();
    let message = "File uploaded successfully. Processing started.";
    assert_answer(&answer, 200, &json!({"success": true, "task_id": id, "attachment_id": id, "message": message}));

    let result = until_task(&server, &id, "SUCCESS");

    let batch = server.list("").batches.pop().expect("a request is a batch").id;
    let file = server.completed(&batch).files.remove(0);
    let status = server.get(&file.path()).json();
    assert_eq!(file.id, id);
    let tokens = status["result"]["tokens"].as_u64().expect("tokens");
    assert!(tokens > 0);
    let extraction = json!({
        "status": "ok", "parser": status["result"]["engine"], "truncated": false,
        "original_tokens": tokens, "stored_tokens": tokens,
    });
    let expected = json!({
        "filename": "a.txt", "path": format!("{}/content", file.path()), "token_count": tokens, "attachment_id": id,
        "mime_type": "text/plain", "metadata": {"storage_type": "local", "extraction": extraction},
    });
    assert_eq!(result, expected);
    assert_eq!(server.get(result["path"].as_str().expect("a path")).text(), "some words of text");
}

#[test]
fn several_files_are_one_batch_and_those_that_are_refused_are_listed() {
    let server = Server::start(&[("LIMITS_FILE_BYTES_MAX", "1 KiB")]);
    let form = attachment(attachment(Form::new(), "a b.txt", "words"), "dir/фильм.MP4", "words");
    let form = attachment(attachment(form, "big.txt", "words ".repeat(300)), "a b.txt", "");
    let answer = store(&server, form.field("note", "passed over"), &[]).json();
    let ids: Vec<_> = answer["tasks"].as_array().expect("tasks").iter().map(|task| task["task_id"].clone()).collect();
    let expected = json!({
        "success": true,
        "message": "2 file(s) uploaded successfully. Processing started. 2 file(s) failed.",
        "tasks": [
            {"task_id": ids[0], "filename": "a_b.txt", "attachment_id": ids[0], "upload_index": 0},
            {"task_id": ids[1], "filename": "a_b.txt", "attachment_id": ids[1], "upload_index": 3},
        ],
        "errors": [
            {"upload_index": 1, "filename": "dir/фильм.MP4", "error": "Unsupported file type: .mp4"},
            {"upload_index": 2, "filename": "big.txt", "error": "File exceeds the 1024-byte upload limit"},
        ],
    });
    assert_eq!(answer, expected);
    let mut batches = server.list("").batches;
    let batch = server.completed(&batches.pop().expect("a batch").id);
    assert!(batches.is_empty());
    let states: Vec<_> = batch.files.iter().map(|file| file.state.as_str()).collect();
    assert_eq!(states, ["succeeded", "rejected", "rejected", "succeeded"]);
    assert_eq!(json!([batch.files[0].id, batch.files[3].id]), json!(ids));
    let empty = until_task(&server, &batch.files[3].id, "SUCCESS");
    assert_eq!(empty["metadata"]["extraction"]["status"], "no_text");

    let two = attachment(words(), "b.txt", "words");
    let answer = store(&server, two, &[]).json();
    assert_eq!(answer["message"], "2 file(s) uploaded successfully. Processing started.");
    assert_eq!((answer["tasks"].as_array().map(Vec::len), answer.get("errors")), (Some(2), None));
    let one_of_two = store(&server, attachment(words(), "b.mp4", "words"), &[]).json();
    assert_eq!(one_of_two["message"], "1 file(s) uploaded successfully. Processing started. 1 file(s) failed.");
}

#[test]
fn a_request_without_a_file_has_none_whatever_else_it_holds() {
    let server = Server::start(&[]);
    let part = |line: &str| Form::new().part(&[format!("Content-Disposition: form-data; {line}")], "words");
    let named = "name=\"file\"; filename=\"\"";
    let forms = [
        Form::new(),
        Form::new().field("file", "words"),
        Form::new().file("a.txt", "words of another field"),
        part(named),
        part(named).part(&[format!("Content-Disposition: form-data; {named}")], "words"),
    ];
    for form in forms {
        assert_answer(&store(&server, form.clone(), &[]), 400, &missing());
    }
    for body in [words().unfinished(), b"words".to_vec(), Vec::new()] {
        let answer = wire::exchange(server.addr, "POST", STORE, &[("Content-Type", &form::content_type())], &body);
        assert_answer(&answer, 400, &missing());
    }
    for headers in [&[("Content-Type", "application/json")][..], &[]] {
        assert_answer(&wire::exchange(server.addr, "POST", STORE, headers, &words().finish()), 400, &missing());
    }
    assert_nothing_is_kept(&server, &[]);
}

#[test]
fn a_request_whose_every_file_is_refused_says_why() {
    let server = Server::start(&[("LIMITS_FILE_BYTES_MAX", "1 KiB")]);
    let error = |at: u32, name: &str, error: &str| json!({"upload_index": at, "filename": name, "error": error});
    let big = || "words ".repeat(300);
    let of_type = "Unsupported file type: .mp4";
    let answer = store(&server, attachment(Form::new(), "a.mp4", "words"), &[]);
    let errors = json!([error(0, "a.mp4", of_type)]);
    assert_answer(&answer, 400, &json!({"success": false, "message": of_type, "errors": errors}));
    let answer = store(&server, attachment(attachment(Form::new(), "a.mp4", "words"), "b.EXE", "words"), &[]);
    let errors = json!([error(0, "a.mp4", of_type), error(1, "b.EXE", "Unsupported file type: .exe")]);
    assert_answer(&answer, 400, &json!({"success": false, "message": of_type, "errors": errors}));

    let of_size = "File exceeds the 1024-byte upload limit";
    let answer = store(&server, attachment(attachment(Form::new(), "a.txt", big()), "b.txt", big()), &[]);
    let errors = json!([error(0, "a.txt", of_size), error(1, "b.txt", of_size)]);
    assert_answer(&answer, 413, &json!({"success": false, "message": of_size, "errors": errors}));

    let none = json!({"status": "error", "message": "No valid files to upload"});
    let mixed = attachment(attachment(Form::new(), "a.mp4", "words"), "b.txt", big());
    assert_answer(&store(&server, mixed, &[]), 400, &none);
    let long = attachment(Form::new(), &("n".repeat(300) + ".txt"), "words");
    assert_answer(&store(&server, long, &[]), 400, &none);
    assert_nothing_is_kept(&server, &[]);
}

#[test]
fn a_request_that_is_more_than_the_server_takes_is_too_large() {
    let limits =
        [("LIMITS_BATCH_BYTES_MAX", "2000 B"), ("LIMITS_FIELD_BYTES_MAX", "100 B"), ("LIMITS_FIELDS_MAX", "3")];
    let server = Server::start(&[&limits[..], &[("LIMITS_BATCH_FILES_MAX", "3")]].concat());
    let too_large = failed("Request exceeds the 2000-byte upload limit");
    let announced = wire::head("POST", STORE, &[("Content-Type", &form::content_type())], 2_001);
    let mut wire = Wire::open(server.addr);
    wire.send(&announced);
    assert_answer(&wire.answer(), 413, &too_large);
    let chunk = words().file("other.txt", "words ".repeat(400)).finish();
    let head = format!("Content-Type: {}\r\nTransfer-Encoding: chunked\r\n", form::content_type());
    let mut wire = Wire::open(server.addr);
    wire.send(format!("POST {STORE} HTTP/1.1\r\nHost: consign.test\r\n{head}\r\n{:x}\r\n", chunk.len()).as_bytes());
    wire.offer(&[&chunk[..], b"\r\n0\r\n\r\n"].concat());
    assert_answer(&wire.answer(), 413, &too_large);
    assert_answer(&store(&server, words().field("note", &"n".repeat(101)), &[]), 413, &too_large);
    assert_answer(
        &store(&server, words().field("a", "").field("b", "").field("c", "").field("d", ""), &[]),
        413,
        &too_large,
    );
    let many = (0..4).fold(Form::new(), |form, at| attachment(form, &format!("{at}.txt"), "words"));
    assert_answer(&store(&server, many, &[]), 413, &too_large);
    assert_nothing_is_kept(&server, &[]);
}

#[test]
fn another_method_is_answered_as_flask_does() {
    let server = Server::start(&[]);
    let message = json!({"message": "The method is not allowed for the requested URL."});
    for (path, method, allow) in
        [(STORE, "GET", "POST"), ("/api/task_status", "POST", "GET, HEAD"), ("/api/events", "DELETE", "GET, HEAD")]
    {
        let answer = wire::exchange(server.addr, method, path, &[], b"");
        assert_answer(&answer, 405, &message);
        assert_eq!(answer.header("allow"), allow);
        let options = wire::exchange(server.addr, "OPTIONS", path, &[], b"");
        assert_eq!((options.status, options.header("allow"), options.body.len()), (200, allow, 0));
    }
}

#[test]
fn names_are_made_safe_and_unnamed_files_get_one() {
    let server = Server::start(&[]);
    let names = [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.txt", "Cxy.txt"),
        ("отчёт 2024 v2.txt", "2024_v2.txt"),
        (".env", "env"),
        ("naïve x.txt", "naive_x.txt"),
        ("my  report (1).txt", "my_report_1.txt"),
        ("файл.txt", ""),
        ("", ""),
    ];
    let form = names.iter().fold(Form::new(), |form, (name, _)| attachment(form, name, "words"));
    let answer = store(&server, form, &[]).json();
    for (at, (name, safe)) in names.iter().enumerate() {
        let kept = answer["tasks"][at]["filename"].as_str().unwrap_or_else(|| panic!("{name:?} in {answer}"));
        if safe.is_empty() {
            let end = if name.is_empty() { "" } else { ".txt" };
            assert_eq!((kept.len(), kept.ends_with(end)), (36 + end.len(), true), "{name:?} is kept as {kept}");
        } else {
            assert_eq!(kept, *safe);
        }
    }
}

/// A server with two keys.
fn with_keys(settings: &[Setting<'_>]) -> (Server, Key, Key) {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    (dir.serve(settings), ann, bob)
}

#[test]
fn a_key_is_taken_wherever_it_stands() {
    let (server, ann, bob) = with_keys(&[]);
    let key = |form: Form, key: &str| form.field("api_key", key);
    let upload = |path: &str, form: Form, headers: &[(&str, &str)]| attachments::store_at(&server, path, form, headers);
    let in_query = format!("{STORE}?api_key={}", ann.secret);
    let taken = [
        upload(STORE, words(), &[ann.header()]),
        upload(STORE, words(), &[("x-api-key", &ann.secret)]),
        upload(&in_query, words(), &[]),
        upload(STORE, key(words(), &ann.secret), &[]),
        upload(STORE, attachment(key(Form::new(), &ann.secret), "b.txt", "words"), &[]),
        upload(&in_query, key(words(), ""), &[]),
        upload(&in_query, key(words(), &ann.secret), &[]),
        // A header wins.
        upload(STORE, key(words(), &bob.secret), &[ann.header()]),
        upload(STORE, key(words(), "no key"), &[ann.header()]),
    ];
    for answer in &taken {
        assert_eq!(answer.status, 200, "{}", answer.lossy());
    }
    let listed = server.request("GET", "/batches", &[ann.header()]).json();
    assert_eq!(listed["batches"].as_array().map(Vec::len), Some(taken.len()));
    assert_nothing_is_kept(&server, &[bob.header()]);
}

#[test]
fn a_request_is_looked_at_in_the_order_of_docsgpt() {
    let (server, ann, bob) = with_keys(&[("LIMITS_BATCH_BYTES_MAX", "1 MiB")]);
    let invalid_token = json!({"message": "Authentication error: invalid token", "error": "invalid_token"});
    let (invalid_key, nobody) = (failed("Invalid API key"), failed("Authentication required"));
    let bad = ("authorization", "Bearer nobodys");
    let at = |query: &str, form: Form, headers: &[(&str, &str)]| {
        attachments::store_at(&server, &format!("{STORE}{query}"), form, headers)
    };
    let large = wire::head("POST", STORE, &[("Content-Type", &form::content_type()), bad], 1 << 30);
    let mut wire = Wire::open(server.addr);
    wire.send(&large);
    assert_answer(&wire.answer(), 413, &failed("Request exceeds the 1048576-byte upload limit"));
    let with_ann = format!("?api_key={}", ann.secret);
    assert_answer(&at(&with_ann, Form::new(), &[bad]), 401, &invalid_token);
    assert_answer(&at("?api_key=nobodys", Form::new(), &[]), 401, &invalid_key);
    assert_answer(&at("", Form::new().field("api_key", "nobodys"), &[]), 401, &invalid_key);
    assert_answer(&at("", words().field("api_key", "nobodys"), &[]), 401, &invalid_key);
    assert_answer(&at(&with_ann, words().field("api_key", &bob.secret), &[]), 401, &invalid_key);
    assert_answer(&at("", Form::new(), &[]), 400, &missing());
    assert_answer(&at("", words().field("api_key", ""), &[]), 401, &nobody);
    let refused = at("", attachment(Form::new(), "a.mp4", "words"), &[]);
    assert_answer(&refused, 401, &nobody);
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    for key in [&ann, &bob] {
        assert_nothing_is_kept(&server, &[key.header()]);
    }
    assert_eq!(server.request("GET", "/batches", &[]).status, 401, "only these routes ask themselves");
    assert_eq!(server.request("GET", "/api/store_attachment/x", &[]).status, 401);
}

#[test]
fn who_shows_no_key_sends_little_and_takes_no_place_of_those_who_do() {
    let (server, ann, _) = with_keys(&[("LIMITS_FILE_BYTES_MAX", "1 KiB")]);
    let large = attachment(attachment(words(), "b.txt", "words ".repeat(200)), "c.txt", "words ".repeat(200));
    let answer = store(&server, large.clone().field("api_key", &ann.secret), &[]);
    assert_answer(&answer, 413, &failed("Request exceeds the 2048-byte upload limit"));
    assert_eq!(store(&server, large, &[ann.header()]).status, 200);

    let strangers: Vec<_> = (0..16)
        .map(|_| {
            let mut wire = Wire::open(server.addr);
            wire.send(&wire::head("POST", STORE, &[("Content-Type", &form::content_type())], 1_000));
            wire
        })
        .collect();
    wait_until("all to have their places", || server_uploads(&server, &ann) >= 16.0);
    let turned_away = store(&server, words(), &[]);
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (429, "5"));
    assert_eq!(store(&server, words(), &[ann.header()]).status, 200);
    drop(strangers);
}

fn server_uploads(server: &Server, key: &Key) -> f64 {
    let metrics = server.request("GET", "/metrics", &[key.header()]).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("consign_uploads_open "));
    line.and_then(|value| value.parse().ok()).expect("the uploads that are open are counted")
}

#[test]
fn a_task_is_what_has_become_of_its_file() {
    let settings = [("WORKER_PROCESSES", "1"), ("ATTEMPTS_RETRY_MS_BASE", "3600000"), ("ATTEMPTS_MAX", "2")];
    let server = Server::start(&[&settings[..], &PATIENT].concat());
    let id = |name: &str, bytes: &str| attachments::stored(&server, attachment(Form::new(), name, bytes));
    assert_eq!(until_task(&server, &id("a.pdf", "%PDF-1.7 and no more"), "FAILURE"), DAMAGED);
    assert_eq!(until_task(&server, &id("a.pdf", "\u{7f}ELF\u{2}\u{1}\u{1}\0\0\0\0\0\0\0\0\0"), "FAILURE"), MISMATCH);
    let retrying = id("crash.txt", "consign-test-hook: segv\n");
    assert!(until_task(&server, &retrying, "RETRY").as_str().is_some_and(|words| !words.is_empty()));
    let hanging = id("hang.txt", HANGING);
    let progress = json!({"current": 30, "status": "Processing content"});
    assert_eq!(until_task(&server, &hanging, "PROGRESS"), progress);
    let waiting = id("a.txt", "words");
    let started = until_task(&server, &waiting, "STARTED");
    assert!(started["pid"].is_u64() && started["hostname"].is_string(), "{started}");

    for task in [&hanging, &retrying] {
        server.post_to(&format!("/batches/{}0000/cancel?wait=60", &task[..32]));
        assert_eq!(until_task(&server, task, "REVOKED"), "");
    }
    until_task(&server, &waiting, "SUCCESS");

    let pending = json!({"status": "PENDING", "result": null});
    for unknown in ["x", "01a20d85-d8c2-7640-9224-c6095bbf0001", &format!("{}0000", &waiting[..32])] {
        assert_answer(&task(&server, unknown, &[]), 200, &pending);
    }
    for path in ["/api/task_status", "/api/task_status?task_id="] {
        assert_answer(&server.get(path), 400, &failed("Task ID is required"));
    }
}

#[test]
fn a_task_whose_text_waits_for_the_disk_is_at_80_percent() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    let server = data.serve(&[faults.setting()]);
    faults.arm("always result_append/before=enospc");
    let id = attachments::stored(&server, words());
    let progress = json!({"current": 80, "status": "Storing in database"});
    wait_until("the text to be read", || task(&server, &id, &[]).json()["result"] == progress);
    faults.disarm();
    until_task(&server, &id, "SUCCESS");
}

const DAMAGED: &str = "The file is damaged, or not what its type says.";
const MISMATCH: &str = "The file's content is not of the type that its name says.";

#[test]
fn anothers_task_is_one_that_never_was() {
    let (server, ann, bob) = with_keys(&[]);
    let id = store(&server, words(), &[ann.header()]).json()["task_id"].as_str().expect("an id").to_owned();
    wait_until("the file to end", || task(&server, &id, &[ann.header()]).json()["status"] == "SUCCESS");
    let in_query = server.get(&format!("/api/task_status?task_id={id}&api_key={}", ann.secret));
    assert_eq!(in_query.json()["status"], "SUCCESS");
    assert_answer(&task(&server, &id, &[bob.header()]), 200, &json!({"status": "PENDING", "result": null}));
    assert_answer(&task(&server, &id, &[]), 401, &failed("Authentication required"));
    assert_answer(&server.get("/api/task_status"), 400, &failed("Task ID is required"));
    let invalid = server.get("/api/task_status?api_key=nobodys");
    assert_answer(&invalid, 401, &failed("Invalid API key"));
    assert_eq!(task(&server, &id, &[("authorization", "Bearer nobodys")]).json()["error"], "invalid_token");
}

#[test]
fn a_task_that_waits_while_no_worker_can_be_started_is_told_so() {
    let data = DataDir::new();
    let program = data.scratch().join("worker");
    std::os::unix::fs::symlink(Path::new("/bin/false"), &program).expect("a link can be made");
    let server = data.serve(&[("WORKER_PROGRAM", program.to_str().expect("a path of text"))]);
    let id = attachments::stored(&server, words());
    wait_until("the answer that there is no worker", || task(&server, "x", &[]).status == 503);
    let answer = task(&server, "x", &[]);
    assert_answer(&answer, 503, &failed("Service unavailable"));
    assert_eq!(answer.header("retry-after"), "5");
    drop((id, server));
}

#[test]
fn a_page_of_an_origin_that_is_let_in_may_call() {
    let dir = DataDir::new();
    dir.new_key("ann", "");
    let origin = ("origin", "http://localhost:5173");
    let preflight = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,authorization,idempotency-key"),
    ];
    let server = dir.serve(&[("CORS_ORIGINS", "http://localhost:5173")]);
    for path in [STORE, "/api/events", "/api/task_status"] {
        let answer = server.request("OPTIONS", path, &preflight);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin.1), "{path}");
    }
    let refused = store(&server, words(), &[origin]);
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, origin.1));
    let closed = Server::start(&[]);
    let answer = closed.request("OPTIONS", STORE, &preflight);
    assert_eq!((answer.status, answer.find_header("access-control-allow-origin")), (200, None));
}

#[test]
fn records_tell_of_each_file_from_its_answer_to_its_end_and_can_be_resumed() {
    let server = Server::start(&[("EVENTS_HEARTBEAT_MS", "100")]);
    let mut stream = attachments::Records::open(&server, "");
    assert_eq!(stream.comment(), ": connected");
    assert_eq!(stream.comment(), ": keepalive");
    let form = attachment(attachment(words(), "b.mp4", "words"), "c.pdf", "%PDF-1.7 and no more");
    let answer = store(&server, form, &[]).json();
    let ids = [0, 1].map(|at| answer["tasks"][at]["attachment_id"].as_str().expect("an id").to_owned());
    let told: Vec<_> = (0..7).map(|_| stream.record()).collect();

    let of = |id: &str| -> Vec<&Value> { told.iter().filter(|record| record["scope"]["id"] == id).collect() };
    let kinds = |id: &str| -> Vec<_> { of(id).iter().map(|record| record["type"].clone()).collect() };
    let expected = ["attachment.queued", "attachment.progress", "attachment.progress", "attachment.completed"];
    assert_eq!(kinds(&ids[0]), expected);
    assert_eq!(kinds(&ids[1]), ["attachment.queued", "attachment.progress", "attachment.failed"]);
    let [queued, progress, storing, completed] = of(&ids[0])[..] else { panic!("{told:?}") };
    let tokens = until_task(&server, &ids[0], "SUCCESS")["token_count"].clone();
    let id = ids[0].as_str();
    assert_eq!(queued["payload"], json!({"attachment_id": id, "filename": "a.txt"}));
    let of_progress = json!({"attachment_id": id, "filename": "a.txt", "current": 30, "stage": "processing"});
    assert_eq!(progress["payload"], of_progress);
    let of_storing = json!({"attachment_id": id, "filename": "a.txt", "current": 80, "stage": "storing"});
    assert_eq!(storing["payload"], of_storing);
    let of_completed = json!({
        "attachment_id": id, "filename": "a.txt", "token_count": tokens, "mime_type": "text/plain",
        "extraction_status": "ok",
    });
    assert_eq!(completed["payload"], of_completed);
    let failure = json!({"attachment_id": ids[1], "filename": "c.pdf", "error": DAMAGED, "code": "parse_failed"});
    assert_eq!(of(&ids[1])[2]["payload"], failure);
    for record in &told {
        assert_eq!((&record["user_id"], &record["topic"]), (&json!("local"), &json!("user:local")));
        assert_eq!(record["scope"]["kind"], "attachment");
        assert!(record["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')), "{record}");
    }

    // The place behind the acceptance of the batch: both ends are left.
    let durable: Vec<_> = told.iter().filter_map(|record| record["id"].as_str()).collect();
    assert_eq!(durable.len(), 3, "{told:?}");
    for (at, id) in durable[..2].iter().enumerate() {
        let mut resumed = attachments::Records::open(&server, &format!("?last_event_id={id}"));
        let rest: Vec<_> = durable[at + 1..].iter().map(|_| resumed.record()["id"].clone()).collect();
        assert_eq!(rest, durable[at + 1..]);
    }
    let mut all = attachments::Records::open(&server, "?last_event_id=0-0");
    let kinds: BTreeSet<_> = (0..4).map(|_| all.record()["type"].to_string()).collect();
    assert_eq!(kinds.len(), 3);
}

#[test]
fn a_place_that_is_lost_is_told_and_the_stream_goes_on_from_now() {
    let server = Server::start(&[]);
    for lost in ["nonsense", "99999999999999-0", "1-5000"] {
        let mut stream = attachments::Records::open(&server, &format!("?last_event_id={lost}"));
        let expected = json!({"type": "backlog.truncated", "payload": {"oldest_retained_id": ""}});
        assert_eq!(stream.record(), expected, "{lost}");
        let id = attachments::stored(&server, words());
        // The end of the one before may come in between.
        while stream.record()["scope"]["id"] != id.as_str() {}
    }
}

#[test]
fn a_large_batch_is_told_of_file_by_file() {
    let server = Server::start(&[]);
    let mut stream = attachments::Records::open(&server, "");
    assert_eq!(stream.comment(), ": connected");
    let form = Form::new().files((0..300).map(|at| (format!("{at}.txt"), "words")));
    let batch = server.upload(form);
    let mut queued = Vec::new();
    let mut ended = BTreeSet::new();
    while ended.len() < 300 {
        let record = stream.record();
        match record["type"].as_str() {
            Some("attachment.queued") => queued.push(record),
            Some("attachment.completed") => drop(ended.insert(record["scope"]["id"].to_string())),
            _ => {}
        }
    }
    let expected: Vec<_> = batch.files.iter().map(|file| json!(file.id)).collect();
    assert_eq!(queued.iter().map(|record| record["scope"]["id"].clone()).collect::<Vec<_>>(), expected);
    assert!(queued[..299].iter().all(|record| record.get("id").is_none()) && queued[299]["id"].is_string());
}

#[test]
fn a_stream_takes_a_key_and_a_place() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[("EVENTS_STREAMS_OPEN_MAX", "2")]);
    assert_answer(&server.get("/api/events"), 401, &failed("Authentication required"));
    assert_answer(&server.get("/api/events?api_key=nobodys"), 401, &failed("Invalid API key"));
    let mut of_bob = attachments::Records::open(&server, &format!("?api_key={}", bob.secret));
    let mut of_ann = attachments::Records::open(&server, &format!("?api_key={}", ann.secret));
    assert_eq!((of_bob.comment(), of_ann.comment()), (": connected".into(), ": connected".into()));
    let third = server.request("GET", "/api/events", &[ann.header()]);
    assert_eq!((third.status, &third.json()["success"], third.header("retry-after")), (429, &json!(false), "5"));

    let id = |key: &Key| store(&server, words(), &[key.header()]).json()["attachment_id"].clone();
    let (anns, bobs) = (id(&ann), id(&bob));
    let (to_ann, to_bob) = (of_ann.record(), of_bob.record());
    assert_eq!((&to_ann["scope"]["id"], &to_bob["scope"]["id"]), (&anns, &bobs));
    assert_eq!((&to_ann["user_id"], &to_bob["topic"]), (&json!("ann"), &json!("user:bob")));
}

#[test]
fn a_user_has_eight_streams_and_resumes_thirty_within_a_minute() {
    // That a client is gone shows when it is written to.
    let (server, ann, bob) = with_keys(&[("EVENTS_HEARTBEAT_MS", "20")]);
    let open = |key: &Key, query: &str| attachments::Records::open(&server, &format!("?api_key={}{query}", key.secret));
    let refused = |query: &str| {
        let answer = server.request("GET", &format!("/api/events{query}"), &[ann.header()]);
        assert_eq!((answer.status, &answer.json()["success"]), (429, &json!(false)), "{}", answer.lossy());
        answer.header("retry-after").parse::<u32>().expect("a number of seconds")
    };
    let mut streams: Vec<_> = (0..8).map(|_| open(&ann, "")).collect();
    assert_eq!(refused(""), 5);
    assert_eq!(open(&bob, "").comment(), ": connected", "others have streams of their own");
    streams.pop();
    let is_free = || server.request("HEAD", "/api/events", &[ann.header()]).status == 200;
    wait_until("the stream that was left to be over", is_free);

    streams.clear();
    for _ in 0..30 {
        wait_until("the streams before to be over", is_free);
        assert_eq!(open(&ann, "&last_event_id=0-0").comment(), ": connected");
    }
    wait_until("the last stream to be over", is_free);
    assert!((1..=60).contains(&refused("?last_event_id=0-0")));
    assert_eq!(open(&ann, "").comment(), ": connected", "from now on there is always a stream");
}
