//! A relay on loopback in front of a server, which counts what clients send. It may keep from the server that a client asks
//! before it sends, as proxies do that know nothing of `Expect`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The line by which a client asks.
const QUESTION: &[u8] = b"expect: 100-continue\r\n";

/// A relay. Its threads end with the process.
pub struct Relay {
    pub addr: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Relay {
    /// One that passes everything.
    pub fn before(server: SocketAddr) -> Self {
        Self::start(server, false)
    }

    /// One that keeps the question to itself.
    pub fn without_question_before(server: SocketAddr) -> Self {
        Self::start(server, true)
    }

    /// Bytes that clients have sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn start(server: SocketAddr, is_silent: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("a listener has an address");
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(server).expect("the server takes connections");
                let [from_client, from_server] = [&client, &server].map(|it| it.try_clone().expect("it can be cloned"));
                let counter = Arc::clone(&counter);
                thread::spawn(move || {
                    pass(from_client, server, |bytes| {
                        counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        if is_silent { without_question(bytes) } else { bytes.to_vec() }
                    });
                });
                thread::spawn(move || pass(from_server, client, <[u8]>::to_vec));
            }
        });
        Self { addr, sent }
    }
}

/// Passes what comes until one of the two ends, and then ends the other.
fn pass(mut from: TcpStream, mut to: TcpStream, change: impl Fn(&[u8]) -> Vec<u8>) {
    let mut block = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut block) {
        if to.write_all(&change(&block[..count])).is_err() {
            break;
        }
    }
    // It may have ended already.
    let _ = to.shutdown(Shutdown::Both);
}

/// What a client sends, without the question. A head comes in one piece.
fn without_question(bytes: &[u8]) -> Vec<u8> {
    let is_head = bytes.starts_with(b"POST ");
    match bytes.windows(QUESTION.len()).position(|window| is_head && window == QUESTION) {
        Some(at) => [&bytes[..at], &bytes[at + QUESTION.len()..]].concat(),
        None => bytes.to_vec(),
    }
}
