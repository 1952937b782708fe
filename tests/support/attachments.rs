//! A client of DocsGPT's routes.

use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::client::agent;
use super::{Answer, Form, Server, form, wait_for, wire};

/// Where attachments are sent.
pub const STORE: &str = "/api/store_attachment";

/// Adds an attachment under a name, as browsers write it.
pub fn attachment(form: Form, name: &str, bytes: impl AsRef<[u8]>) -> Form {
    let name = name.replace('\\', "\\\\").replace('"', "%22");
    form.part(&[format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"")], bytes)
}

/// Sends attachments.
pub fn store(server: &Server, form: Form, headers: &[(&str, &str)]) -> Answer {
    store_at(server, STORE, form, headers)
}

/// Sends attachments to a path with a query.
pub fn store_at(server: &Server, path: &str, form: Form, headers: &[(&str, &str)]) -> Answer {
    let content_type = form::content_type();
    let headers = [&[("Content-Type", content_type.as_str())], headers].concat();
    wire::exchange(server.addr, "POST", path, &headers, &form.finish())
}

/// The id of one attachment that the server must take.
pub fn stored(server: &Server, form: Form) -> String {
    let answer = store(server, form, &[]);
    assert_eq!(answer.status, 200, "{}", answer.lossy());
    answer.json()["attachment_id"].as_str().expect("an attachment has an id").to_owned()
}

/// The status of a task.
pub fn task(server: &Server, id: &str, headers: &[(&str, &str)]) -> Answer {
    server.request("GET", &format!("/api/task_status?task_id={id}"), headers)
}

/// The result of a task once it is in this state.
pub fn until_task(server: &Server, id: &str, state: &str) -> Value {
    wait_for(&format!("a task to be {state}"), || {
        let mut answer = task(server, id, &[]).json();
        (answer["status"] == state).then(|| answer["result"].take())
    })
}

/// A stream of records.
pub struct Records(BufReader<Box<dyn Read>>);

impl Records {
    pub fn open(server: &Server, query: &str) -> Self {
        let path = format!("/api/events{query}");
        let response = agent().get(server.url(&path)).call().unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(response.status().as_u16(), 200, "GET {path}");
        Self(BufReader::new(Box::new(response.into_body().into_with_config().limit(u64::MAX).reader())))
    }

    /// The next lines up to an empty one.
    fn block(&mut self) -> Vec<String> {
        let lines = self.0.by_ref().lines().map(|line| line.expect("the stream goes on"));
        lines.take_while(|line| !line.is_empty()).collect()
    }

    /// The comment that comes next.
    pub fn comment(&mut self) -> String {
        let block = self.block();
        assert!(block.len() == 1 && block[0].starts_with(": "), "{block:?}");
        block[0].clone()
    }

    /// The next record, past comments; its id is the same in its data.
    pub fn record(&mut self) -> Value {
        loop {
            let block = self.block();
            let Some((data, before)) = block.split_last() else { panic!("the stream has ended") };
            let Some(data) = data.strip_prefix("data: ") else {
                assert!(data.starts_with(": "), "{block:?}");
                continue;
            };
            let record: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"));
            let expected = record["id"].as_str().map(|id| format!("id: {id}"));
            assert_eq!(before, expected.as_slice());
            return record;
        }
    }
}
