//! A reader of server-sent events (HTML standard, section 9.2.6) that remembers where it was.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::client::{Answer, agent, answer};
use super::{Batch, Server};

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Option<u64>,
    pub name: String,
    pub data: Value,
}

impl Event {
    /// The member of its data that says what it is about, as text.
    pub fn text(&self, pointer: &str) -> &str {
        self.data.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {self:?}"))
    }

    /// The state of the file that it tells of.
    pub fn state(&self) -> &str {
        self.text("/file/state")
    }

    /// What it says in short: a batch's change, or a file's index and state.
    pub fn short(&self) -> String {
        match self.name.as_str() {
            "batch" => self.text("/change").to_owned(),
            "file" => format!("{} {}", self.data["file"]["index"], self.state()),
            name => name.to_owned(),
        }
    }
}

/// What comes on a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Event(Event),
    Heartbeat,
}

/// A stream of events.
pub struct Events {
    lines: BufReader<Box<dyn Read + Send>>,
    /// As a browser keeps it.
    pub last_id: Option<u64>,
    pub retry_ms: Option<u64>,
}

impl Events {
    pub fn of(reader: impl Read + Send + 'static) -> Self {
        Self { lines: BufReader::new(Box::new(reader)), last_id: None, retry_ms: None }
    }

    /// The next event, past heartbeats; none at the end of the stream.
    pub fn event(&mut self) -> Option<Event> {
        self.find_map(|told| if let Told::Event(event) = told { Some(event) } else { None })
    }

    /// The events up to the end of the stream, or up to the first that is `last`.
    pub fn until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.event() {
            let is_last = last(&event);
            events.push(event);
            if is_last {
                break;
            }
        }
        events
    }

    pub fn rest(&mut self) -> Vec<Event> {
        self.until(|_| false)
    }
}

impl Iterator for Events {
    type Item = Told;

    /// What breaks off before its empty line is no event.
    fn next(&mut self) -> Option<Told> {
        let (mut id, mut name, mut data, mut is_comment) = (None, String::new(), String::new(), false);
        loop {
            let mut line = String::new();
            if !matches!(self.lines.read_line(&mut line), Ok(1..)) || !line.ends_with('\n') {
                return None;
            }
            let line = line.trim_end_matches('\n');
            if line.is_empty() {
                self.last_id = id.or(self.last_id);
                if !data.is_empty() {
                    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error} in {data}"));
                    return Some(Told::Event(Event { id, name, data }));
                } else if is_comment {
                    return Some(Told::Heartbeat);
                }
                id = None;
                continue;
            }
            match line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no line of an event stream")) {
                ("id", value) => id = Some(value.parse().expect("an id is a number")),
                ("event", value) => value.clone_into(&mut name),
                ("data", value) => data.push_str(value),
                ("retry", value) => self.retry_ms = Some(value.parse().expect("a time is a number")),
                ("", _) => is_comment = true,
                (field, _) => panic!("no event has a field {field:?}"),
            }
        }
    }
}

impl Server {
    /// A stream, or the answer that there is none.
    pub fn try_events(&self, path: &str, last_id: Option<u64>) -> Result<Events, Answer> {
        let request = agent().get(self.url(path));
        let request = last_id.into_iter().fold(request, |request, id| request.header("last-event-id", id.to_string()));
        let response = request.call().unwrap_or_else(|error| panic!("GET {path}: {error}"));
        if response.status().as_u16() != 200 {
            return Err(answer(response));
        }
        Ok(Events::of(response.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    pub fn events(&self, path: &str, last_id: Option<u64>) -> Events {
        self.try_events(path, last_id).unwrap_or_else(|answer| panic!("GET {path}: {}", answer.lossy()))
    }
}

/// Everything that one reader was told over all its streams.
#[derive(Debug, Default)]
pub struct Reader {
    pub last_id: Option<u64>,
    /// How each file ended, as often as it was told.
    ends: BTreeMap<String, Vec<String>>,
    changes: BTreeMap<String, Vec<String>>,
}

impl Reader {
    /// One that wants to hear of everything that ever happened.
    pub fn from_the_beginning() -> Self {
        Self { last_id: Some(0), ..Self::default() }
    }

    pub fn take(&mut self, event: &Event) {
        if let Some(id) = event.id {
            assert!(self.last_id.is_none_or(|last| last < id), "{id} comes after {:?}", self.last_id);
            self.last_id = Some(id);
        }
        match (event.name.as_str(), event.id) {
            ("file", Some(_)) => {
                let ends = self.ends.entry(event.text("/file/id").to_owned()).or_default();
                ends.push(event.state().to_owned());
            }
            ("file", None) => assert!(["verified", "processing", "retrying"].contains(&event.state()), "{event:?}"),
            ("batch", Some(_)) => {
                let changes = self.changes.entry(event.text("/id").to_owned()).or_default();
                changes.push(event.text("/change").to_owned());
            }
            _ => panic!("{event:?} is not expected"),
        }
    }

    /// Whether the reader has heard of the end of the batch.
    pub fn has_completed(&self, batch: &str) -> bool {
        self.changes.get(batch).is_some_and(|changes| changes.iter().any(|change| change == "completed"))
    }

    /// Asserts that each end of a completed batch was told once, and the batch's own beginning and end.
    pub fn assert_heard(&self, batch: &Batch) {
        assert_eq!(self.changes.get(&batch.id).cloned().unwrap_or_default(), ["accepted", "completed"], "{}", batch.id);
        for file in &batch.files {
            let ends = self.ends.get(&file.id).cloned().unwrap_or_default();
            assert_eq!(ends, std::slice::from_ref(&file.state), "file {} of batch {}", file.index, batch.id);
        }
    }
}
