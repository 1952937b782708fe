//! A receiver of webhooks: a small HTTP server that keeps what it is sent and answers as the test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::wait_for;

/// The bytes that SHA-256 takes at a time.
const BLOCK_BYTES: usize = 64;

/// What came.
#[derive(Debug, Clone)]
pub struct Received {
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, and header lines.
    Status(u16, String),
    /// Nothing, for as long as the caller waits.
    Silence,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }
}

/// A server on loopback that lives as long as the test.
pub struct Receiver {
    pub addr: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Answers each request as `reply` says; it is told how many have come before.
    pub fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(reply, Some)
    }

    /// The same, over what `wrap` makes of a connection, if it makes something of it.
    pub fn start_with<S: Read + Write>(
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("a listener has an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, reply) = (Arc::clone(&received), Arc::new((reply, wrap)));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, reply) = (Arc::clone(&kept), Arc::clone(&reply));
                std::thread::spawn(move || {
                    if let Some(stream) = (reply.1)(stream) {
                        serve(stream, &kept, &reply.0);
                    }
                });
            }
        });
        Self { addr, received }
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.addr)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test panics with the lock").clone()
    }

    /// The first `count` requests once they have come.
    pub fn first(&self, count: usize) -> Vec<Received> {
        wait_for("webhooks to be called", || {
            let received = self.received();
            (received.len() >= count).then(|| received[..count].to_vec())
        })
    }
}

fn serve<S: Read + Write>(stream: S, kept: &Mutex<Vec<Received>>, reply: impl Fn(usize) -> Reply) {
    let mut stream = BufReader::new(stream);
    // A caller that was killed leaves half a request, which is none.
    let Some(request) = read(&mut stream) else { return };
    let before = {
        let mut kept = kept.lock().expect("no test panics with the lock");
        kept.push(request);
        kept.len() - 1
    };
    match reply(before) {
        Reply::Status(status, headers) => {
            let head = format!("HTTP/1.1 {status} said\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
            // The caller may be gone.
            let _ = stream.get_mut().write_all(head.as_bytes());
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
        }
    }
}

fn read(stream: &mut impl BufRead) -> Option<Received> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let target = lines.first()?.strip_prefix("POST ")?.strip_suffix(" HTTP/1.1")?.to_owned();
    let header = |line: &String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<_> = lines[1..].iter().filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Received { target, headers, body })
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("the request has {name}: {self:?}")).1
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Asserts that the signature is that of the secret, computed as RFC 2104 has it.
    pub fn assert_signed(&self, secret: &str) {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("Base64");
        let padded = |pad: u8| -> Vec<u8> {
            (0..BLOCK_BYTES).map(|at| key.get(at).copied().unwrap_or_default() ^ pad).collect()
        };
        let signed = [self.id().as_bytes(), self.header("webhook-timestamp").as_bytes(), &self.body].join(&b'.');
        let inner = Sha256::digest([padded(0x36), signed].concat());
        let outer = Sha256::digest([padded(0x5c), inner.to_vec()].concat());
        assert_eq!(self.header("webhook-signature"), format!("v1,{}", BASE64_STANDARD.encode(outer)));
    }
}
