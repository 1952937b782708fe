//! One hostile request, what has to come back, and how requests are written byte by byte.

use crate::support::{Batch, Form, form};

/// What one answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A problem with this status and code.
    Problem(u16, &'static str),
    /// An answer with this status that is no problem of ours: the request was none, or nothing is wrong with it.
    Status(u16),
}

pub use Expected::{Problem, Status};

/// Bytes on a connection of their own, and the answers to them. After the last, nothing more comes.
pub struct Case {
    pub what: String,
    pub sent: Vec<u8>,
    pub expected: Vec<Expected>,
}

pub fn case(what: impl Into<String>, sent: impl Into<Vec<u8>>, expected: Expected) -> Case {
    Case { what: what.into(), sent: sent.into(), expected: vec![expected] }
}

/// Whose requests these are, and what there is.
pub struct Scene {
    /// The lines that every request has: `Host`, the caller's key, and that it is the last on its connection.
    pub lines: String,
    pub secret: String,
    /// The key of somebody else.
    pub other_secret: String,
    /// A completed batch of the caller's with one file.
    pub own: Batch,
    /// One of somebody else's.
    pub other: Batch,
}

impl Scene {
    /// A request without a body. `more` are header lines, each with its end.
    pub fn request(&self, method: &str, target: impl AsRef<[u8]>, more: impl AsRef<[u8]>) -> Vec<u8> {
        let begin = format!("{method} ");
        let rest = format!(" HTTP/1.1\r\n{}", self.lines);
        [begin.as_bytes(), target.as_ref(), rest.as_bytes(), more.as_ref(), b"\r\n"].concat()
    }

    pub fn get(&self, target: impl AsRef<[u8]>) -> Vec<u8> {
        self.request("GET", target, "")
    }

    /// A request with a body and its length.
    pub fn post(&self, more: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n", body.as_ref().len());
        let head = self.request("POST", "/batches", [length.as_bytes(), more.as_ref()].concat());
        [&head, body.as_ref()].concat()
    }

    /// An upload with header lines of its own.
    pub fn upload_with(&self, more: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
        self.post([content_type().as_bytes(), more.as_ref()].concat(), body)
    }

    pub fn upload(&self, form: Form) -> Vec<u8> {
        self.upload_with("", form.finish())
    }

    /// The path of the caller's file.
    pub fn file(&self) -> String {
        self.own.files[0].path()
    }
}

/// The header line of an upload.
pub fn content_type() -> String {
    format!("Content-Type: {}\r\n", form::content_type())
}

/// A good upload's form.
pub fn words() -> Form {
    Form::new().file("a.txt", "some words")
}
