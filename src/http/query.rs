//! Parameters of a query, read one by one so that an error names the one that is wrong.

use std::str::FromStr;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use jiff::Timestamp;

use super::ApiError;
use crate::batch::{BatchId, FileId, FileState};

/// A word and what it stands for.
pub type Word<T> = (&'static str, T);

/// The longest wait that is taken for one, in seconds; what is above the server's own limit is cut to that.
pub const WAIT_SECONDS_MAX: usize = 1_000_000;

/// A request's query.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// When the query is not well formed.
    pub fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        match web::Query::<Vec<(String, String)>>::from_query(request.query_string()) {
            Ok(query) => Ok(Self(query.into_inner())),
            Err(_) => Err(invalid("query", "a list of name=value pairs")),
        }
    }

    /// A parameter as it was sent.
    ///
    /// # Errors
    /// When it was sent twice.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, ApiError> {
        Ok(self.value(name)?.map(str::to_owned))
    }

    /// A whole number up to `max`.
    ///
    /// # Errors
    /// When the parameter is there and is no such number.
    pub fn number(&self, name: &'static str, min: usize, max: usize) -> Result<Option<usize>, ApiError> {
        let number = self.parsed(name, || format!("a whole number from {min} to {max}"))?;
        if number.is_some_and(|number| !(min..=max).contains(&number)) {
            return Err(invalid(name, format!("a whole number from {min} to {max}")));
        }
        Ok(number)
    }

    /// How long the client is willing to wait, cut to what the server allows.
    ///
    /// # Errors
    /// When `wait` is there and is no number of seconds up to [`WAIT_SECONDS_MAX`].
    pub fn wait(&self, max: Duration) -> Result<Option<Duration>, ApiError> {
        let seconds = self.number("wait", 0, WAIT_SECONDS_MAX)?;
        Ok(seconds.map(|seconds| Duration::from_secs(seconds as u64).min(max)))
    }

    /// The states that files are wanted of: `files=failed,rejected`.
    ///
    /// # Errors
    /// When one of the words is no state.
    pub fn states(&self) -> Result<Option<Vec<FileState>>, ApiError> {
        let Some(words) = self.value("files")? else { return Ok(None) };
        let state = |word: &str| serde_json::from_value(serde_json::Value::from(word)).ok();
        let states: Option<Vec<FileState>> = words.split(',').map(state).collect();
        states.map(Some).ok_or_else(|| {
            let words = "stored, verified, processing, retrying, succeeded, failed, rejected, cancelled";
            invalid("files", format!("a list of states, of {words}, with commas between them"))
        })
    }

    /// The batch whose older ones are wanted.
    ///
    /// # Errors
    /// When `cursor` is there and did not come from a `next` link.
    pub fn cursor(&self) -> Result<Option<BatchId>, ApiError> {
        let cursor = self.value("cursor")?.map(BatchId::parse);
        match cursor {
            Some(None) => Err(invalid("cursor", "taken from a next link")),
            Some(cursor) => Ok(cursor),
            None => Ok(None),
        }
    }

    /// The file of a batch that is wanted; a file of another batch is none of its.
    ///
    /// # Errors
    /// When `file` is there and is no file's id, or names none of the batch.
    pub fn file(&self, batch: BatchId) -> Result<Option<FileId>, ApiError> {
        match self.value("file")?.map(FileId::parse) {
            Some(None) => Err(invalid("file", "a file's id")),
            Some(Some(file)) if file.batch() != batch => Err(ApiError::NotFound),
            Some(file) => Ok(file),
            None => Ok(None),
        }
    }

    /// A point in time.
    ///
    /// # Errors
    /// When the parameter is there and is no such time.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        // A plus sign that is not written as %2B has become a space by now.
        self.parsed(name, || "a time as in RFC 3339, such as 2026-11-24T12:00:00Z, with each plus sign as %2B".into())
    }

    /// One of a few words, with what it stands for.
    ///
    /// # Errors
    /// When the parameter is there and is another word.
    pub fn word<T: Copy>(&self, name: &'static str, words: &[Word<T>]) -> Result<Option<Word<T>>, ApiError> {
        let Some(sent) = self.value(name)? else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == sent);
        known.copied().map(Some).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            invalid(name, format!("one of {}", words.join(", ")))
        })
    }

    fn parsed<T: FromStr>(&self, name: &'static str, expected: impl Fn() -> String) -> Result<Option<T>, ApiError> {
        let parsed = self.value(name)?.map(str::parse);
        parsed.transpose().map_err(|_| invalid(name, expected()))
    }

    /// A parameter's value. Of two, no reader could be sure which one counts.
    fn value(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(sent, _)| sent == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(invalid(name, "sent once"));
        }
        Ok(first)
    }
}

/// A value as it stands in a link (RFC 3986, section 2.1).
pub fn encoded(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if is_plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}

fn invalid(name: &'static str, expected: impl Into<String>) -> ApiError {
    ApiError::InvalidParameter { name, expected: expected.into() }
}
