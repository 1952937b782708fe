//! Visits to streams of events.

use rustix::process::Signal;

use super::server::known;
use crate::support::openapi::Description;
use crate::support::{Answer, Form, Server, wait_until};

pub fn of_a_batch(server: &Server, description: &Description) {
    let batch = server.process(Form::new().file("a.txt", "some words").file("b.exe", "MZ"));
    let path = format!("/batches/{}/events", batch.id);
    let known = |answer: Answer, status| known(description, "follow_batch", answer, status);
    let told = known(server.get(&path), 200).text();
    let last = told.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().expect("events have ids");
    known(server.request("GET", &path, &[("last-event-id", last)]), 204);
    known(server.get(&format!("{path}?last_event_id=first")), 400);
    known(server.get(&format!("/batches/{}/events", batch.files[0].id)), 404);
}

/// Streams that end with their server, and those for which there is no place beside them.
pub fn of_all(description: &Description) {
    let server = Server::start(&[("EVENTS_STREAMS_OPEN_MAX", "2")]);
    let batch = server.process(Form::new().file("a.txt", "some words"));
    let known = |name, answer: Answer, status| known(description, name, answer, status);
    known("follow_batches", server.get("/events?last_event_id=first"), 400);
    std::thread::scope(|scope| {
        let streams =
            [("follow_batches", "/events?last_event_id=0"), ("follow_attachments", "/api/events?last_event_id=0-0")]
                .map(|(name, path)| (name, scope.spawn(|| server.get(path))));
        wait_until("the streams to be open", || server.metrics().sum("consign_event_streams_open", &[]) >= 2.0);
        let of_batch = format!("/batches/{}/events", batch.id);
        for (name, path) in [("follow_batches", "/events"), ("follow_batch", of_batch.as_str())] {
            known(name, server.get(path), 429).assert_problem(429, "too_many_streams");
        }
        server.signal(Signal::TERM);
        for (name, stream) in streams {
            known(name, stream.join().expect("the stream ends"), 200);
        }
    });
}
