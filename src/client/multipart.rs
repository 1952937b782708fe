//! The body of an upload (`multipart/form-data`, RFC 7578), read off the disk while it is sent: its length is known before,
//! and no file is ever held in memory. Each file is sent with its digest (RFC 9530), so that one that changes on the way is
//! refused alone.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::percent::percent_encoded;

/// Where a file's bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    Path(PathBuf),
    /// In a file that has no name, such as what standard input brought.
    Open(Arc<File>),
}

impl Content {
    /// Opens it for reading at any place.
    ///
    /// # Errors
    /// When there is no such file, or it may not be read.
    pub fn open(&self) -> io::Result<Arc<File>> {
        match self {
            Self::Path(path) => File::open(path).map(Arc::new),
            Self::Open(file) => Ok(Arc::clone(file)),
        }
    }
}

/// A form field that is no file.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: &'static str,
    pub value: String,
}

/// A file that is to be sent.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name that the server is told.
    pub name: String,
    pub content: Content,
    pub size: u64,
    pub sha256: [u8; 32],
}

/// A body in the making: what stands before each file, and how long all is.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    parts: Vec<(Vec<u8>, Content, u64)>,
    closing: Vec<u8>,
}

impl Form {
    /// The body that holds these fields, and behind them these files in this order.
    #[must_use]
    pub fn new(fields: &[Field], parts: impl IntoIterator<Item = Part>) -> Self {
        // Nothing that a file holds can be expected to hold it.
        let boundary = format!("consign-{}", hex::encode(rand::random::<[u8; 16]>()));
        let mut before: String = fields.iter().map(|field| field.text(&boundary)).collect();
        let parts = parts.into_iter().map(|part| {
            let Part { name, content, size, sha256 } = part;
            let (name, digest) = (file_name(&name), BASE64_STANDARD.encode(sha256));
            let head = format!(
                "{before}--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; {name}\r\n\
                 Content-Type: application/octet-stream\r\nContent-Digest: sha-256=:{digest}:\r\n\r\n"
            );
            "\r\n".clone_into(&mut before);
            (head.into_bytes(), content, size)
        });
        let parts = parts.collect();
        let closing = format!("\r\n--{boundary}--\r\n").into_bytes();
        Self { boundary, parts, closing }
    }

    /// The value of the request's header.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Bytes of the whole body.
    #[must_use]
    pub fn length(&self) -> u64 {
        let parts = self.parts.iter().map(|(head, _, size)| head.len() as u64 + size);
        parts.sum::<u64>() + self.closing.len() as u64
    }

    /// The body from its beginning, as often as it has to be sent.
    #[must_use]
    pub fn body(&self) -> Body<'_> {
        Body { form: self, at: 0, place: Place::Head(0), failure: None }
    }
}

impl Field {
    /// All of it, as it stands in a body.
    fn text(&self, boundary: &str) -> String {
        let Self { name, value } = self;
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }
}

/// A body while it is sent.
#[derive(Debug)]
pub struct Body<'a> {
    form: &'a Form,
    /// The part that is being sent, or their number behind the last.
    at: usize,
    place: Place,
    /// The part that could not be read, and why.
    pub failure: Option<(usize, String)>,
}

/// What of a part is sent next.
#[derive(Debug)]
enum Place {
    Head(usize),
    File { file: Arc<File>, offset: u64 },
}

impl Body<'_> {
    /// Some bytes of what is being sent; none at its end.
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head: &[u8] = self.form.parts.get(self.at).map_or(&self.form.closing, |(head, ..)| head);
        match &mut self.place {
            Place::Head(sent) => {
                let count = (&head[*sent..]).read(buffer)?;
                *sent += count;
                Ok(count)
            }
            Place::File { file, offset } => {
                let left = self.form.parts[self.at].2 - *offset;
                let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
                let count = file.read_at(&mut buffer[..wanted], *offset)?;
                if count == 0 && left > 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter"));
                }
                *offset += count as u64;
                Ok(count)
            }
        }
    }

    /// Goes on to what follows; whether there is anything.
    fn go_on(&mut self) -> io::Result<bool> {
        let Some((_, content, _)) = self.form.parts.get(self.at) else { return Ok(false) };
        match self.place {
            Place::Head(_) => self.place = Place::File { file: content.open()?, offset: 0 },
            Place::File { .. } => {
                self.at += 1;
                self.place = Place::Head(0);
            }
        }
        Ok(true)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let step = self.read_on(buffer).and_then(|count| Ok((count, count > 0 || self.go_on()?)));
            match step {
                Ok((0, true)) => {}
                Ok((count, _)) => return Ok(count),
                Err(error) => {
                    self.failure = Some((self.at, error.to_string()));
                    return Err(error);
                }
            }
        }
    }
}

/// The parameter that names a file. What cannot stand between quotes goes into `filename*` (RFC 5987).
fn file_name(name: &str) -> String {
    if !name.chars().any(|char| char.is_control() || matches!(char, '"' | '\\')) {
        return format!("filename=\"{name}\"");
    }
    format!("filename*=UTF-8''{}", percent_encoded(name))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn part(name: &str, bytes: &[u8]) -> Part {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Part { name: name.into(), content: Content::Open(Arc::new(file)), size: bytes.len() as u64, sha256: [0; 32] }
    }

    fn read(form: &Form) -> String {
        let mut text = String::new();
        form.body().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_body_is_as_long_as_it_says_and_the_same_each_time() {
        let metadata = Field { name: "metadata", value: r#"{"a": 1}"#.into() };
        let files = [part("a.txt", b"one"), part("empty", b""), part("b.txt", &vec![b'x'; 100_000])];
        let form = Form::new(&[metadata], files);
        let body = read(&form);
        assert_eq!(body.len() as u64, form.length());
        assert_eq!(read(&form), body);
        let digest = format!("Content-Digest: sha-256=:{}=:", "A".repeat(43));
        assert_eq!(body.matches(&digest).count(), 3);
        assert!(body.contains("; filename=\"a.txt\"\r\n") && body.contains("\r\n\r\none\r\n--consign-"), "{body}");
        assert!(body.contains("; name=\"metadata\"\r\n\r\n{\"a\": 1}\r\n--consign-"), "{body}");
        assert!(body.starts_with("--consign-") && body.ends_with("--\r\n"));
    }

    #[test]
    fn a_file_that_became_shorter_or_vanished_is_named() {
        let mut short = part("b.txt", b"one");
        short.size = 4;
        let form = Form::new(&[], [part("a.txt", b"one"), short]);
        let mut body = form.body();
        assert!(io::copy(&mut body, &mut io::sink()).is_err());
        assert_eq!(body.failure, Some((1, "it has become shorter".into())));

        let gone = Part { content: Content::Path("no/such/file".into()), ..part("c.txt", b"") };
        let form = Form::new(&[], [gone]);
        let mut body = form.body();
        assert!(io::copy(&mut body, &mut io::sink()).is_err());
        assert_eq!(body.failure.unwrap().0, 0);
    }

    #[test]
    fn a_name_that_no_quotes_can_hold_is_encoded() {
        assert_eq!(file_name("a b/ü.txt"), "filename=\"a b/ü.txt\"");
        assert_eq!(file_name("a\"\r\n\\.txt"), "filename*=UTF-8''a%22%0D%0A%5C%2Etxt");
    }
}
