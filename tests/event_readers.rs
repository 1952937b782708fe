//! Readers of events in bad company: their connections break off, the server is killed, and they are slow. Each hears of
//! each end once all the same, and none costs the server more than its share of memory.

#![cfg(feature = "test-hooks")]

mod support;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use support::events::{Events, Reader, Told};
use support::server::Setting;
use support::{DEADLINE, DataDir, Form, Server, process, wait_until};

/// How often a connection breaks off, and how often the server is killed meanwhile.
const DISCONNECTS: usize = 200;
const KILL_EVERY: usize = 8;

/// Batches that are uploaded between them, of at most so many files.
const UPLOAD_EVERY: usize = 3;
const FILES_MAX: usize = 40;

/// Heartbeats and retries that nobody waits for.
const SETTINGS: [Setting<'_>; 2] = [("EVENTS_HEARTBEAT_MS", "50"), ("ATTEMPTS_RETRY_MS_BASE", "1")];

fn files(random: &mut StdRng) -> Form {
    let count = random.random_range(1..=FILES_MAX);
    let name = |index: usize| if index.is_multiple_of(7) { format!("{index}.exe") } else { format!("{index}.txt") };
    let files = (1..=count).map(|index| (name(index), format!("words of {index}")));
    // The first is always taken; one in a few takes its child down, and is tried again.
    let text = if random.random_bool(0.2) { "consign-test-hook: segv\n" } else { "words" };
    Form::new().file("first.txt", text).files(files)
}

/// One reader of all batches, and one of each.
struct Readers {
    of_all: Reader,
    of_each: BTreeMap<String, Reader>,
}

impl Readers {
    /// Any of them, with its path.
    fn any(&mut self, random: &mut StdRng) -> (String, &mut Reader) {
        let count = self.of_each.len();
        if count == 0 || random.random_bool(0.5) {
            return ("/events".into(), &mut self.of_all);
        }
        let (id, reader) = self.of_each.iter_mut().nth(random.random_range(0..count)).expect("there are so many");
        (format!("/batches/{id}/events"), reader)
    }
}

/// Reads some events, and breaks off; false when there was nothing to read, or nothing more to come.
fn read_some(server: &Server, path: &str, reader: &mut Reader, count: usize) -> Option<Events> {
    let mut stream = match server.try_events(path, reader.last_id) {
        Ok(stream) => stream,
        Err(answer) => {
            assert_eq!(answer.status, 204, "{path}: {}", answer.lossy());
            return None;
        }
    };
    for _ in 0..count {
        match stream.next() {
            Some(Told::Event(event)) => reader.take(&event),
            Some(Told::Heartbeat) => break,
            None => return None,
        }
    }
    Some(stream)
}

#[test]
fn readers_that_break_off_200_times_with_kills_among_them_hear_of_each_end_once() {
    let seed = std::env::var("CONSIGN_EVENTS_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("CONSIGN_EVENTS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let data = DataDir::new();
    let mut server = data.serve(&SETTINGS);
    let mut readers = Readers { of_all: Reader::from_the_beginning(), of_each: BTreeMap::new() };
    let (mut broken_off, mut round) = (0, 0);
    while broken_off < DISCONNECTS {
        round += 1;
        if round % UPLOAD_EVERY == 1 {
            let id = server.upload(files(&mut random)).id;
            readers.of_each.insert(id, Reader::default());
        }
        let (path, reader) = readers.any(&mut random);
        let Some(stream) = read_some(&server, &path, reader, random.random_range(0..30)) else { continue };
        broken_off += 1;
        if broken_off % KILL_EVERY == 0 {
            server.kill();
            // What was on its way is whole events, and perhaps a part of one.
            for told in stream {
                if let Told::Event(event) = told {
                    reader.take(&event);
                }
            }
            server = data.serve(&SETTINGS);
        }
    }
    finish(&server, readers);
}

/// Lets every batch and every reader come to its end, and compares what was heard with what has become of each file.
fn finish(server: &Server, mut readers: Readers) {
    let batches: Vec<_> = readers.of_each.keys().map(|id| server.completed(id)).collect();
    let mut stream = server.events("/events", readers.of_all.last_id);
    while !batches.iter().all(|batch| readers.of_all.has_completed(&batch.id)) {
        if let Told::Event(event) = stream.next().expect("the stream stays open") {
            readers.of_all.take(&event);
        }
    }
    for batch in &batches {
        let reader = readers.of_each.get_mut(&batch.id).expect("each has a reader");
        let path = format!("/batches/{}/events", batch.id);
        if let Ok(mut stream) = server.try_events(&path, reader.last_id) {
            stream.rest().iter().for_each(|event| reader.take(event));
        }
        assert_eq!(server.try_events(&path, reader.last_id).err().expect("nothing more is to come").status, 204);
        reader.assert_heard(batch);
        readers.of_all.assert_heard(batch);
    }
}

/// Refused files, which cost no work and have an event each: some megabytes of them.
const REFUSED: usize = 9_000;

/// Readers that stall at the same time, and what the server may grow by for all of them.
const STALLED: u32 = 20;
const STALLED_BYTES_MAX: u64 = 24 << 20;

/// A connection on which events arrive, and whose owner looks elsewhere.
fn stalled(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr).expect("the server takes connections");
    set_socket_recv_buffer_size(&stream, 64 << 10).expect("a socket has a buffer");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline is a valid time limit");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: consign.test\r\nConnection: close\r\n\r\n").expect("a head is short");
    stream
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off_costs_little_memory_and_can_go_on() {
    let settings = [("EVENTS_STALL_MS_MAX", "500"), ("EVENTS_HEARTBEAT_MS", "50")];
    let server = Server::start(&settings);
    let refused = (0..REFUSED).map(|index| (format!("{index}.exe"), "MZ"));
    let id = server.process(Form::new().file("a.txt", "words").files(refused)).id;
    let all = server.events("/events", Some(0)).until(|event| event.short() == "completed");
    assert_eq!(all.len(), REFUSED + 3);
    let before = process::memory_bytes(server.pid(), "VmRSS");

    let mut readers: Vec<_> = (0..STALLED).map(|_| stalled(&server, "/events?last_event_id=0")).collect();
    let cut_off = || server.metrics().sum("consign_event_streams_cut_off_total", &[]);
    wait_until("all to be cut off", || cut_off() > f64::from(STALLED) - 0.5);

    let grown = process::memory_bytes(server.pid(), "VmRSS").saturating_sub(before);
    assert!(grown < STALLED_BYTES_MAX, "{STALLED} stalled readers cost {} KiB", grown >> 10);
    assert!(server.metrics().sum("consign_event_streams_open", &[]) < 0.5, "their places are free again");
    let mut body = Vec::new();
    Unchunked::of(readers.remove(0)).read_to_end(&mut body).expect("what was sent is there, and its end");
    let mut stream = Events::of(io::Cursor::new(body));
    let heard = stream.rest();
    assert!(!heard.is_empty() && heard.len() < all.len(), "{} of {} events were taken", heard.len(), all.len());
    let rest = server.events(&format!("/batches/{id}/events"), stream.last_id).rest();
    assert!([heard, rest].concat() == all, "nothing is missing and nothing comes twice");
}

#[test]
fn a_reader_that_missed_news_reads_it_from_the_log() {
    let server = Server::start(&[("EVENTS_HEARTBEAT_MS", "50"), ("EVENTS_STALL_MS_MAX", "3600000")]);
    let refused = || (0..REFUSED).map(|index| (format!("{index}.exe"), "MZ"));
    let first = server.process(Form::new().file("a.txt", "words").files(refused()));
    // It has all that to read, and is not through with it when far more has happened than waits for it.
    let reader = stalled(&server, "/events?last_event_id=0");
    let small = Form::new().files((0..600).map(|index| (format!("{index}.txt"), "words")));
    let batches = [first, server.process(small.clone()), server.process(small)];

    let mut heard = Reader::from_the_beginning();
    let mut stream = Events::of(Unchunked::of(reader));
    while !heard.has_completed(&batches[2].id) {
        if let Told::Event(event) = stream.next().expect("the stream stays open") {
            heard.take(&event);
        }
    }

    for batch in &batches[1..] {
        heard.assert_heard(batch);
    }
}

/// The body of an answer in chunks (RFC 9112, section 7.1) while it comes. It ends in an error if it breaks off.
struct Unchunked {
    stream: BufReader<TcpStream>,
    /// Bytes of the chunk in hand; none before the first.
    left: Option<usize>,
}

impl Unchunked {
    fn of(stream: TcpStream) -> Self {
        let mut stream = BufReader::new(stream);
        while !line(&mut stream).expect("an answer has a head").is_empty() {}
        Self { stream, left: None }
    }
}

/// A line without its break.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| ErrorKind::UnexpectedEof.into())
}

impl Read for Unchunked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while matches!(self.left, None | Some(0)) {
            if self.left.is_some() {
                line(&mut self.stream)?;
            }
            let size = usize::from_str_radix(&line(&mut self.stream)?, 16).expect("a chunk begins with its size");
            if size == 0 {
                return Ok(0);
            }
            self.left = Some(size);
        }
        let left = self.left.expect("a chunk is in hand");
        let count = left.min(buffer.len());
        let read = self.stream.read(&mut buffer[..count])?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left = Some(left - read);
        Ok(read)
    }
}
