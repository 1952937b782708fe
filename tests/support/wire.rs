//! HTTP/1.1 by hand, for requests that no well-meaning client sends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::client::Answer;
use super::{DEADLINE, form};

/// The head of a request that says how long its body is and that it is the last on its connection.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], body_bytes: u64) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/1.1"), "Host: consign.test".into(), "Connection: close".into()];
    lines.push(format!("Content-Length: {body_bytes}"));
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

/// The head of an upload of a body of this length.
pub fn upload_head(body_bytes: u64) -> Vec<u8> {
    head("POST", "/batches", &[("Content-Type", &form::content_type())], body_bytes)
}

/// Sends a request with these headers and this body, and reads the answer while it still sends: a server may well
/// answer before it has read all.
pub fn exchange(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = head(method, path, headers, body.len() as u64);
    request.extend_from_slice(body);
    let mut wire = Wire::open(addr);
    let mut sender = wire.stream.try_clone().expect("a socket can be cloned");
    std::thread::scope(|scope| {
        // The server may close the connection on a request that it has refused.
        scope.spawn(move || sender.write_all(&request));
        let answer = wire.answer();
        wire.close();
        answer
    })
}

/// Sends a multipart body, whatever is in it.
pub fn upload(addr: SocketAddr, body: &[u8]) -> Answer {
    exchange(addr, "POST", "/batches", &[("Content-Type", &form::content_type())], body)
}

/// One connection.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub fn open(addr: SocketAddr) -> Self {
        Self::of(TcpStream::connect(addr).expect("the server takes connections"))
    }

    /// A connection that is there already.
    pub fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline is a valid time limit");
        stream.set_write_timeout(Some(DEADLINE)).expect("a deadline is a valid time limit");
        Self { stream }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads what it is sent");
    }

    /// Sends what the server may not want any more.
    pub fn offer(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends the connection in both directions.
    pub fn close(&self) {
        // The server may have closed it already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Answer {
        read_answer(&mut self.stream)
    }

    /// Reads an answer up to its body.
    pub fn answer_head(&mut self) -> Answer {
        read_answer_head(&mut self.stream)
    }

    /// Reads answers until the server closes the connection.
    pub fn answers(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        // Closed with bytes of ours unread, it is reset.
        while matches!(self.stream.peek(&mut [0]), Ok(1)) {
            let answer = self.answer_head();
            if answer.find_header("content-length").is_none() {
                // A stream is told by its head, and does not end by itself.
                answers.push(answer);
                break;
            }
            answers.push(read_body(&mut self.stream, answer));
        }
        answers
    }

    /// The same connection for another thread.
    pub fn another(&self) -> Self {
        Self { stream: self.stream.try_clone().expect("a socket can be cloned") }
    }

    /// Whether the server has closed the connection, waiting for it if it has not.
    pub fn closed_by_server(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0)) || self.stream.take_error().is_ok_and(|error| error.is_some())
    }
}

/// Reads one answer from any kind of connection.
pub fn read_answer(stream: &mut impl Read) -> Answer {
    let answer = read_answer_head(stream);
    read_body(stream, answer)
}

/// Reads one up to its body.
pub fn read_answer_head(stream: &mut impl Read) -> Answer {
    let head = read_head(stream);
    let mut lines = head.lines();
    let status_line = lines.next().expect("an answer has a first line");
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{status_line:?} has a status"));
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Answer { status, headers, body: Vec::new() }
}

fn read_body(stream: &mut impl Read, mut answer: Answer) -> Answer {
    let length: usize = answer.header("content-length").parse().expect("short answers say how long they are");
    answer.body.resize(length, 0);
    stream.read_exact(&mut answer.body).expect("the body comes whole");
    answer
}

fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut byte);
        assert!(matches!(read, Ok(1)), "{read:?} after {:?} of an answer", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}

/// A reader that makes its bytes on the fly, so that a test can send more than it wants to hold.
pub struct Generated {
    line: Vec<u8>,
    at: usize,
    left: u64,
}

impl Generated {
    /// Text of exactly this many bytes.
    pub fn text(bytes: u64) -> Self {
        let line: Vec<u8> = b"What is written here is written again and again, for size.\n".repeat(64);
        Self { line, at: 0, left: bytes }
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = buffer.len().min(self.line.len() - self.at).min(left);
        buffer[..count].copy_from_slice(&self.line[self.at..self.at + count]);
        self.at = (self.at + count) % self.line.len();
        self.left -= count as u64;
        Ok(count)
    }
}
