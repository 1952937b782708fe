//! The line to a server: where it is, who calls, what an answer means, and how long a call puts up with trouble.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Response, Uri};
use ureq::{Agent, Body};

use super::error::{ClientError, Problem};
use super::patience::{Patience, pause};
use crate::trust;

/// How long the way to a server may take to open.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long a server may be silent: it answers waits sooner, and its streams say every 15 s that they live.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// Bytes of an answer that is held in memory: a page of statuses is about one MiB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Hears why a request has to be tried again.
pub type OnTrouble = Box<dyn Fn(&ClientError) + Send + Sync>;

/// Where a server is: scheme, host and what stands before its paths.
#[derive(Debug, derive_more::Display, Clone)]
pub struct ServerUrl(String);

/// How a server is called.
#[derive(Debug)]
pub struct ApiOptions {
    pub server: ServerUrl,
    pub key: Option<String>,
    /// How long to wait in all, for each request, on a server that is away or busy.
    pub patience: Duration,
}

/// A server and how it is called.
pub struct Line {
    pub agent: Agent,
    options: ApiOptions,
    on_trouble: OnTrouble,
}

impl Line {
    /// The line to this server.
    pub fn new(options: ApiOptions, on_trouble: OnTrouble) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_per_read(Some(SILENCE_MAX))
            .timeout_per_write(Some(SILENCE_MAX))
            .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
            .tls_config(trust::tls());
        Self { agent: config.build().new_agent(), options, on_trouble }
    }

    /// Asks, patiently, and reads what is answered as `T`.
    pub fn ask<T: DeserializeOwned>(&self, method: &Method, path: &str, body: Option<&str>) -> Result<T, ClientError> {
        self.patiently(|| self.json(self.try_ask(method, path, body)?))
    }

    /// Asks once; `body` is JSON.
    pub fn try_ask(&self, method: &Method, path: &str, body: Option<&str>) -> Result<Response<Body>, ClientError> {
        let request = self.request(method, path);
        let answer = match body {
            Some(json) => {
                let request = request.header("content-type", "application/json").body(json);
                self.agent.run(request.map_err(|error| self.strange(&error))?)
            }
            None => self.agent.run(request.body(()).map_err(|error| self.strange(&error))?),
        };
        self.succeeded(answer)
    }

    /// The beginning of a request, with the caller's key.
    pub fn request(&self, method: &Method, path: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.options.server));
        match &self.options.key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        }
    }

    /// Tries until it succeeds, cannot, or has taken too long.
    pub fn patiently<T>(&self, mut attempt: impl FnMut() -> Result<T, ClientError>) -> Result<T, ClientError> {
        let mut patience = Patience::new(self.options.patience);
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let Some(time) = patience.after(&error) else { return Err(error) };
            (self.on_trouble)(&error);
            pause(time);
        }
    }

    /// The answer, if it says that what was asked for is done.
    pub fn succeeded(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
        let answer = answer.map_err(|error| self.failed(error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let header = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
        let retry_after = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        if status.is_redirection() {
            let elsewhere = header("location").unwrap_or_default();
            return Err(self.strange(&format!("a redirect to {elsewhere}; name that server instead")));
        }
        let text = answer.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_to_string().unwrap_or_default();
        // What stands before the server answers in its own words.
        let problem = serde_json::from_str(&text).ok().filter(|problem: &Problem| !problem.code.is_empty());
        let problem = problem.unwrap_or_else(|| Problem {
            code: status.as_u16().to_string(),
            detail: status.canonical_reason().unwrap_or("an answer without a reason").to_owned(),
            ..Problem::default()
        });
        Err(ClientError::Refused(Problem { status: status.as_u16(), retry_after, ..problem }))
    }

    /// An answer's body.
    pub fn json<T: DeserializeOwned>(&self, answer: Response<Body>) -> Result<T, ClientError> {
        let text = answer.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let text = text.map_err(|error| self.failed(error))?;
        serde_json::from_slice(&text).map_err(|error| self.strange(&error))
    }

    /// Whatever breaks on the way may be whole at the next try; what is asked of the client itself may not.
    fn failed(&self, error: ureq::Error) -> ClientError {
        match error {
            ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::Rustls(_)
            | ureq::Error::Tls(_) => self.strange(&error),
            // A certificate that nobody here trusts, or no TLS at all.
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => self.strange(&error),
            ureq::Error::Io(error) => self.unreachable(&error),
            error => self.unreachable(&error),
        }
    }

    fn unreachable(&self, reason: &dyn fmt::Display) -> ClientError {
        ClientError::Unreachable { server: self.options.server.to_string(), reason: reason.to_string() }
    }

    /// What the other side says makes no sense here.
    pub fn strange(&self, what: &dyn fmt::Display) -> ClientError {
        ClientError::Strange { server: self.options.server.to_string(), what: what.to_string() }
    }
}

impl Debug for Line {
    fn fmt(&self, text: &mut Formatter<'_>) -> fmt::Result {
        // Without its key, which must not reach a log.
        text.debug_struct("Line").field("server", &self.options.server).finish_non_exhaustive()
    }
}

impl FromStr for ServerUrl {
    type Err = &'static str;

    /// A URL; without a scheme it is one of plain HTTP.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let parsed: Option<Uri> = url.parse().ok();
        let is_server = parsed.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        let url = url.trim_end_matches('/').to_owned();
        is_server.then_some(Self(url)).ok_or("a server is a URL, such as https://consign.example.org or 127.0.0.1:8080")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_url_and_its_scheme_may_be_left_out() {
        let url = |text: &str| text.parse::<ServerUrl>().map(|url| url.to_string());
        assert_eq!(url("127.0.0.1:8080"), Ok("http://127.0.0.1:8080".into()));
        assert_eq!(url("https://example.org/files/"), Ok("https://example.org/files".into()));
        for wrong in ["", "ftp://example.org", "http://", "a b", "http://example.org/?a=1"] {
            assert!(url(wrong).is_err(), "{wrong:?}");
        }
    }
}
