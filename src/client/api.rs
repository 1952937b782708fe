//! The calls of a server's API. Each is tried again while what keeps it from succeeding may pass (`patience`).

use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::json;
use ureq::SendBody;
use ureq::http::Method;

use super::answers::{Batch, BatchList, Held, HeldFiles, Limits, RefusedFile};
use super::error::ClientError;
use super::line::{ApiOptions, Line};
use super::multipart::Form;
use super::sse::EventReader;
use crate::batch::{BatchId, FileId};

/// How long a server may take to make an upload durable once it has all of it.
const UPLOAD_SILENCE_MAX: Duration = Duration::from_mins(5);
/// A body with more bytes is sent when the server asks for it: one that is refused costs its sender nothing then. A smaller
/// one is there sooner than an answer to the question.
const UNASKED_BYTES_MAX: u64 = 1 << 20;
/// How long a server may leave the question unanswered. What stands before it may not know the question, and waits in turn
/// (RFC 9110, section 10.1.1).
const GO_ON_WAIT: Duration = Duration::from_secs(1);
/// Digests that one request may ask for.
const DIGESTS_MAX: usize = 10_000;

/// A server, as its client calls it.
#[derive(Debug)]
pub struct Api {
    line: Line,
}

/// What became of an upload.
#[derive(Debug)]
pub enum Uploaded {
    /// It is durable.
    Accepted(Batch),
    /// Every file was refused, so there is no batch.
    Refused(Vec<RefusedFile>),
}

impl Api {
    /// The client of this server. `on_trouble` hears why a request has to be tried again.
    #[must_use]
    pub fn new(options: ApiOptions, on_trouble: impl Fn(&ClientError) + Send + Sync + 'static) -> Self {
        Self { line: Line::new(options, Box::new(on_trouble)) }
    }

    /// How much the server takes at once.
    ///
    /// # Errors
    /// [`ClientError`], here and below, when no answer came that does what was asked for.
    pub fn limits(&self) -> Result<Limits, ClientError> {
        self.get("/limits")
    }

    /// What the server has of these digests, the best file of each.
    ///
    /// # Errors
    /// As above.
    pub fn held(&self, digests: &[String]) -> Result<Vec<Held>, ClientError> {
        let mut held = Vec::new();
        for digests in digests.chunks(DIGESTS_MAX) {
            let body = json!({"sha256": digests}).to_string();
            let answer: HeldFiles = self.line.ask(&Method::POST, "/digests", Some(&body))?;
            held.extend(answer.files);
        }
        Ok(held)
    }

    /// A batch: `query` begins with `?` where there is one.
    ///
    /// # Errors
    /// As above.
    pub fn batch(&self, batch: BatchId, query: &str) -> Result<Batch, ClientError> {
        self.get(&format!("/batches/{batch}{query}"))
    }

    /// A page of the list of batches, by a path that a link has or that is like one.
    ///
    /// # Errors
    /// As above.
    pub fn list(&self, path: &str) -> Result<BatchList, ClientError> {
        self.get(path)
    }

    /// The text of a file, to be read off the connection.
    ///
    /// # Errors
    /// As above.
    pub fn text(&self, batch: BatchId, file: FileId) -> Result<impl Read + use<>, ClientError> {
        let answer = self
            .line
            .patiently(|| self.line.try_ask(&Method::GET, &format!("/batches/{batch}/files/{file}/text"), None))?;
        Ok(answer.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// The results of a batch, a line of JSON for each file that has ended, to be read off the connection.
    ///
    /// # Errors
    /// As above.
    pub fn results(&self, batch: BatchId) -> Result<impl BufRead + use<>, ClientError> {
        let answer =
            self.line.patiently(|| self.line.try_ask(&Method::GET, &format!("/batches/{batch}/results"), None))?;
        Ok(BufReader::new(answer.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    /// What happens to a batch, or to all, from behind this event on. No reader when all has been told.
    ///
    /// # Errors
    /// As above.
    pub fn events(
        &self,
        batch: Option<BatchId>,
        last_id: Option<&str>,
    ) -> Result<Option<EventReader<impl BufRead + use<>>>, ClientError> {
        let place = batch.map_or_else(|| "/events".to_owned(), |batch| format!("/batches/{batch}/events"));
        let path = last_id.map_or_else(|| place.clone(), |id| format!("{place}?last_event_id={id}"));
        let answer = self.line.patiently(|| self.line.try_ask(&Method::GET, &path, None))?;
        let is_open = answer.status().as_u16() == 200;
        let lines = BufReader::new(answer.into_body().into_with_config().limit(u64::MAX).reader());
        Ok(is_open.then(|| EventReader::new(lines)))
    }

    /// What a path answers, read as `T`.
    ///
    /// # Errors
    /// As above.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.line.ask(&Method::GET, path, None)
    }

    /// What a path answers that is asked to do something, read as `T`.
    ///
    /// # Errors
    /// As above.
    pub fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.line.ask(&Method::POST, path, None)
    }

    /// Removes a batch. That it is gone although nobody said so is what was wanted, too, once a try was lost on its way.
    ///
    /// # Errors
    /// As above.
    pub fn delete(&self, batch: BatchId) -> Result<(), ClientError> {
        let mut tries = 0_u32;
        let removed = self.line.patiently(|| {
            tries += 1;
            self.line.try_ask(&Method::DELETE, &format!("/batches/{batch}"), None)
        });
        match removed {
            Err(error) if error.is_not_found() && tries > 1 => Ok(()),
            removed => removed.map(drop),
        }
    }

    /// Hands a batch over, under an idempotency key of its own; `on_bytes` hears how many bytes of this try are sent.
    ///
    /// # Errors
    /// As above; [`ClientError::Unreadable`] when a file could not be read, and then there is no batch.
    pub fn upload(&self, form: &Form, key: &str, on_bytes: &dyn Fn(u64)) -> Result<Uploaded, ClientError> {
        let uploaded = self.line.patiently(|| {
            let mut body = form.body();
            let mut counted = Counted { body: &mut body, sent: 0, on_bytes };
            let request = self
                .line
                .request(&Method::POST, "/batches")
                .header("content-type", form.content_type())
                .header("content-length", form.length())
                .header("idempotency-key", format!("\"{key}\""));
            let is_asked_for = form.length() > UNASKED_BYTES_MAX;
            let request = if is_asked_for { request.header("expect", "100-continue") } else { request };
            let request =
                request.body(SendBody::from_reader(&mut counted)).map_err(|error| self.line.strange(&error))?;
            let request = self.line.agent.configure_request(request);
            let request =
                request.timeout_await_100(Some(GO_ON_WAIT)).timeout_per_read(Some(UPLOAD_SILENCE_MAX)).build();
            let answer = self.line.agent.run(request);
            match (answer, body.failure) {
                (_, Some((part, reason))) => Err(ClientError::Unreadable { part, reason }),
                (answer, None) => self.line.succeeded(answer),
            }
        });
        match uploaded {
            Ok(answer) => self.line.json(answer).map(Uploaded::Accepted),
            Err(ClientError::Refused(problem)) if !problem.files.is_empty() => Ok(Uploaded::Refused(problem.files)),
            Err(error) => Err(error),
        }
    }
}

/// A body whose sender tells how far it has come.
struct Counted<'a, R> {
    body: &'a mut R,
    sent: u64,
    on_bytes: &'a dyn Fn(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        self.sent += count as u64;
        (self.on_bytes)(self.sent);
        Ok(count)
    }
}
