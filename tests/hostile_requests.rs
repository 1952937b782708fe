//! Hostile requests, byte by byte: each gets the answer that it deserves and no other, none says anything of the server's
//! inside, and afterwards the server holds no more than before.

mod support;

mod hostile_requests {
    pub mod bodies;
    pub mod case;
    pub mod framing;
    pub mod heads;
    pub mod targets;
}

use std::collections::BTreeSet;

use hostile_requests::case::{Case, Expected, Scene, content_type};
use hostile_requests::{bodies, framing, heads, targets};
use support::attachments::STORE;
use support::wire::Wire;
use support::{Answer, Batch, DataDir, Form, Key, Server, process, wait_until};

/// Memory that may stay in the allocator's hands after a round like the one before.
const MEMORY_SLACK_BYTES: u64 = 16 << 20;

fn completed(server: &Server, key: &Key) -> Batch {
    let batch = server.post_with(Form::new().file("a.txt", "some words"), &[key.header()]).accepted();
    let answer = server.request("GET", &format!("/batches/{}?wait=100", batch.id), &[key.header()]);
    Batch::of(&answer.json())
}

/// Sends a case's bytes and reads the answers; in the end the server closes the connection.
fn answers(server: &Server, case: &Case) -> Vec<Answer> {
    let mut wire = Wire::open(server.addr);
    let mut sender = wire.another();
    std::thread::scope(|scope| {
        // The server may refuse a request before it has all of it.
        scope.spawn(move || sender.offer(&case.sent));
        let answers = wire.answers();
        wire.close();
        answers
    })
}

/// What an answer was, in the words of the table.
fn told(answer: &Answer, expected: Expected) -> String {
    let code = serde_json::from_slice(&answer.body).ok().and_then(|body: serde_json::Value| {
        let is_problem = answer.find_header("content-type") == Some("application/problem+json");
        body["code"].as_str().filter(|_| is_problem).map(str::to_owned)
    });
    if let (Expected::Problem(status, expected), Some(code)) = (expected, &code)
        && (answer.status, expected) == (status, code)
    {
        answer.assert_problem(status, code);
    }
    code.map_or_else(|| answer.status.to_string(), |code| format!("{} {code}", answer.status))
}

fn expected(expected: Expected) -> String {
    match expected {
        Expected::Problem(status, code) => format!("{status} {code}"),
        Expected::Status(status) => status.to_string(),
    }
}

/// Sends all, and says which were answered otherwise.
fn round(server: &Server, cases: &[Case]) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases {
        let answers = answers(server, case);
        let due = case.expected.iter().map(|one| expected(*one));
        let asked = case.expected.iter().copied().chain(std::iter::repeat(Expected::Status(0)));
        let came = answers.iter().zip(asked).map(|(answer, expected)| told(answer, expected));
        let (due, came): (Vec<_>, Vec<_>) = (due.collect(), came.collect());
        if due != came {
            wrong.push(format!("{}: {came:?} instead of {due:?}", case.what));
        }
        for answer in &answers {
            assert_says_nothing_of_the_inside(server, case, answer);
        }
    }
    wrong
}

/// No answer names a path of the server, or has words of the code inside.
fn assert_says_nothing_of_the_inside(server: &Server, case: &Case, answer: &Answer) {
    let said = format!("{:?} {}", answer.headers, answer.lossy());
    let scratch = server.data.scratch().to_string_lossy().into_owned();
    for word in [&scratch, "actix", "sled", "panicked", "os error", ".rs:", "src/", "Error(", "serde"] {
        assert!(!said.contains(word), "{}: {word} in {said}", case.what);
    }
}

#[test]
fn hostile_requests_get_what_they_deserve_and_leave_nothing_behind() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let lines = format!("Host: consign.test\r\nConnection: close\r\nX-Api-Key: {}\r\n", bob.secret);
    let scene = Scene {
        lines,
        secret: bob.secret.clone(),
        other_secret: ann.secret.clone(),
        own: completed(&server, &bob),
        other: completed(&server, &ann),
    };
    let cases: Vec<_> = [targets::cases, heads::cases, framing::cases, bodies::cases]
        .into_iter()
        .flat_map(|cases| cases(&scene))
        .collect();
    let names: BTreeSet<_> = cases.iter().map(|case| &case.what).collect();
    assert_eq!(names.len(), cases.len(), "each case has its name");
    assert!(cases.len() >= 120, "{} cases", cases.len());

    // The first round fills what is kept for later: pools, caches, threads.
    let wrong = round(&server, &cases);
    assert!(wrong.is_empty(), "of {} requests {} went wrong:\n{}", cases.len(), wrong.len(), wrong.join("\n"));
    wait_until("the files of the first round to end", || is_idle(&server, &bob));
    let files = process::open_files(server.pid());
    let memory = process::memory_bytes(server.pid(), "VmRSS");

    assert_eq!(round(&server, &cases), [""; 0]);

    wait_until("the files of the second round to end", || is_idle(&server, &bob));
    wait_until("the open files to be as many as before", || process::open_files(server.pid()) <= files);
    wait_until("the memory to be as much as before", || {
        process::memory_bytes(server.pid(), "VmRSS") <= memory + MEMORY_SLACK_BYTES
    });
    assert_eq!(server.ok("/readyz").json()["status"], "ready");
    let untouched = server.request("GET", &format!("/batches/{}", scene.other.id), &[ann.header()]);
    assert_eq!(untouched.json()["state"], "completed", "{}", untouched.lossy());
    let log = server.log();
    // A header's name that is too long makes the HTTP library panic over that one connection.
    let is_ours = |line: &&str| line.contains("panicked") && !line.contains("h1/decoder.rs");
    let told: Vec<_> = log.lines().filter(|line| is_ours(line) || line.contains("ERROR consign")).collect();
    assert_eq!(told, [""; 0]);
}

