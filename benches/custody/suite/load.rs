//! Clients that are no limit themselves: a socket each, requests that were made before, and answers read afterwards.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::texts::NamedFile;
use crate::support::{DEADLINE, Form, Server, form, wait_until};

/// The bytes of a request, in pieces, so that a large body need not be copied.
pub struct Request<'a> {
    pieces: Vec<Piece<'a>>,
}

enum Piece<'a> {
    Made(Vec<u8>),
    Lent(&'a [u8]),
}

impl<'a> Request<'a> {
    /// An upload of these files.
    pub fn upload(files: &[NamedFile]) -> Self {
        let body = Form::new().files(files.iter().map(|(name, bytes)| (name, bytes))).finish();
        let mut request = upload_head(body.len());
        request.extend_from_slice(&body);
        Self { pieces: vec![Piece::Made(request)] }
    }

    /// An upload of one file, whose bytes stay where they are.
    pub fn upload_large(name: &str, bytes: &'a [u8]) -> Self {
        let (opening, closing) = (form::opening(name), format!("\r\n{}", form::closing()));
        let mut request = upload_head(opening.len() + bytes.len() + closing.len());
        request.extend_from_slice(opening.as_bytes());
        Self { pieces: vec![Piece::Made(request), Piece::Lent(bytes), Piece::Made(closing.into_bytes())] }
    }

    pub fn get(path: &str) -> Self {
        Self { pieces: vec![Piece::Made(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes())] }
    }
}

fn upload_head(body_bytes: usize) -> Vec<u8> {
    let content_type = form::content_type();
    format!(
        "POST /batches HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\nContent-Length: {body_bytes}\r\n\r\n"
    )
    .into_bytes()
}

/// A connection that is used again.
pub struct Connection {
    stream: TcpStream,
}

/// An answer, and how long its status was in coming.
pub struct Reply {
    pub status: u16,
    pub until_head: Duration,
    pub body: Vec<u8>,
}

impl Reply {
    /// The id of the batch that was accepted.
    ///
    /// # Panics
    /// When it was not.
    pub fn batch(&self) -> String {
        assert_eq!(self.status, 202, "{}", String::from_utf8_lossy(&self.body));
        let json: Value = serde_json::from_slice(&self.body).expect("an answer is JSON");
        json["id"].as_str().expect("a batch has an id").to_owned()
    }
}

impl Connection {
    pub fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server takes connections");
        stream.set_nodelay(true).expect("a socket can be told not to wait");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline is a valid time limit");
        Self { stream }
    }

    pub fn exchange(&mut self, request: &Request<'_>) -> Reply {
        let begun = Instant::now();
        for piece in &request.pieces {
            let bytes = match piece {
                Piece::Made(bytes) => bytes,
                Piece::Lent(bytes) => *bytes,
            };
            self.stream.write_all(bytes).expect("the server reads what it is sent");
        }
        let mut bytes = vec![0; 64 << 10];
        let mut length = 0;
        let body_at = loop {
            length += self.read(&mut bytes[length..]);
            if let Some(at) = bytes[..length].windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let until_head = begun.elapsed();
        let head = String::from_utf8_lossy(&bytes[..body_at]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
        let body_bytes: Option<usize> =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let end = body_at + body_bytes.expect("an answer says how long it is");
        bytes.resize(end.max(length), 0);
        while length < end {
            length += self.read(&mut bytes[length..end]);
        }
        Reply { status, until_head, body: bytes.split_off(body_at) }
    }

    fn read(&mut self, into: &mut [u8]) -> usize {
        let read = self.stream.read(into).expect("the server answers");
        assert!(read > 0, "the server has closed the connection, or its head is too long");
        read
    }
}

/// Has each client send its requests, one after the other; how long all took together, and the batches.
pub fn upload_all(addr: SocketAddr, clients: &[Vec<Request<'_>>]) -> (Duration, Vec<String>) {
    let ready = Barrier::new(clients.len() + 1);
    let client = |requests: &[Request<'_>]| {
        let mut connection = Connection::open(addr);
        ready.wait();
        let mut last = Instant::now();
        let exchange = |request| {
            let begun = Instant::now();
            let reply = connection.exchange(request);
            last = begun + reply.until_head;
            reply
        };
        let replies: Vec<Reply> = requests.iter().map(exchange).collect();
        (last, replies)
    };
    let (begun, ended) = std::thread::scope(|scope| {
        let threads: Vec<_> = clients.iter().map(|requests| scope.spawn(|| client(requests))).collect();
        ready.wait();
        let begun = Instant::now();
        let ended: Vec<_> =
            threads.into_iter().map(|thread| thread.join().expect("a client comes to its end")).collect();
        (begun, ended)
    });
    let last = ended.iter().map(|(last, _)| *last).max().expect("there is a client");
    let batches = ended.iter().flat_map(|(_, replies)| replies.iter().map(Reply::batch)).collect();
    (last.duration_since(begun), batches)
}

/// Uploads one batch; how long it took to the head of the 202, and its id.
pub fn upload(addr: SocketAddr, request: &Request<'_>) -> (Duration, String) {
    let reply = Connection::open(addr).exchange(request);
    (reply.until_head, reply.batch())
}

/// Waits until all files of these batches have their outcome.
pub fn wait_for_end(server: &Server, batches: &[String]) {
    for batch in batches {
        wait_until("the end of a batch", || {
            server.ok(&format!("/batches/{batch}?wait=20&limit=1")).json()["state"] == "completed"
        });
    }
}
