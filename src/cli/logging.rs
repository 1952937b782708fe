//! The log: `env_logger` with two formats of its own, one for people and one for programs.
//!
//! A message that is about something begins with it: `request ID: `, `batch ID: `, `file ID: `, in this order where there
//! are several. As JSON these are members, not text, and two are added: a file's batch, which its id tells, and the request
//! during whose handling the line was written. What else a line says in the `log` crate's key-values becomes members, too.

use std::io::{self, Write};

use jiff::Timestamp;
use log::kv::{self, VisitSource, VisitValue};
use log::{LevelFilter, Record};
use serde::Serializer as _;
use serde_json::Value;

use crate::batch::{BatchId, FileId};
use crate::config::{LogFormat, LogSettings};
use crate::http::{ACCESS_TARGET, current_request};

/// The environment's word on what is logged, such as `warn` or `consign::spool=debug`.
const FILTER_VARIABLE: &str = "CONSIGN_LOG";

/// Starts the log: to standard error, from `level` upwards unless `CONSIGN_LOG` says otherwise.
pub fn start_log(level: &str, settings: &LogSettings) {
    let &LogSettings { format, access } = settings;
    let mut builder = env_logger::Builder::from_env(env_logger::Env::new().filter_or(FILTER_VARIABLE, level));
    if !access {
        builder.filter_module(ACCESS_TARGET, LevelFilter::Off);
    }
    match format {
        LogFormat::Human => builder.format(|line, record| {
            let now = Timestamp::now();
            let (level, target) = (record.level(), record.target());
            let style = line.default_level_style(level);
            writeln!(line, "{now:.3} {style}{level:<5}{style:#} {target}: {}", record.args())
        }),
        LogFormat::Json => builder.format(|line, record| {
            let request = current_request().map(|id| id.to_string());
            write_json(line, record, Timestamp::now(), request)
        }),
    };
    builder.init();
}

/// Writes a record as a line of JSON; `request` is the one that is being handled.
fn write_json(line: &mut impl Write, record: &Record<'_>, now: Timestamp, request: Option<String>) -> io::Result<()> {
    let text = record.args().to_string();
    let Subject { request_id, batch, file, message } = Subject::of(&text);
    let members = [
        ("ts", Some(format!("{now:.3}"))),
        ("level", Some(record.level().as_str().to_ascii_lowercase())),
        ("target", Some(record.target().to_owned())),
        ("message", Some(message.to_owned())),
        ("request_id", request_id.map(str::to_owned).or(request)),
        ("batch_id", batch.or(file.map(FileId::batch)).map(|id| id.to_string())),
        ("file_id", file.map(|id| id.to_string())),
    ];
    let mut given = Given(Vec::new());
    // What cannot be read of a line's key-values is left out: the line itself matters more.
    let _ = record.key_values().visit(&mut given);
    // They take nothing away from the others.
    given.0.retain(|(name, _)| members.iter().all(|(taken, _)| taken != name));
    let members = members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
    serde_json::Serializer::new(&mut *line).collect_map(members.chain(given.0))?;
    writeln!(line)
}

/// What a message is about, and what it says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Subject<'a> {
    request_id: Option<&'a str>,
    batch: Option<BatchId>,
    file: Option<FileId>,
    message: &'a str,
}

impl<'a> Subject<'a> {
    /// Takes the beginnings off a message that are fixed. What only looks like one stays in the message.
    fn of(message: &'a str) -> Self {
        let mut subject = Self { message, ..Self::default() };
        if let Some((id, rest)) = after("request ", subject.message)
            && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        {
            (subject.request_id, subject.message) = (Some(id), rest);
        }
        if let Some((id, rest)) = after("batch ", subject.message)
            && let Some(id) = BatchId::parse(id)
        {
            (subject.batch, subject.message) = (Some(id), rest);
        }
        if let Some((id, rest)) = after("file ", subject.message)
            && let Some(id) = FileId::parse(id)
        {
            (subject.file, subject.message) = (Some(id), rest);
        }
        subject
    }
}

/// The id behind a noun, and what follows on its colon.
fn after<'a>(noun: &str, message: &'a str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(noun)?.split_once(": ")
}

/// The key-values of a line.
struct Given(Vec<(String, Value)>);

impl<'kvs> VisitSource<'kvs> for Given {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let mut member = Member(Value::Null);
        value.visit(&mut member)?;
        self.0.push((key.as_str().to_owned(), member.0));
        Ok(())
    }
}

/// One value: a number, a text or nothing stays what it is, anything else is a text.
struct Member(Value);

impl VisitValue<'_> for Member {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.0 = value.to_string().into();
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use log::Level;
    use serde_json::json;

    use super::*;

    const BATCH: &str = "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000";
    const FILE: &str = "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001";

    /// A line with this message, written while this request was handled.
    fn line(message: &str, request: Option<&str>) -> Value {
        let mut line = Vec::new();
        let given = [("status", kv::Value::from(202)), ("caller", kv::Value::null()), ("level", kv::Value::from("x"))];
        let mut record = Record::builder();
        let record = record.level(Level::Warn).target("consign::some").key_values(&given);
        let now = Timestamp::from_millisecond(1_764_243_070_080).unwrap();
        write_json(&mut line, &record.args(format_args!("{message}")).build(), now, request.map(str::to_owned))
            .unwrap();
        assert_eq!(line.split_inclusive(|byte| *byte == b'\n').count(), 1, "one line");
        let mut line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["ts"], "2025-11-27T11:31:10.080Z");
        let line = line.as_object_mut().unwrap();
        for (name, value) in [("level", json!("warn")), ("status", json!(202)), ("caller", Value::Null)] {
            assert_eq!(line.remove(name), Some(value));
        }
        for name in ["ts", "target"] {
            line.remove(name).unwrap();
        }
        Value::Object(line.clone())
    }

    #[test]
    fn ids_that_a_message_begins_with_are_members() {
        let cases = [
            ("drained".to_owned(), json!({"message": "drained"})),
            (format!("batch {BATCH}: completed"), json!({"batch_id": BATCH, "message": "completed"})),
            (format!("file {FILE}: it: is"), json!({"batch_id": BATCH, "file_id": FILE, "message": "it: is"})),
            (
                format!("request a-1: batch {BATCH}: here"),
                json!({"request_id": "a-1", "batch_id": BATCH, "message": "here"}),
            ),
            ("two\nlines \u{1b}[31m\"red\"".to_owned(), json!({"message": "two\nlines \u{1b}[31m\"red\""})),
        ];
        for (message, expected) in cases {
            assert_eq!(line(&message, None), expected);
        }
    }

    #[test]
    fn what_only_looks_like_an_id_stays_in_the_message() {
        // A batch's id is none of a file, and the other way round.
        let others = [format!("file {BATCH}: x"), format!("batch {FILE}: x"), format!("the batch {BATCH}: x")];
        let others = others.into_iter().chain(["batch 7: x", "request a b: x", "request a"].map(str::to_owned));
        for message in others {
            assert_eq!(line(&message, None), json!({"message": message}));
        }
    }

    #[test]
    fn a_line_has_the_id_of_the_request_that_is_being_handled_unless_it_names_one() {
        assert_eq!(line("x", Some("r"))["request_id"], "r");
        assert_eq!(line("request q: x", Some("r"))["request_id"], "q");
    }
}
