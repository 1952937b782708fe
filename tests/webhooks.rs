//! Webhooks: who is named is told of a batch's end at least once, signed, under an id that stays; and nobody is called whom
//! the caller could not reach.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use consign::webhooks::Secret;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use support::openapi::Description;
use support::receiver::{Received, Receiver, Reply};
use support::server::{Setting, write_file};
use support::status::Webhook;
use support::{Batch, DataDir, Form, Server, wait_for};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Calls loopback, and tries again at once.
const EAGER: [Setting<'_>; 3] =
    [("WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_PRIVATE", "127.0.0.1"), ("WEBHOOK_RETRY_MS_BASE", "20")];

/// Calls loopback, and does not try again while the test runs.
const PATIENT: [Setting<'_>; 3] =
    [("WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_PRIVATE", "127.0.0.1"), ("WEBHOOK_RETRY_MS_BASE", "3600000")];

/// Calls loopback, and tries once.
const ONCE: [Setting<'_>; 3] =
    [("WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_PRIVATE", "127.0.0.1"), ("WEBHOOK_RETRY_MS_MAX", "0")];

fn taken(_: usize) -> Reply {
    Reply::status(204)
}

fn form(url: &str) -> Form {
    Form::new().field("webhook", url).file("a.txt", "some words")
}

/// The batch's one delivery once it is in this state.
fn delivery(server: &Server, id: &str, state: &str) -> Webhook {
    wait_for("a delivery to be made", || {
        let webhooks = server.batch(id).webhooks;
        assert_eq!(webhooks.len(), 1, "{webhooks:?}");
        webhooks.into_iter().find(|webhook| webhook.state == state)
    })
}

fn ids(calls: &[Received]) -> Vec<&str> {
    calls.iter().map(Received::id).collect()
}

#[test]
fn a_completed_batch_is_told_signed_and_its_status_says_so() {
    let receiver = Receiver::start(taken);
    let server = Server::start(&EAGER);

    let accepted = server.upload(form(&receiver.url("/hook?token=t0ken")).field("metadata", "{\"case\": 7}"));
    assert_eq!((accepted.webhooks[0].state.as_str(), accepted.webhooks[0].attempts), ("pending", 0));
    let batch = server.completed(&accepted.id);

    let told = &receiver.first(1)[0];
    told.assert_signed(SECRET);
    assert_eq!((told.target.as_str(), told.header("content-type")), ("/hook?token=t0ken", "application/json"));
    assert_eq!(told.header("host"), receiver.addr.to_string());
    assert_eq!(told.id(), format!("{}-1", batch.id));
    let news = told.json();
    assert_eq!((&news["type"], &news["timestamp"]), (&"batch.completed".into(), &batch.finished_at.clone().into()));
    let description = Description::of(&server);
    let described = &description.document["webhooks"]["batchCompleted"]["post"]["requestBody"]["content"];
    description.assert_fits(&described["application/json"]["schema"], &news, "what is told");
    description.assert_fits(
        &described["application/json"]["schema"],
        &described["application/json"]["example"],
        "the example",
    );
    let mut status = server.ok(&format!("/batches/{}", batch.id)).json();
    description.assert_fits(&json!({"$ref": "#/components/schemas/Batch"}), &status, "the status");
    for left_out in ["files", "webhooks"] {
        status.as_object_mut().expect("a status is an object").remove(left_out);
    }
    assert_eq!((&news["data"], &news["data"]["metadata"]["case"]), (&status, &7.into()));
    let delivered = delivery(&server, &batch.id, "delivered");
    assert_eq!((delivered.url, delivered.attempts, delivered.last_status), (receiver.url("/hook"), 1, Some(204)));
    assert!(delivered.delivered_at >= batch.finished_at && delivered.next_attempt_at.is_none());
    let delivered = [("result", "delivered")];
    assert!((server.metrics().sum("consign_webhook_deliveries_total", &delivered) - 1.0).abs() < 0.1);
    assert!(server.log().contains(&batch.id) && !server.log().contains("t0ken"), "what lets somebody in is not logged");
}

#[test]
fn the_servers_own_place_is_told_of_every_batch_and_a_place_that_is_named_twice_once() {
    let [own, other] = [(), ()].map(|()| Receiver::start(taken));
    let url = own.url("/all");
    let server = Server::start(&[EAGER.as_slice(), &[("WEBHOOK_URL", &url)]].concat());

    let named = server.process(form(&other.url("/one")));
    let same = server.process(form(&url));
    let none = server.process(Form::new().file("a.txt", "some words"));

    let mut told: Vec<_> = own.first(3).iter().map(|told| told.json()["data"]["id"].clone()).collect();
    told.sort_by_key(Value::to_string);
    assert_eq!(told, [named.id.as_str(), &same.id, &none.id], "ids are in order of time");
    assert_eq!(other.first(1)[0].id(), format!("{}-1", named.id));
    delivery(&server, &same.id, "delivered");
    assert_eq!(delivery(&server, &none.id, "delivered").url, own.url(""), "others see no more than where it is");
    assert_eq!((own.received().len(), other.received().len()), (3, 1));
}

#[test]
fn what_is_not_taken_is_tried_again_with_the_same_id_and_body() {
    let receiver = Receiver::start(|before| match before {
        0 => Reply::status(500),
        1 => Reply::Silence,
        2 => Reply::Status(503, "retry-after: 0\r\n".to_owned()),
        3 => Reply::status(404),
        _ => Reply::status(200),
    });
    let server = Server::start(&[EAGER.as_slice(), &[("WEBHOOK_TIMEOUT_MS_MAX", "500")]].concat());

    let batch = server.process(form(&receiver.url("/")));

    let delivered = delivery(&server, &batch.id, "delivered");
    assert_eq!((delivered.attempts, delivered.last_status), (5, Some(200)));
    let calls = receiver.received();
    assert_eq!(calls.len(), 5);
    for told in &calls {
        told.assert_signed(SECRET);
        assert_eq!((told.id(), &told.body), (calls[0].id(), &calls[0].body));
    }
    assert!((server.metrics().sum("consign_webhook_deliveries_total", &[("result", "retried")]) - 4.0).abs() < 0.1);
}

#[test]
fn a_receiver_that_hangs_holds_up_no_other() {
    let (hanging, well) = (Receiver::start(|_| Reply::Silence), Receiver::start(taken));
    let server = Server::start(&[
        ("WEBHOOK_SECRET", SECRET),
        ("WEBHOOK_ALLOW_PRIVATE", "127.0.0.1,::1"),
        ("WEBHOOK_TIMEOUT_MS_MAX", "3600000"),
        ("WEBHOOK_DELIVERIES_MAX", "3"),
    ]);
    for _ in 0..6 {
        server.process(form(&hanging.url("/")));
    }
    hanging.first(2);

    let batch = server.process(form(&format!("http://localhost:{}/", well.addr.port())));

    delivery(&server, &batch.id, "delivered");
    assert_eq!(hanging.received().len(), 2, "no receiver is called more than twice at one time");
}

#[test]
fn a_receiver_that_is_gone_is_given_up_and_so_is_one_whose_time_is_over() {
    let gone = Receiver::start(|_| Reply::status(410));
    let server = Server::start(&PATIENT);
    let batch = server.process(form(&gone.url("/")));
    let failed = delivery(&server, &batch.id, "failed");
    assert_eq!((failed.attempts, failed.last_status, failed.next_attempt_at), (1, Some(410), None));

    let ill = Receiver::start(|_| Reply::status(500));
    let server = Server::start(&ONCE);
    let batch = server.process(form(&ill.url("/")));
    let failed = delivery(&server, &batch.id, "failed");
    assert_eq!((failed.attempts, failed.last_status, failed.delivered_at), (1, Some(500), None));
}

#[test]
fn kills_between_the_end_of_batches_and_their_deliveries_lose_none() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let receiver = Receiver::start(move |before| {
        let reply = if before % 3 == 0 { Reply::Silence } else { Reply::status(500) };
        if well.load(Ordering::SeqCst) { Reply::status(204) } else { reply }
    });
    let data = DataDir::new();
    let mut batches = Vec::new();
    for round in 0..5 {
        let server = data.serve(&EAGER);
        let forms = (0..4).map(|_| form(&receiver.url("/")));
        let new: Vec<_> = forms.map(|form| server.upload(form).id).collect();
        // Some are completed when the server is killed, some are being told, and some are on their way.
        server.completed(&new[round % 4]);
        batches.extend(new);
        server.kill();
    }

    is_well.store(true, Ordering::SeqCst);
    let mut server = data.serve(&EAGER);

    for id in &batches {
        server.completed(id).assert_succeeded();
        delivery(&server, id, "delivered");
    }
    let calls = receiver.received();
    let mut told = ids(&calls);
    told.sort_unstable();
    told.dedup();
    let expected: Vec<_> = batches.iter().map(|id| format!("{id}-1")).collect();
    assert_eq!(told, expected, "each batch was told, under one id");
    assert!(server.terminate().success());
    let sound = data.doctor(&[]);
    assert!(sound.status.success(), "{sound:?}");
}

#[test]
fn a_call_that_a_kill_or_a_drain_cuts_short_is_made_again_and_holds_up_neither() {
    for is_drain in [false, true] {
        let receiver = Receiver::start(|before| if before == 0 { Reply::Silence } else { Reply::status(204) });
        let settings = [EAGER.as_slice(), &[("WEBHOOK_TIMEOUT_MS_MAX", "3600000")]].concat();
        let data = DataDir::new();
        let mut server = data.serve(&settings);
        let batch = server.process(form(&receiver.url("/")));
        receiver.first(1);

        if is_drain {
            assert!(server.terminate().success(), "the end does not wait for the receiver");
        } else {
            server.kill();
        }

        let server = data.serve(&settings);
        let delivered = delivery(&server, &batch.id, "delivered");
        assert_eq!(delivered.attempts, 1, "what was cut short was not written down");
        let calls = receiver.first(2);
        assert_eq!(ids(&calls), [format!("{}-1", batch.id), format!("{}-1", batch.id)]);
        assert_eq!(calls[0].body, calls[1].body);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let inner = Receiver::start(taken);
    let location = format!("location: {}\r\n", inner.url("/inner"));
    let outer = Receiver::start(move |before| Reply::Status([301, 302, 303, 307, 308][before], location.clone()));
    let server = Server::start(&ONCE);

    for status in [301, 302, 303, 307, 308] {
        let batch = server.process(form(&outer.url("/")));
        let failed = delivery(&server, &batch.id, "failed");
        assert_eq!(failed.last_status, Some(status));
    }

    assert_eq!(inner.received().len(), 0);
}

#[test]
fn addresses_that_are_not_everybodys_are_refused_and_names_of_them_are_not_called() {
    let receiver = Receiver::start(taken);
    let port = receiver.addr.port();
    let server = Server::start(&[("WEBHOOK_SECRET", SECRET), ("WEBHOOK_RETRY_MS_MAX", "0")]);
    for host in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        server.post(form(&format!("http://{host}:{port}/"))).assert_problem(400, "bad_field");
    }

    for host in ["localhost", "127.1", "2130706433", "0x7f000001", "0"] {
        let batch = server.process(form(&format!("http://{host}:{port}/")));
        let failed = delivery(&server, &batch.id, "failed");
        assert_eq!((failed.attempts, failed.last_status), (1, None), "{host}");
    }

    assert_eq!(receiver.received().len(), 0);
    assert!(server.log().contains("is not called"));
}

#[test]
fn a_field_that_is_no_url_or_cannot_be_signed_for_is_refused() {
    let server = Server::start(&EAGER);
    for url in ["", "example.org", "ftp://example.org/", "http://user:word@example.org/", "http://example.org/#part"] {
        server.post(form(url)).assert_problem(400, "bad_field");
    }
    server.post(form("http://example.org/").field("webhook", "http://example.org/")).assert_problem(400, "bad_field");

    let without = Server::start(&[]);
    let problem = without.post(form("http://example.org/")).assert_problem(400, "bad_field");
    assert!(problem["detail"].as_str().unwrap().contains("webhook.secret"), "{problem}");
    assert_eq!(without.process(Form::new().file("a.txt", "words")).webhooks.len(), 0);
}

#[test]
fn a_request_that_is_sent_again_with_another_webhook_is_another() {
    let receiver = Receiver::start(taken);
    let server = Server::start(&EAGER);
    let key = [("idempotency-key", "a-key")];

    let first = server.post_with(form(&receiver.url("/a")), &key).accepted();
    let again = server.post_with(form(&receiver.url("/a")), &key).accepted();
    assert_eq!(first.id, again.id);
    server.post_with(form(&receiver.url("/b")), &key).assert_problem(422, "idempotency_key_reused");

    server.completed(&first.id);
    delivery(&server, &first.id, "delivered");
    let replayed = server.post_with(form(&receiver.url("/a")), &key).accepted();
    assert_eq!(replayed.webhooks[0].state, "pending", "the answer is the one that was given");
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_batch_that_is_removed_takes_its_deliveries_with_it() {
    let receiver = Receiver::start(|before| Reply::status(if before == 0 { 500 } else { 204 }));
    let data = DataDir::new();
    let server = data.serve(&PATIENT);
    let removed = server.process(form(&receiver.url("/")));
    receiver.first(1);

    assert_eq!(server.delete(&format!("/batches/{}", removed.id)).status, 204);

    let server = server.kill().serve(&EAGER);
    let kept = server.process(form(&receiver.url("/")));
    let mut server = server;
    delivery(&server, &kept.id, "delivered");
    let calls = receiver.received();
    assert_eq!(ids(&calls), [format!("{}-1", removed.id), format!("{}-1", kept.id)]);
    assert!(server.terminate().success());
    let sound = data.doctor(&[]);
    assert!(sound.status.success(), "{sound:?}");
}

#[test]
fn a_batch_that_is_retried_is_told_again_under_another_id() {
    let receiver = Receiver::start(taken);
    let data = DataDir::new();
    let mut server = data.serve(&[EAGER.as_slice(), &[("LIMITS_EXTRACT_BYTES_MAX", "4")]].concat());
    let batch = server.process(form(&receiver.url("/")));
    assert_eq!(batch.outcome.as_deref(), Some("failed"));
    delivery(&server, &batch.id, "delivered");
    assert!(server.terminate().success());

    let server = data.serve(&EAGER);
    let answer = server.post_to(&format!("/batches/{}/retry?wait=60", batch.id));
    Batch::of(&answer.json()).assert_succeeded();

    let calls = receiver.first(2);
    assert_eq!(ids(&calls), [format!("{}-1", batch.id), format!("{}-2", batch.id)]);
    let outcomes = calls.iter().map(|told| told.json()["data"]["outcome"].clone());
    assert_eq!(outcomes.collect::<Vec<_>>(), ["failed", "succeeded"]);
    delivery(&server, &batch.id, "delivered");
}

#[test]
fn a_job_log_that_is_made_anew_still_knows_whom_to_tell() {
    let receiver = Receiver::start(|before| Reply::status(if before == 0 { 500 } else { 204 }));
    let data = DataDir::new();
    let mut server = data.serve(&PATIENT);
    let batch = server.process(form(&receiver.url("/")));
    receiver.first(1);
    assert!(server.terminate().success());

    let rebuilt = data.doctor(&["--rebuild"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");

    let server = data.serve(&PATIENT);
    delivery(&server, &batch.id, "delivered");
    let calls = receiver.received();
    assert_eq!(ids(&calls), [format!("{}-1", batch.id), format!("{}-1", batch.id)]);
}

#[test]
fn a_receiver_with_tls_is_known_by_its_name() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap());
    let receiver = Receiver::start_with(taken, move |stream| {
        Some(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).ok()?, stream))
    });
    let url = format!("https://localhost:{}/", receiver.addr.port());
    let settings = [ONCE.as_slice(), &[("WEBHOOK_ALLOW_PRIVATE", "127.0.0.1,::1")]].concat();

    let stranger = Server::start(&settings);
    let batch = stranger.process(form(&url));
    assert_eq!(delivery(&stranger, &batch.id, "failed").last_status, None, "nobody vouches for the receiver");
    assert_eq!(receiver.received().len(), 0);

    let data = DataDir::after("SSL_CERT_FILE=root.pem; export SSL_CERT_FILE; exec");
    write_file(&data.scratch().join("root.pem"), cert.pem().as_bytes());
    let server = data.serve(&settings);
    let batch = server.process(form(&url));
    delivery(&server, &batch.id, "delivered");
    let told = &receiver.first(1)[0];
    told.assert_signed(SECRET);
    assert_eq!(told.header("host"), format!("localhost:{}", receiver.addr.port()));
}

#[test]
fn a_secret_is_printed_once_and_never_shown_by_the_settings() {
    let data = DataDir::new();
    let made = data.run(&["webhook", "secret"]);
    let secret = String::from_utf8(made.stdout).unwrap();
    let secret = secret.trim();
    assert!(Secret::parse(secret).is_ok(), "{secret}");

    let shown = data.run(&["config", "--set", &format!("webhook.secret={secret}")]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("secret = \"…\"") && !shown.contains(&secret[6..]), "{shown}");
    let url = "webhook.url=https://example.org/";
    for (sets, told) in [(vec![url], "webhook.secret"), (vec!["webhook.secret=word"], "whsec_")] {
        let words: Vec<_> = ["config"].into_iter().chain(sets.into_iter().flat_map(|set| ["--set", set])).collect();
        let refused = data.run(&words);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(told), "{said}");
    }
}
