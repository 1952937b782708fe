//! One call of a receiver. Its name is looked up once, every address that comes of it is checked, and the connection goes to
//! one of these: a second look-up could be answered otherwise (DNS rebinding). No proxy and no redirect leads elsewhere.
//!
//! A call is small, rare and slow, and blocks a thread of its own, which nothing waits for when the server ends.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use derive_more::{Display, Error};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use ureq::config::Config;
use ureq::http::{HeaderMap, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, http};

use super::address::Reach;
use super::secret::Secret;
use super::url::WebhookUrl;
use crate::trust;

/// Addresses of one name that are tried; the client takes no more.
const ADDRESSES_MAX: usize = 16;
/// What is read of an answer: its head, up to this. Its body says nothing that is asked for.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// What a receiver is sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub url: WebhookUrl,
    /// The same for each try, so that a receiver knows what it has had.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why there was no answer.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    #[display("the name stands for an address that is not called; webhook.allow_private would allow it")]
    NotAllowed,
    #[display("it took too long")]
    Timeout,
    #[display("{_0}")]
    Failed(#[error(not(source))] String),
}

/// Calls receivers.
#[derive(Debug)]
pub struct Client {
    reach: Reach,
    secret: Secret,
    timeout: Duration,
}

impl Client {
    /// A client that calls what `reach` includes, and lets a call take `timeout` in all.
    #[must_use]
    pub const fn new(reach: Reach, secret: Secret, timeout: Duration) -> Self {
        Self { reach, secret, timeout }
    }

    /// How long a call may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends it, signed as of now, and reads the head of the answer. Blocking.
    ///
    /// # Errors
    /// When no answer came.
    pub fn call(&self, request: &Request) -> Result<Answer, NoAnswer> {
        let Request { url, id, body } = request;
        let seconds = Timestamp::now().as_second();
        let call = http::Request::post(url.uri())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.secret.sign(id, seconds, body))
            .body(&body[..])
            .map_err(|error| NoAnswer::Failed(error.to_string()))?;
        let answer = self.agent().run(call)?;
        let status = answer.status().as_u16();
        Ok(Answer { status, retry_after: retry_after(answer.headers(), Timestamp::now()) })
    }

    /// A new one for each call, so that no connection outlives the check of its address.
    fn agent(&self) -> Agent {
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .max_response_header_size(HEAD_BYTES_MAX)
            .timeout_global(Some(self.timeout))
            .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
            .tls_config(trust::tls());
        Agent::with_parts(config.build(), DefaultConnector::default(), Checked { reach: self.reach.clone() })
    }
}

/// Looks names up, and gives out nothing that may not be called.
#[derive(Debug)]
struct Checked {
    reach: Reach,
}

impl Resolver for Checked {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let url = WebhookUrl::parse(&uri.to_string()).ok_or(ureq::Error::HostNotFound)?;
        let by_default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let found = (url.host(), uri.port_u16().unwrap_or(by_default)).to_socket_addrs()?;
        let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
        // One alone that is not allowed is enough: no honest name has such a one among others.
        if found.iter().any(|address| !self.reach.includes(address.ip())) {
            return Err(ureq::Error::Other(Box::new(NoAnswer::NotAllowed)));
        }
        let mut addresses = self.empty();
        for address in found {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl From<ureq::Error> for NoAnswer {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Timeout,
            ureq::Error::Other(cause) if cause.downcast_ref() == Some(&Self::NotAllowed) => Self::NotAllowed,
            error => Self::Failed(error.to_string()),
        }
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a time.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(time.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, "2026-11-24T13:31:10Z".parse().unwrap())
    }

    #[test]
    fn retry_after_is_seconds_or_a_time() {
        assert_eq!(asked("120"), Some(Duration::from_mins(2)));
        assert_eq!(asked("Tue, 24 Nov 2026 13:32:10 GMT"), Some(Duration::from_mins(1)));
        for nothing in ["", "-1", "soon", "Tue, 24 Nov 2026 13:30:10 GMT", "1.5"] {
            assert_eq!(asked(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_name_or_an_address_of_this_machine_is_not_called() {
        let client = Client::new(Reach::default(), Secret::new().unwrap(), Duration::from_secs(10));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]"] {
            let url = WebhookUrl::parse(&format!("http://{host}:{port}/")).unwrap();
            let request = Request { url, id: "1".into(), body: Vec::new() };
            assert_eq!(client.call(&request), Err(NoAnswer::NotAllowed), "{host}");
        }
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody called");
    }
}
