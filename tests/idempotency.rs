//! `Idempotency-Key`: a request that is sent again meets the batch of the first, whatever happened in between.

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::wire::{self, Wire};
use support::{Answer, DataDir, Form, Server, form, wait_for, wait_until};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// A request with a file that is taken, one that is refused, and metadata.
fn request() -> Form {
    Form::new().field("metadata", "{\"case\": 1}").file("a.txt", "some words").file("b.exe", "MZ")
}

fn post(server: &Server, form: Form, key: &str) -> Answer {
    server.post_with(form, &[("idempotency-key", key)])
}

/// The head of an upload under a key.
fn head(key: &str, body_bytes: u64) -> Vec<u8> {
    let headers = [("Content-Type", form::content_type()), ("Idempotency-Key", key.to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    wire::head("POST", "/batches", &headers, body_bytes)
}

/// Asserts that an answer is the first one again, to the letter.
fn assert_replayed(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, first.status), (202, 202), "{} after {}", answer.lossy(), first.lossy());
    assert_eq!(answer.lossy(), first.lossy());
    assert_eq!(answer.header("location"), first.header("location"));
    assert_eq!((answer.header("idempotency-replayed"), first.find_header("idempotency-replayed")), ("true", None));
}

/// The ids of all batches.
fn ids(server: &Server) -> Vec<String> {
    server.list("").batches.into_iter().map(|batch| batch.id).collect()
}

#[test]
fn a_request_that_is_sent_again_gets_the_first_answer_and_makes_no_batch() {
    let server = Server::start(&[]);
    let first = post(&server, request(), KEY);
    assert_replayed(&post(&server, request(), KEY), &first);
    server.completed(&first.accepted().id);

    assert_replayed(&post(&server, request(), &format!("\"{KEY}\"")), &first);
    assert_eq!(ids(&server), [first.accepted().id]);
    assert_ne!(server.upload(request()).id, first.accepted().id, "without a key it is another request");
    assert_ne!(post(&server, request(), "another").accepted().id, first.accepted().id);
}

#[test]
fn a_batch_of_many_pages_and_one_in_a_segment_of_its_own_are_answered_alike_again() {
    let server = Server::start(&[]);
    let many = || Form::new().files((0..1002).map(|index| (format!("{index}.txt"), "")));
    let large = || Form::new().file("large.txt", "many words of a large file\n".repeat(400_000));
    for (key, form) in [("many", &many as &dyn Fn() -> Form), ("large", &large)] {
        let first = post(&server, form(), key);
        assert_replayed(&post(&server, form(), key), &first);
    }
    assert_eq!(ids(&server).len(), 2);
}

#[test]
fn with_a_wait_the_request_is_answered_what_is_known_by_now() {
    let server = Server::start(&[]);
    let first = post(&server, request(), KEY).accepted();
    server.completed(&first.id);

    let headers = [("Content-Type", &form::content_type()[..]), ("Idempotency-Key", KEY)];
    let answer = wire::exchange(server.addr, "POST", "/batches?wait=20", &headers, &request().finish());
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, "true"), "{}", answer.lossy());
    assert_eq!((&answer.json()["id"], &answer.json()["state"]), (&first.id.into(), &"completed".into()));
}

