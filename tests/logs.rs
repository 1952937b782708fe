//! The log: its two formats, and the lines of requests.

mod support;

use serde_json::Value;
use support::{Form, Server, wait_for, wait_until};

/// The lines of a log that is JSON.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    // What is being written at this moment has no end yet.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The first line with all these members.
fn line(server: &Server, wanted: &[(&str, &str)]) -> Value {
    wait_for(&format!("a line with {wanted:?}"), || {
        lines(server).into_iter().find(|line| wanted.iter().all(|(name, value)| line[*name] == *value))
    })
}

#[test]
fn a_line_of_json_names_what_it_is_about() {
    let server = Server::start(&[("LOG_FORMAT", "json")]);
    let answer = server.post_with(Form::new().file("a.txt", "some words"), &[("x-request-id", "mine-1")]);
    let batch = answer.accepted().id;
    server.completed(&batch);

    let accepted = line(&server, &[("request_id", "mine-1"), ("target", "consign::http::upload")]);
    assert_eq!((&accepted["batch_id"], &accepted["level"]), (&Value::from(batch.as_str()), &Value::from("info")));
    assert_eq!(accepted["message"], "accepted with 1 files");
    line(&server, &[("batch_id", &batch), ("message", "completed")]);
    for line in lines(&server) {
        assert!(["ts", "level", "target", "message"].iter().all(|name| line[*name].is_string()), "{line}");
    }
}

#[test]
fn what_a_handler_logs_of_a_batch_has_the_id_of_its_request() {
    let server = Server::start(&[("LOG_FORMAT", "json")]);
    let batch = server.process(Form::new().file("a.txt", "some words")).id;
    let removed = server.request("DELETE", &format!("/batches/{batch}"), &[("x-request-id", "mine-2")]);
    assert_eq!(removed.status, 204);
    let line = line(&server, &[("batch_id", &batch), ("message", "removed")]);
    assert_eq!(line["request_id"], "mine-2");
}

#[test]
fn each_request_has_its_line_with_what_came_of_it() {
    let server = Server::start(&[("LOG_FORMAT", "json")]);
    let batch = server.process(Form::new().file("a.txt", "some words")).id;
    let path = format!("/batches/{batch}/results");
    let sent = server.request("GET", &path, &[("x-request-id", "mine-3")]).body.len();

    let access = line(&server, &[("request_id", "mine-3"), ("target", "consign::access")]);
    assert_eq!(access["method"], "GET");
    assert_eq!(access["route"], "/batches/{batch}/results");
    assert_eq!(access["path"], path);
    assert_eq!(access["status"], 200);
    assert_eq!(access["bytes"], sent, "of a body whose length was not known beforehand");
    assert_eq!(access["caller"], "local");
    assert!(access["ms"].is_u64(), "{access}");

    server.request("HEAD", "/docs", &[("x-request-id", "mine-4")]);
    let head = line(&server, &[("request_id", "mine-4"), ("target", "consign::access")]);
    assert_eq!((&head["bytes"], &head["caller"]), (&Value::from(0), &Value::Null), "nobody was asked for a key");

    server.request("GET", "/no/such/thing", &[("x-request-id", "mine-5")]);
    let lost = line(&server, &[("request_id", "mine-5"), ("target", "consign::access")]);
    assert_eq!((&lost["status"], &lost["route"]), (&Value::from(404), &Value::Null));
}

#[test]
fn lines_of_requests_can_be_turned_off_alone() {
    let mut server = Server::start(&[("LOG_ACCESS", "false")]);
    server.get("/healthz");
    server.process(Form::new().file("a.txt", "some words"));
    server.terminate();
    let log = server.log();
    assert!(log.contains("drained") && log.contains(": accepted with 1 files"), "{log}");
    assert!(!log.contains("consign::access") && !log.contains("answered 200"), "{log}");
}

#[test]
fn people_get_a_line_that_begins_with_the_ids() {
    let server = Server::start(&[]);
    server.request("GET", "/healthz", &[("x-request-id", "mine-6")]);
    let expected = "consign::access: request mine-6: GET \"/healthz\" by nobody known answered 200 with ";
    wait_until("the request's line", || server.log().contains(expected));
}
