//! A client of a server that may be gone at any moment: every failure is a value.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use crate::support::client::agent;
use crate::support::{DEADLINE, Server, form, wire};

/// An answer that was read to its end.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What was heard, or that nothing was.
pub type Heard<T> = Result<T, ureq::Error>;

/// A client.
pub struct Peer {
    agent: Agent,
    addr: SocketAddr,
}

impl Peer {
    /// One whose every request has a connection of its own, so that each is sent once.
    pub fn new(server: &Server) -> Self {
        Self { agent: agent(), addr: server.addr }
    }

    /// One that keeps its connection, for many requests to a server that stays.
    pub fn steady(server: &Server) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).proxy(None);
        Self { agent: config.build().into(), addr: server.addr }
    }

    pub fn get(&self, path: &str) -> Heard<Reply> {
        reply(self.agent.get(self.url(path)).call()?)
    }

    pub fn delete(&self, path: &str) -> Heard<Reply> {
        reply(self.agent.delete(self.url(path)).call()?)
    }

    /// Sends an upload under an idempotency key.
    pub fn upload(&self, key: &str, body: &[u8]) -> Heard<Reply> {
        let request = self.agent.post(self.url("/batches")).header("content-type", form::content_type());
        reply(request.header("idempotency-key", key).send(body)?)
    }

    /// Sends an upload of which only the first bytes come, and goes away.
    pub fn break_off(&self, key: &str, body: &[u8], sent: usize) -> Heard<()> {
        let mut stream = TcpStream::connect(self.addr)?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let headers = [("Content-Type", &form::content_type()[..]), ("Idempotency-Key", key)];
        stream.write_all(&wire::head("POST", "/batches", &headers, body.len() as u64))?;
        Ok(stream.write_all(&body[..sent])?)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

fn reply(response: Response<ureq::Body>) -> Heard<Reply> {
    let (head, mut body) = response.into_parts();
    let body = body.with_config().limit(u64::MAX).read_to_vec()?;
    Ok(Reply { status: head.status.as_u16(), body })
}
