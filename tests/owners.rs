//! Whose a batch is: nobody but its owner can see, list, cancel, retry, fetch, follow or guess it. The routes are those of
//! the API's description, so that a new one is tried by itself.

#![cfg(feature = "test-hooks")]

mod support;

use serde_json::Value;
use support::client::agent;
use support::events::Events;
use support::openapi::{Description, Operation};
use support::server::Setting;
use support::wire::{self, Wire};
use support::{Answer, Batch, DataDir, Form, Key, Server, form, wait_until};

/// A batch that nobody has.
const NOWHERE: &str = "01a20d85-d8c2-7640-9224-c6095bbf0000";

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"];

/// Leave for a file whose reading never ends.
const PATIENT: [Setting<'_>; 2] = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];

fn upload(server: &Server, key: &Key, form: Form) -> Batch {
    server.post_with(form, &[key.header()]).accepted()
}

fn words(name: &str) -> Form {
    Form::new().file(name, "some words").file("b.exe", "MZ").field("metadata", "{\"case\": 1}")
}

fn completed(server: &Server, key: &Key, form: Form) -> Batch {
    let batch = upload(server, key, form);
    let answer = server.request("GET", &format!("/batches/{}?wait=100", batch.id), &[key.header()]);
    let batch = Batch::of(&answer.json());
    assert_eq!(batch.state, "completed", "{batch:?}");
    batch
}

/// All that an answer says but for its time, to the byte.
fn said(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    headers.sort();
    (answer.status, headers, String::from_utf8_lossy(&answer.body).into_owned())
}

/// The id of the file with this index of a batch.
fn file_id(batch: &str, index: usize) -> String {
    format!("{}{:04x}", &batch[..batch.len() - 4], index + 1)
}

/// What can be asked on the routes that name a batch: a path with `{batch}` and `{file}` to be filled in, and a header
/// more. Each parameter of the description is tried with what fits and with what does not.
fn questions(description: &Description) -> Vec<(String, Option<(String, String)>)> {
    let mut questions = Vec::new();
    for operation in description.operations().filter(|operation| operation.path.contains("{batch}")) {
        questions.push((operation.path.to_owned(), None));
        for (place, name, value) in parameters(description, &operation) {
            match place.as_str() {
                "query" if name == "file" => {
                    questions.push((format!("{}?file={{file}}", operation.path), None));
                }
                "query" => {
                    questions.push((format!("{}?{name}={value}", operation.path), None));
                    questions.push((format!("{}?{name}=nonsense", operation.path), None));
                }
                "header" if name != "X-Request-Id" => {
                    questions.push((operation.path.to_owned(), Some((name.to_lowercase(), value))));
                }
                _ => {}
            }
        }
    }
    questions
}

/// The parameters of an operation: where it stands, its name, and a value for it.
fn parameters(description: &Description, operation: &Operation<'_>) -> Vec<(String, String, String)> {
    let parameters = operation.value["parameters"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let of = |parameter: &Value| {
        let parameter = description.resolved(parameter);
        let schema = description.resolved(&parameter["schema"]);
        let candidates = [&parameter["example"], &schema["examples"][0], &schema["enum"][0], &schema["maximum"]];
        let value = candidates.into_iter().find(|value| !value.is_null()).map_or_else(|| "true".to_owned(), text);
        let value = if parameter["example"].is_array() { "failed,rejected".to_owned() } else { value };
        (text(&parameter["in"]), text(&parameter["name"]), value)
    };
    parameters.map(of).collect()
}

/// Asks the same of two batches with a key; whether the answers are the same, and what they are.
fn same(server: &Server, key: &Key, method: &str, header: Option<&(String, String)>, paths: &[String; 2]) -> Answer {
    let mut headers = vec![key.header(), ("x-request-id", "the-same")];
    headers.extend(header.map(|(name, value)| (name.as_str(), value.as_str())));
    let [of_another, of_nobody] = paths.each_ref().map(|path| server.request(method, path, &headers));
    assert_eq!(said(&of_another), said(&of_nobody), "{method} {} {header:?}", paths[0]);
    of_another
}

#[test]
fn anothers_batch_is_one_that_never_was_on_every_route() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&PATIENT);
    let description = Description::of(&server);
    let hanging = Form::new().file("hook.txt", "consign-test-hook: hang\n").file("b.exe", "MZ");
    let batches = [completed(&server, &ann, words("a.txt")), upload(&server, &ann, hanging)];
    let own = completed(&server, &bob, words("b.txt"));
    let of_ann = |batch: &Batch| server.request("GET", &format!("/batches/{}", batch.id), &[ann.header()]);
    wait_until("the file to hang", || of_ann(&batches[1]).json()["files"][0]["state"] == "processing");
    let before = batches.each_ref().map(|batch| of_ann(batch).text());

    let questions = questions(&description);
    assert!(questions.len() > 25, "{questions:?}");
    let fill = |path: &str, batch: &str, file: &str| path.replace("{batch}", batch).replace("{file}", file);
    for (path, header) in &questions {
        let route = path.split('?').next().expect("a path begins with one");
        let is_described = |method: &str| {
            let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
            description.document["paths"][route].get(method).is_some()
        };
        for method in METHODS {
            let expected = if is_described(method) { 404 } else { 405 };
            for (batch, index) in batches.iter().flat_map(|batch| [(batch, 0), (batch, 1)]) {
                let pair = [batch.id.as_str(), NOWHERE].map(|id| fill(path, id, &file_id(id, index)));
                assert_eq!(same(&server, &bob, method, header.as_ref(), &pair).status, expected, "{method} {path}");
                // Another's file in one's own batch.
                if path.contains("{file}") {
                    let pair = [batch.id.as_str(), NOWHERE].map(|id| fill(path, &own.id, &file_id(id, index)));
                    assert_eq!(same(&server, &bob, method, header.as_ref(), &pair).status, expected, "{method} {path}");
                }
            }
        }
    }
    assert_eq!(batches.each_ref().map(|batch| of_ann(batch).text()), before, "and nothing has become of them");
    assert_reached_by_its_owner(&server, &ann, &questions, &batches[0]);
}