#[test]
fn another_request_under_the_same_key_is_refused_and_leaves_nothing() {
    let server = Server::start(&[]);
    let first = post(&server, request(), KEY);
    let others = [
        Form::new().field("metadata", "{\"case\": 2}").file("a.txt", "some words").file("b.exe", "MZ"),
        Form::new().file("a.txt", "some words").file("b.exe", "MZ"),
        Form::new().field("metadata", "{\"case\": 1}").file("a.txt", "other words").file("b.exe", "MZ"),
        Form::new().field("metadata", "{\"case\": 1}").file("c.txt", "some words").file("b.exe", "MZ"),
        Form::new().field("metadata", "{\"case\": 1}").file("b.exe", "MZ").file("a.txt", "some words"),
        Form::new().field("metadata", "{\"case\": 1}").file("a.txt", "some words"),
        Form::new().field("metadata", "{\"case\": 1}").file("b.exe", "MZ"),
    ];
    for other in others {
        post(&server, other, KEY).assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(ids(&server), [first.accepted().id]);
    assert_replayed(&post(&server, request(), KEY), &first);
}

#[test]
fn a_key_that_is_none_is_refused_before_the_body_is_read() {
    let server = Server::start(&[]);
    for key in ["", "two words", "\"open", "\"a\", \"b\"", "\u{e9}", &"k".repeat(256)] {
        let mut client = Wire::open(server.addr);
        client.send(&head(key, 1 << 40));
        client.answer().assert_problem(400, "bad_idempotency_key");
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Content-Type", &form::content_type())];
    let mut client = Wire::open(server.addr);
    client.send(&wire::head("POST", "/batches", &twice, 1 << 40));
    client.answer().assert_problem(400, "bad_idempotency_key");
}

#[test]
fn the_first_answer_comes_again_after_a_restart_and_after_a_kill_right_behind_it() {
    let data = DataDir::new();
    let server = data.serve(&[]);
    let first = post(&server, request(), KEY);
    let server = server.kill().serve(&[]);
    assert_replayed(&post(&server, request(), KEY), &first);
    server.completed(&first.accepted().id);

    let mut server = server;
    assert!(server.terminate().success());
    let server = data.serve(&[]);
    assert_replayed(&post(&server, request(), KEY), &first);
    post(&server, Form::new().file("a.txt", "other"), KEY).assert_problem(422, "idempotency_key_reused");
    assert_eq!(ids(&server), [first.accepted().id]);
}

#[test]
fn the_first_answer_comes_again_from_a_job_log_that_was_made_anew() {
    let data = DataDir::new();
    let server = data.serve(&[]);
    let first = post(&server, request(), KEY);
    server.completed(&first.accepted().id);
    server.kill();

    assert!(data.doctor(&["--rebuild"]).status.success());
    let told = data.doctor(&[]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));

    assert_replayed(&post(&data.serve(&[]), request(), KEY), &first);
}

#[test]
fn while_the_first_is_under_way_the_same_key_is_turned_away_and_free_when_its_client_leaves() {
    let server = Server::start(&[]);
    let body = request().finish();
    for is_left in [true, false] {
        let mut slow = Wire::open(server.addr);
        slow.send(&head(KEY, body.len() as u64));
        slow.send(&body[..60]);
        wait_until("the first request to be let in", || server.metrics().sum("consign_uploads_open", &[]) >= 1.0);

        let turned_away = post(&server, request(), KEY);
        turned_away.assert_problem(409, "idempotency_conflict");
        assert!(turned_away.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));

        if is_left {
            slow.close();
            wait_until("the first request to be gone", || server.metrics().sum("consign_uploads_open", &[]) < 1.0);
        } else {
            slow.send(&body[60..]);
            let first = slow.answer();
            assert_replayed(&post(&server, request(), KEY), &first);
        }
    }
    assert_eq!(ids(&server).len(), 1);
}

#[test]
fn a_request_that_fails_leaves_the_key_free() {
    let server = Server::start(&[("LIMITS_UPLOAD_IDLE_MS_MAX", "300"), ("LIMITS_BATCH_FILES_MAX", "2")]);
    post(&server, Form::new().file("b.exe", "MZ"), KEY).assert_problem(422, "all_files_rejected");
    post(&server, request().field("metadata", "[]"), KEY).assert_problem(400, "bad_field");
    post(&server, request().file("c.txt", "c"), KEY).assert_problem(413, "too_many_files");
    post(&server, Form::new(), KEY).assert_problem(400, "no_files");
    let body = request().finish();
    let mut stalled = Wire::open(server.addr);
    stalled.send(&head(KEY, body.len() as u64));
    stalled.send(&body[..60]);
    stalled.answer().assert_problem(408, "request_timeout");

    let first = post(&server, request(), KEY);
    assert_eq!(first.find_header("idempotency-replayed"), None);
    assert_eq!(ids(&server), [first.accepted().id]);
}

#[test]
fn the_removal_of_a_batch_frees_its_key() {
    let data = DataDir::new();
    let server = data.serve(&[]);
    let first = post(&server, request(), KEY).accepted();
    server.completed(&first.id);
    assert_eq!(server.delete(&format!("/batches/{}", first.id)).status, 204);

    let second = post(&server, Form::new().file("a.txt", "other words"), KEY);
    assert_ne!(second.accepted().id, first.id);
    let server = server.kill().serve(&[]);
    assert_replayed(&post(&server, Form::new().file("a.txt", "other words"), KEY), &second);
    assert_eq!(ids(&server), [second.accepted().id]);
}

