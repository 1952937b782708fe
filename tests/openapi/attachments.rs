//! Visits to the routes that DocsGPT's front end calls.

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use consign::http::{ApiError, Refusal};

use super::server::known;
use crate::support::attachments::{STORE, attachment, store, task, until_task};
use crate::support::openapi::Description;
use crate::support::wire::{self, Wire};
use crate::support::{Answer, DataDir, Form, Server, form};

fn one() -> Form {
    attachment(Form::new(), "a.txt", "words")
}

pub fn stored_and_told(server: &Server, description: &Description) {
    let known = |name, answer: Answer, status| known(description, name, answer, status);
    let stored = known("store_attachment", store(server, one(), &[]), 200);
    known("store_attachment", store(server, attachment(one(), "b.mp4", "words"), &[]), 200);
    known("store_attachment", store(server, Form::new(), &[]), 400);
    known("store_attachment", store(server, attachment(Form::new(), "b.mp4", "words"), &[]), 400);
    let id = stored.json()["task_id"].as_str().expect("an id").to_owned();
    until_task(server, &id, "SUCCESS");
    for id in [&id, "x"] {
        known("get_task_status", task(server, id, &[]), 200);
    }
    known("get_task_status", server.get("/api/task_status"), 400);
    known("follow_attachments", server.request("HEAD", "/api/events", &[]), 200);
}

pub fn turned_away(server: &Server, description: &Description) {
    let known = |name, answer: Answer, status| known(description, name, answer, status);
    let data = DataDir::new();
    let poor = data.new_key("poor", "requests_minute_max = 1\n");
    let keyed = data.serve(&[("LIMITS_FILE_BYTES_MAX", "1 KiB")]);
    let large = attachment(Form::new(), "a.txt", "words ".repeat(300));
    known("store_attachment", store(&keyed, large, &[poor.header()]), 413);
    known("store_attachment", store(&keyed, one(), &[poor.header()]), 429);
    known("store_attachment", store(&keyed, one(), &[]), 401);
    for (name, path) in [("get_task_status", "/api/task_status?task_id=x"), ("follow_attachments", "/api/events")] {
        known(name, keyed.request("GET", path, &[poor.header()]), 429);
        known(name, keyed.get(path), 401);
    }
    let slow = Server::start(&[("LIMITS_UPLOAD_IDLE_MS_MAX", "100")]);
    let mut wire = Wire::open(slow.addr);
    wire.send(&wire::head("POST", STORE, &[("Content-Type", &form::content_type())], 1_000));
    known("store_attachment", wire.answer(), 408);
    // What cannot be asked for, as it would be answered.
    for (name, refusal) in [
        ("store_attachment", Refusal::Other(ApiError::StorageUnavailable)),
        ("store_attachment", Refusal::Other(ApiError::DiskFull)),
        ("get_task_status", Refusal::NoWorker),
        ("follow_attachments", Refusal::Other(ApiError::Draining)),
    ] {
        description.assert_known(name, &whole(server, refusal.response("an-id")));
    }
}

/// An answer that a handler made, with what every answer has.
fn whole(server: &Server, response: HttpResponse) -> Answer {
    let status = response.status().as_u16();
    let of_the_body = ["content-type", "content-length", "date", "connection"];
    let mut headers = server.get("/no/such/thing").headers;
    headers.retain(|(name, _)| !of_the_body.contains(&name.as_str()));
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).expect("a header is text");
    headers.extend(response.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))));
    let body = response.into_body().try_into_bytes().expect("an answer is whole").to_vec();
    Answer { status, headers, body }
}