/// Asserts that the questions are such as have an answer.
fn assert_reached_by_its_owner(
    server: &Server,
    owner: &Key,
    questions: &[(String, Option<(String, String)>)],
    batch: &Batch,
) {
    for (path, header) in questions.iter().filter(|(path, _)| !path.contains("nonsense")) {
        let path = path.replace("{batch}", &batch.id).replace("{file}", &batch.files[0].id);
        let mut headers = vec![owner.header()];
        headers.extend(header.as_ref().map(|(name, value)| (name.as_str(), value.as_str())));
        let statuses = ["GET", "POST"].map(|method| server.request(method, &path, &headers).status);
        let is_found = |status: &u16| ![401, 404, 405].contains(status);
        assert!(statuses.iter().any(is_found), "{path} {header:?}: {statuses:?}");
    }
    let gone = server.request("DELETE", &format!("/batches/{}", batch.id), &[owner.header()]);
    assert_eq!(gone.status, 204, "{}", gone.lossy());
}

#[test]
fn a_stream_of_all_batches_tells_nothing_of_anothers() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let stream_of = |key: &Key| {
        let (name, value) = key.header();
        let request = agent().get(server.url("/events")).header(name, value).header("last-event-id", "0");
        Events::of(request.call().expect("it is answered").into_body().into_with_config().limit(u64::MAX).reader())
    };
    let earlier = completed(&server, &ann, words("a.txt"));
    let mut stream = stream_of(&bob);
    let later = completed(&server, &ann, words("c.txt"));
    assert_eq!(server.request("DELETE", &format!("/batches/{}", earlier.id), &[ann.header()]).status, 204);
    let own = completed(&server, &bob, words("b.txt"));

    for stream in [&mut stream, &mut stream_of(&bob)] {
        let heard = stream.until(|event| event.short() == "completed");
        assert!(heard.len() > 2, "{heard:?}");
        for event in heard {
            let told = event.data.to_string();
            assert!(told.contains(&own.id) && !told.contains(&earlier.id) && !told.contains(&later.id), "{event:?}");
        }
    }
}

#[test]
fn retention_removes_and_tells_of_the_callers_batches_alone() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[("RETENTION_SUCCEEDED_MS_MAX", "1"), ("RETENTION_SWEEP_EVERY_MS", "600000000")]);
    let anns = completed(&server, &ann, Form::new().file("a.txt", "some words"));
    let sweep = |key: &Key, query: &str| server.request("POST", &format!("/retention{query}"), &[key.header()]);
    for query in ["?dry_run=true", ""] {
        let swept = sweep(&bob, query);
        assert_eq!((swept.status, &swept.json()["total"]["batches"]), (200, &0.into()), "{}", swept.lossy());
        assert!(swept.json()["batches"].as_array().is_some_and(Vec::is_empty), "{}", swept.lossy());
    }
    let swept = sweep(&ann, "").json();
    assert_eq!(swept["batches"][0]["id"], anns.id, "{swept}");
}

#[test]
fn anothers_idempotency_key_is_another_key() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let post = |key: &Key, form: Form| server.post_with(form, &[key.header(), ("idempotency-key", "the-same")]);
    let of_ann = post(&ann, words("a.txt")).accepted();

    let of_bob = post(&bob, words("a.txt"));
    assert_eq!(of_bob.find_header("idempotency-replayed"), None);
    let of_bob = of_bob.accepted();
    assert_ne!(of_bob.id, of_ann.id);
    post(&bob, words("c.txt")).assert_problem(422, "idempotency_key_reused");
    for (key, batch) in [(&ann, &of_ann), (&bob, &of_bob)] {
        let again = post(key, words("a.txt"));
        assert_eq!((again.header("idempotency-replayed"), &again.accepted().id), ("true", &batch.id));
    }

    // One that is under way keeps nobody else waiting.
    let mut slow = Wire::open(server.addr);
    let content_type = form::content_type();
    let headers = [("Content-Type", content_type.as_str()), ann.header(), ("Idempotency-Key", "under-way")];
    slow.send(&wire::head("POST", "/batches", &headers, 1 << 10));
    let metrics = || server.request("GET", "/metrics", &[bob.header()]).text();
    wait_until("the upload to be let in", || metrics().contains("\nconsign_uploads_open 1\n"));
    let under_way = |key: &Key| server.post_with(words("a.txt"), &[key.header(), ("idempotency-key", "under-way")]);
    under_way(&ann).assert_problem(409, "idempotency_conflict");
    under_way(&bob).accepted();
}