/// Whether nothing of the key's is under way.
fn is_idle(server: &Server, key: &Key) -> bool {
    let open = server.request("GET", "/batches?state=processing", &[key.header()]).json();
    let arriving = server.request("GET", "/metrics", &[key.header()]).text().contains("\nconsign_uploads_open 0\n");
    open["batches"].as_array().is_some_and(Vec::is_empty) && arriving
}

#[test]
fn who_asks_before_he_sends_is_refused_before_he_has_sent() {
    let dir = DataDir::new();
    let [ann, poor, rare] = [("ann", ""), ("poor", "bytes_stored_max = 1"), ("rare", "requests_minute_max = 2")]
        .map(|(name, quota)| dir.new_key(name, quota));
    let server = dir.serve(&[("LIMITS_UPLOADS_OPEN_MAX", "1"), ("LIMITS_BATCH_BYTES_MAX", "1 MiB")]);
    // Each is answered with its refusal alone: an answer that says to go on would be read first.
    let refused = |path, lines: &str| ask(&server, path, 1 << 20, lines).answer();
    refused("/batches", &content_type()).assert_problem(401, "unauthorized");
    refused("/batches", &key(&ann)).assert_problem(415, "unsupported_media_type");
    let digest = format!("{}{}Content-Digest: nonsense\r\n", key(&ann), content_type());
    refused("/batches", &digest).assert_problem(400, "bad_content_digest");
    let idempotency = format!("{}{}Idempotency-Key: two words\r\n", key(&ann), content_type());
    refused("/batches", &idempotency).assert_problem(400, "bad_idempotency_key");
    refused("/nowhere", &key(&ann)).assert_problem(404, "not_found");
    let form = key(&ann) + &content_type();
    ask(&server, "/batches", 1 << 30, &form).answer().assert_problem(413, "batch_too_large");
    assert_eq!(ask(&server, STORE, 1 << 30, &form).answer().status, 413);
    assert_eq!(refused(STORE, &format!("X-Api-Key: wrong\r\n{}", content_type())).status, 401);
    assert_eq!(server.post_with(Form::new().file("a.txt", "w"), &[poor.header()]).status, 202);
    refused("/batches", &(key(&poor) + &content_type())).assert_problem(429, "quota_exceeded");

    let mut first = ask(&server, "/batches", 1000, &form);
    assert_eq!(first.answer_head().status, 100, "who is let in is told to go on");
    refused("/batches", &form).assert_problem(429, "too_many_uploads");
    first.close();
    wait_until("the upload that broke off to be over", || is_idle(&server, &ann));

    // Whoever is let in has made one request, and not another one by going on.
    for _ in 0..2 {
        assert_eq!(accepted(&server, &rare).status, 202);
    }
    refused("/batches", &(key(&rare) + &content_type())).assert_problem(429, "quota_exceeded");

    let full = Server::start(&[("LIMITS_DISK_FREE_BYTES_MIN", "1 EiB")]);
    ask(&full, "/batches", 1000, &content_type()).answer().assert_problem(507, "disk_full");
}

#[test]
fn who_asks_before_he_sends_is_told_once_to_go_on_and_nothing_else_where_nothing_is_read() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "");
    let server = dir.serve(&[]);
    accepted(&server, &ann).accepted();
    let kept = ask(&server, "/batches", 0, &(key(&ann) + &content_type())).answer();
    kept.assert_problem(400, "malformed_multipart");
    let mut wire = Wire::open(server.addr);
    for path in ["/batches", "/healthz"] {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{}Expect: 100-continue\r\n\r\n", key(&ann)).as_bytes());
        assert_eq!(wire.answer().status, 200, "{path}");
    }
}

/// Sends the head of a request for whose body it waits to be told to go on.
fn ask(server: &Server, path: &str, body_bytes: u64, lines: &str) -> Wire {
    let mut wire = Wire::open(server.addr);
    let length = format!("Content-Length: {body_bytes}\r\nExpect: 100-continue\r\n");
    wire.send(format!("POST {path} HTTP/1.1\r\nHost: consign.test\r\n{length}{lines}\r\n").as_bytes());
    wire
}

fn key(key: &Key) -> String {
    format!("X-Api-Key: {}\r\n", key.secret)
}

/// The answer to an upload whose client sends its body when it is told to go on.
fn accepted(server: &Server, caller: &Key) -> Answer {
    let body = Form::new().file("a.txt", "some words").finish();
    let mut wire = ask(server, "/batches", body.len() as u64, &(key(caller) + &content_type()));
    assert_eq!(wire.answer_head().status, 100);
    wire.send(&body);
    wire.answer()
}
