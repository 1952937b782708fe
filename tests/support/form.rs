//! A writer of `multipart/form-data` bodies (RFC 7578), our own so that it can write bad ones too.

use std::fmt::Write;

/// No file of the tests holds it.
pub const BOUNDARY: &str = "consign-tests-5f1c9be2a7d84e60";

/// A body in the making.
#[derive(Debug, Default, Clone)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under a name.
    #[must_use]
    pub fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let disposition = file_disposition(name);
        self.part(&[&disposition, "Content-Type: application/octet-stream"], bytes)
    }

    /// Adds several files.
    #[must_use]
    pub fn files<N: AsRef<str>, B: AsRef<[u8]>>(self, files: impl IntoIterator<Item = (N, B)>) -> Self {
        files.into_iter().fold(self, |form, (name, bytes)| form.file(name.as_ref(), bytes))
    }

    /// Adds a part without a file name.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&[&format!("Content-Disposition: form-data; name=\"{name}\"")], value)
    }

    /// Adds a part with these header lines.
    #[must_use]
    pub fn part<H: AsRef<[u8]>>(mut self, headers: &[H], bytes: impl AsRef<[u8]>) -> Self {
        self.raw(format!("--{BOUNDARY}\r\n"));
        for header in headers {
            self.raw(header);
            self.raw("\r\n");
        }
        self.raw("\r\n");
        self.raw(bytes);
        self.raw("\r\n");
        self
    }

    /// The body, closed by its last boundary.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.raw(closing());
        self.body
    }

    /// The body so far, without its last boundary.
    #[must_use]
    pub fn unfinished(self) -> Vec<u8> {
        self.body
    }

    fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.body.extend_from_slice(bytes.as_ref());
    }
}

/// The value of the request's header.
pub fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// What stands before a file's bytes that are streamed.
pub fn opening(name: &str) -> String {
    format!("--{BOUNDARY}\r\n{}\r\n\r\n", file_disposition(name))
}

/// What ends a body.
pub fn closing() -> String {
    format!("--{BOUNDARY}--\r\n")
}

/// The header line that names a file. What cannot stand between quotes goes into `filename*` (RFC 5987).
fn file_disposition(name: &str) -> String {
    let plain = "Content-Disposition: form-data; name=\"files\"";
    if name.chars().any(|char| char.is_ascii_control() || matches!(char, '"' | '\\')) {
        format!("{plain}; filename*=UTF-8''{}", percent_encoded(name.as_bytes()))
    } else {
        format!("{plain}; filename=\"{name}\"")
    }
}

/// Every byte that is no letter or digit as `%XX`.
pub fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes what is written to it");
        }
        text
    })
}

/// The bytes that `%XX` stand for.
pub fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2).and_then(|digits| hex::decode(digits).ok())).flatten();
        rest = if hex.is_some() { &after[2..] } else { after };
        bytes.extend(hex.unwrap_or_else(|| vec![*first]));
    }
    bytes
}