#[test]
fn a_key_whose_time_is_over_makes_another_batch() {
    let settings = [("LIMITS_IDEMPOTENCY_MS_MAX", "300")];
    let data = DataDir::new();
    let server = data.serve(&settings);
    let first = post(&server, request(), KEY).accepted().id;

    let second = wait_for("the end of the key's time", || {
        let id = post(&server, request(), KEY).accepted().id;
        (id != first).then_some(id)
    });

    let server = server.kill().serve(&settings);
    let ids = ids(&server);
    assert!(ids.contains(&first) && ids.contains(&second), "{ids:?}");
    drop(server);
    // A log that is made anew meets two batches with one key.
    assert!(data.doctor(&["--rebuild"]).status.success());
    let server = data.serve(&[]);
    assert_eq!(post(&server, request(), KEY).accepted().id, second, "the newer one has it");
}

#[test]
fn fifty_requests_of_eight_clients_under_one_key_make_one_batch() {
    let server = Server::start(&[]);
    for round in 0..5 {
        let key = format!("round-{round}");
        let (begin, sent) = (Barrier::new(8), AtomicUsize::new(0));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let client = || {
                begin.wait();
                // Those that are turned away come again, as clients do.
                let answered = || post(&server, request(), &key);
                let taken = || wait_for("an answer", || Some(answered()).filter(|answer| answer.status != 409));
                let next = || (sent.fetch_add(1, Ordering::Relaxed) < 50).then(taken);
                std::iter::from_fn(next).collect::<Vec<_>>()
            };
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
            clients.into_iter().flat_map(|client| client.join().expect("a client ends")).collect()
        });
        assert_eq!(answers.len(), 50);
        let first = answers.iter().filter(|answer| answer.find_header("idempotency-replayed").is_none());
        let first: Vec<_> = first.collect();
        assert_eq!(first.len(), 1, "one of {} answers is the first", answers.len());
        for answer in answers.iter().filter(|answer| answer.find_header("idempotency-replayed").is_some()) {
            assert_replayed(answer, first[0]);
        }
        assert_eq!(ids(&server).len(), round + 1);
    }
}

#[cfg(feature = "fault")]
mod faults {
    use super::*;
    use support::fault::Faults;

    #[test]
    fn a_seal_whose_answer_a_crash_took_is_met_again_and_one_that_was_not_durable_is_not() {
        for (fault, is_there) in [
            ("seal_append/before=crash", false),
            ("seal_sync/after=crash", true),
            ("log_enter/before=crash", true),
            ("log_enter/after=crash", true),
        ] {
            let data = DataDir::new();
            let faults = Faults::of(&data);
            let mut server = data.serve(&[faults.setting()]);
            faults.arm(fault);
            assert!(server.try_post_under(request(), KEY).is_err(), "{fault}");
            server.ended();
            faults.disarm();

            let server = data.serve(&[faults.setting()]);
            let answer = post(&server, request(), KEY);

            assert_eq!(answer.find_header("idempotency-replayed").is_some(), is_there, "{fault}");
            assert_eq!(ids(&server), [answer.accepted().id], "{fault}");
            server.completed(&answer.accepted().id);
        }
    }

    #[test]
    fn a_batch_that_the_disk_refuses_leaves_the_key_free_and_one_in_doubt_is_met_after_the_restart() {
        for (fault, status, is_there) in [("seal_sync/before=enospc", 507, false), ("log_enter/before=eio", 500, true)]
        {
            let data = DataDir::new();
            let faults = Faults::of(&data);
            let server = data.serve(&[faults.setting()]);
            faults.arm(fault);
            assert_eq!(post(&server, request(), KEY).status, status, "{fault}");

            // The server may start anew in place meanwhile.
            let answer = wait_for("the batch to be taken", || {
                server.try_post_under(request(), KEY).ok().filter(|answer| answer.status == 202)
            });

            assert_eq!(answer.find_header("idempotency-replayed").is_some(), is_there, "{fault}: {}", server.log());
            assert_eq!(ids(&server), [answer.accepted().id], "{fault}");
        }
    }
}
