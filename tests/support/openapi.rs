//! The API's description as a test reads it, and whether an answer is one that it knows.

use std::cell::RefCell;
use std::collections::BTreeSet;

use jsonschema::draft202012;
use serde_json::{Map, Value, json};

use super::{Answer, Server};

/// Headers that say how an answer travels, not what it is.
const OF_THE_WIRE: [&str; 5] = ["connection", "content-length", "content-type", "date", "transfer-encoding"];

/// An answer that a route may give: the route's name, the status, and the code of a failure.
pub type Kind = (String, u16, Option<String>);

/// What a server says of itself.
pub struct Description {
    pub document: Value,
    seen: RefCell<BTreeSet<Kind>>,
}

/// A method of a path.
pub struct Operation<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub name: &'a str,
    pub value: &'a Value,
}

impl Description {
    pub fn of(server: &Server) -> Self {
        Self { document: server.ok("/openapi.json").json(), seen: RefCell::default() }
    }

    pub fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        members(&self.document["paths"]).flat_map(|(path, item)| {
            members(item).map(move |(method, value)| {
                let name = value["operationId"].as_str().expect("an operation has a name");
                Operation { method, path, name, value }
            })
        })
    }

    fn operation(&self, name: &str) -> Operation<'_> {
        self.operations().find(|operation| operation.name == name).unwrap_or_else(|| panic!("{name} is described"))
    }

    /// Every answer that is described: each status, and of failures each code.
    pub fn kinds(&self) -> BTreeSet<Kind> {
        let of = |operation: Operation<'_>| {
            let name = operation.name.to_owned();
            members(&operation.value["responses"])
                .flat_map(|(status, response)| {
                    let status: u16 = status.parse().expect("a status is a number");
                    let codes: Vec<_> = members(&response["content"]["application/problem+json"]["examples"])
                        .map(|(code, _)| Some(code.clone()))
                        .collect();
                    let codes = if codes.is_empty() { vec![None] } else { codes };
                    codes.into_iter().map(move |code| (status, code))
                })
                .map(|(status, code)| (name.clone(), status, code))
                .collect::<Vec<_>>()
        };
        self.operations().flat_map(of).collect()
    }

    /// What was asserted to be known so far.
    pub fn seen(&self) -> BTreeSet<Kind> {
        self.seen.borrow().clone()
    }

    /// Asserts that the answer of a route is one of those that are described, from its headers to the last member.
    pub fn assert_known(&self, name: &str, answer: &Answer) {
        let operation = self.operation(name);
        let response = &operation.value["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{name}: {} is not described: {}", answer.status, answer.lossy());
        self.assert_headers(name, &response["headers"], answer);
        self.assert_body(name, &response["content"], answer);
        let code = || Some(answer.json()["code"].as_str().expect("a failure has a code").to_owned());
        let is_problem = answer.find_header("content-type").is_some_and(|it| it == "application/problem+json");
        self.seen.borrow_mut().insert((name.to_owned(), answer.status, if is_problem { code() } else { None }));
    }

    fn assert_headers(&self, name: &str, described: &Value, answer: &Answer) {
        let known: BTreeSet<_> = members(described).map(|(header, _)| header.to_ascii_lowercase()).collect();
        let sent: BTreeSet<_> = answer.headers.iter().map(|(header, _)| header.clone()).collect();
        let sent: BTreeSet<_> = sent.into_iter().filter(|header| !OF_THE_WIRE.contains(&header.as_str())).collect();
        let is_due = |header: &str| {
            members(described)
                .all(|(name, value)| !name.eq_ignore_ascii_case(header) || self.resolved(value)["required"] == true)
        };
        let due: BTreeSet<_> =
            known.iter().filter(|header| is_due(header) || sent.contains(*header)).cloned().collect();
        assert_eq!(sent, due, "{name} {}: headers that were sent, and those that are described", answer.status);
        for (header, reference) in members(described) {
            let Some(value) = answer.find_header(&header.to_ascii_lowercase()) else { continue };
            let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
            let schema = &self.resolved(reference)["schema"];
            // A text may look like a number; a number has to.
            let fits = if schema["type"] == "string" { json!(value.to_string()) } else { value };
            self.assert_fits(schema, &fits, header);
        }
    }

    fn assert_body(&self, name: &str, content: &Value, answer: &Answer) {
        if members(content).next().is_none() {
            return assert!(answer.body.is_empty(), "{name}: no body is described: {}", answer.lossy());
        }
        let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
        let body = &content[media_type];
        assert!(body.is_object(), "{name} {}: {media_type} is not described: {content}", answer.status);
        if media_type.ends_with("json") && !media_type.ends_with("ndjson") {
            self.assert_fits(&body["schema"], &answer.json(), name);
        } else if media_type == "text/event-stream" {
            events(&answer.text()).for_each(|event| self.assert_fits(&body["schema"], &event, name));
        } else if media_type != "application/octet-stream" {
            self.assert_fits(&body["schema"], &json!(answer.text()), name);
        }
    }

    /// Asserts that a value fits a schema and has no member that the schema does not know. A text of lines is looked at
    /// line by line.
    pub fn assert_fits(&self, schema: &Value, value: &Value, what: &str) {
        if let Some(line) = schema.get("x-line-schema") {
            for text in value.as_str().expect("lines are a text").lines() {
                self.assert_fits(line, &serde_json::from_str(text).expect("a line is JSON"), what);
            }
        }
        let closed = self.closed(schema, false);
        let validator = draft202012::new(&closed).unwrap_or_else(|error| panic!("{what}: {error} in {closed}"));
        let errors: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{what}:\n{}\nin {value}", errors.join("\n"));
    }

    /// The schema with what it refers to put in its place, and no room for other members. A part of a whole has it.
    fn closed(&self, schema: &Value, is_part: bool) -> Value {
        if schema.get("$ref").is_some() {
            return self.closed(self.resolved(schema), is_part);
        }
        let Value::Object(mut schema) = schema.clone() else { return schema.clone() };
        for (word, is_part) in [("allOf", true), ("oneOf", false), ("anyOf", false)] {
            for part in schema.get_mut(word).and_then(Value::as_array_mut).into_iter().flatten() {
                *part = self.closed(part, is_part);
            }
        }
        for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            *property.1 = self.closed(property.1, false);
        }
        if let Some(items) = schema.get_mut("items") {
            *items = self.closed(items, false);
        }
        if !is_part && (schema.contains_key("properties") || schema.contains_key("allOf")) {
            schema.insert("unevaluatedProperties".into(), false.into());
        }
        schema.into()
    }

    /// What a reference names; anything else is itself.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        let path = reference.strip_prefix('#').expect("references stay in the document");
        self.document.pointer(path).unwrap_or_else(|| panic!("{reference} names something"))
    }
}

/// The events of a stream, as objects of their fields.
fn events(stream: &str) -> impl Iterator<Item = Value> {
    let fields = |block: &str| block.lines().filter_map(|line| line.split_once(": ")).map(own).collect();
    let blocks = stream.split("\n\n").map(fields);
    blocks.filter(|fields: &Map<String, Value>| fields.contains_key("data")).map(Value::Object)
}

fn own((name, value): (&str, &str)) -> (String, Value) {
    (name.to_owned(), value.into())
}

/// The members of an object; none of anything else.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
