//! More than there is room for: it is told to come back, waits its turn or is ended, and stops nobody else.
//!
//! That an upload beyond `limits.uploads_open_max` is refused is in `bad_input.rs`; that a small batch does not wait for a
//! large one in `upload.rs`.

#![cfg(feature = "test-hooks")]

mod support;

use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::form::{self, Form};
use support::server::Setting;
use support::wire::{self, Wire};
use support::{Batch, DataDir, Server, sha256, skip, wait_until};

const IDLE: usize = 2_000;
const SLOW: u32 = 200;

/// Connections that a test of many needs at its own end, and some for what it reads.
const OWN_DESCRIPTORS: u64 = 4_096;

/// More than anybody sends here.
const LARGE_BYTES: u64 = 1 << 30;

/// Whether this process may hold so many connections.
fn may_hold_many() -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= OWN_DESCRIPTORS) {
        return true;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(OWN_DESCRIPTORS), maximum }).is_ok()
}

fn idle(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(addr).expect("the server takes connections")).collect()
}

/// An upload that has its place and sends its file little by little.
fn begin_upload(addr: SocketAddr, name: &str) -> Wire {
    let mut client = Wire::open(addr);
    client.send(&wire::upload_head(LARGE_BYTES));
    client.send(form::opening(name).as_bytes());
    client
}

/// Sends a byte on each connection again and again, while `meanwhile` runs.
fn trickle<T>(clients: &mut [Wire], every: Duration, meanwhile: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let trickling = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for client in clients.iter_mut() {
                    client.offer(b"s");
                }
                std::thread::park_timeout(every);
            }
        });
        // A failure must end the other thread, too, or the test never ends.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        is_over.store(true, Ordering::Relaxed);
        trickling.thread().unpark();
        done.unwrap_or_else(|failure| std::panic::resume_unwind(failure))
    })
}

fn uploads_open(server: &Server) -> f64 {
    server.metrics().sum("consign_uploads_open", &[])
}

fn assert_told_to_come_back(server: &Server, code: &str) {
    let mut client = Wire::open(server.addr);
    // Not one byte of the body is sent: the answer does not wait for it.
    client.send(&wire::upload_head(LARGE_BYTES));
    let answer = client.answer();
    answer.assert_problem(429, code);
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    assert!(client.closed_by_server());
}

#[test]
fn who_finds_no_place_is_told_so_before_its_body_is_read() {
    let server = Server::start(&[("LIMITS_UPLOADS_OPEN_MAX", "1")]);
    let first = begin_upload(server.addr, "first.txt");
    wait_until("the first to have its place", || uploads_open(&server) >= 1.0);

    assert_told_to_come_back(&server, "too_many_uploads");

    first.close();
    wait_until("a free place", || server.post(Form::new().file("after.txt", "words")).status == 202);
}

#[test]
fn who_finds_too_many_batches_waiting_is_told_so_before_its_body_is_read() {
    let patient = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];
    let data = DataDir::new();
    let server = data.serve(&[&patient[..], &[("LIMITS_BATCHES_OPEN_MAX", "1")]].concat());
    let id = server.upload(Form::new().file("hook.txt", "consign-test-hook: hang\n")).id;

    assert_told_to_come_back(&server, "queue_full");

    // It is asked about, and not forgotten: what was promised before goes on.
    assert_eq!(server.batch(&id).state, "processing");
}

#[test]
fn idle_and_slow_connections_by_the_thousand_do_not_stop_an_upload() {
    if !may_hold_many() {
        return skip("idle and slow connections", "this process may not open 4,096 descriptors");
    }
    let server = Server::start(&[]);
    let mut slow: Vec<_> = (0..SLOW).map(|index| begin_upload(server.addr, &format!("slow-{index}.txt"))).collect();
    trickle(&mut slow, Duration::from_secs(1), || {
        wait_until("the slow ones to have their places", || uploads_open(&server) >= f64::from(SLOW));
        let mut idle = idle(server.addr, IDLE);

        let large = "many words of a large file\n".repeat(400_000);
        let batch = server.process(Form::new().file("a.txt", "some words").file("large.txt", &large));
        batch.assert_succeeded();
        assert!(server.content(batch.file("large.txt")).body == large.as_bytes());
        assert!(uploads_open(&server) >= f64::from(SLOW), "the slow ones are there still");

        // One that asks for nothing is let go, so that it cannot stay for ever.
        let mut last = Wire::of(idle.pop().expect("there are many"));
        wait_until("the end of an idle connection", || last.closed_by_server());
    });
    drop(slow);
    wait_until("the slow ones to be forgotten", || uploads_open(&server) < 1.0);
}

#[test]
fn uploads_that_trickle_lose_their_places_to_others() {
    let quick = [("LIMITS_UPLOADS_OPEN_MAX", "4"), ("LIMITS_UPLOAD_IDLE_MS_MAX", "3000")];
    let server = Server::start(&quick);
    let mut slow: Vec<_> = (0..4).map(|index| begin_upload(server.addr, &format!("slow-{index}.txt"))).collect();
    wait_until("the slow ones to have their places", || uploads_open(&server) >= 4.0);

    // Never idle, and never done.
    trickle(&mut slow, Duration::from_millis(100), || {
        assert_told_to_come_back(&server, "too_many_uploads");
        wait_until("a place", || server.post(Form::new().file("a.txt", "some words")).status == 202);
        wait_until("the others to have lost theirs", || uploads_open(&server) < 1.0);
    });

    for client in &mut slow {
        client.answer().assert_problem(408, "request_timeout");
    }
}

/// What a process may have of descriptors, as `/proc` says it: the soft limit.
fn descriptors(server: &Server) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("the process runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("Linux limits them");
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("the limit is a number")
}

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_connections_need_it() {
    if !may_hold_many() {
        return skip("raising the limit of descriptors", "this process may not open 4,096 descriptors itself");
    }
    let server = DataDir::after("ulimit -Sn 256; exec").serve(&[("LIMITS_CONNECTIONS_MAX", "1500")]);
    assert!(descriptors(&server) > 2 * 1500, "{} descriptors", descriptors(&server));
    server.process(Form::new().file("a.txt", "some words")).assert_succeeded();
}

/// Sockets that the server has open.
fn sockets(server: &Server) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the process runs");
    let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn more_connections_than_descriptors_wait_and_take_none_from_the_others() {
    let server = DataDir::after("ulimit -n 800; exec").serve(&[("WORKER_FILES_MAX", "1")]);
    assert!(server.log().contains("at most 64 connections at a time"), "the operator is told");
    let crowd = idle(server.addr, 150);
    wait_until("as many connections as may be", || sockets(&server) >= 64);
    assert!(sockets(&server) < 64 + 16, "{} sockets", sockets(&server));

    // Stored, read by children that are all new, and given back.
    let texts = (0..20).map(|index| (format!("{index}.txt"), format!("words {index}")));
    let batch = server.process(Form::new().files(texts));

    batch.assert_succeeded();
    assert!(batch.files.iter().all(|file| file.attempts == 1), "{batch:?}");
    assert!(!server.log().contains("os error 24"), "nothing went short of descriptors");
    drop(crowd);
}

/// Batches and files of each.
const BATCHES: usize = 64;
const FILES: usize = 200;

fn words(batch: usize, file: usize) -> String {
    format!("words of file {file} in batch {batch}\n").repeat(1 + file % 7)
}

/// Many texts, and among them one that is refused, and in some batches one that is deadly.
fn crowded(batch: usize) -> Form {
    let texts = (0..FILES - 2).map(|file| (format!("{file}.txt"), words(batch, file)));
    let last = if batch.is_multiple_of(8) { "consign-test-hook: segv\n".to_owned() } else { words(batch, FILES) };
    Form::new()
        .field("metadata", &format!("{{\"number\": {batch}}}"))
        .files(texts)
        .file("b.exe", "MZ")
        .file("last.txt", last)
}

fn assert_ended_right(server: &Server, number: usize, batch: &Batch) {
    assert_eq!((batch.files.len(), batch.metadata["number"].as_u64()), (FILES, Some(number as u64)));
    let is_deadly = number.is_multiple_of(8);
    batch.file("b.exe").assert_ended("rejected", "unsupported_type");
    if is_deadly {
        batch.file("last.txt").assert_ended("failed", "crashed");
    }
    let succeeded = (FILES - 1 - usize::from(is_deadly)) as u64;
    assert_eq!((batch.summary.succeeded, batch.summary.rejected, batch.summary.pending), (succeeded, 1, 0));
    for (index, file) in batch.files.iter().take(FILES - 2).enumerate() {
        let words = words(number, index);
        assert_eq!((file.name.as_str(), file.state.as_str()), (format!("{index}.txt").as_str(), "succeeded"));
        assert_eq!((file.attempts, &file.sha256), (1, &Some(sha256(words.as_bytes()))), "{file:?}");
        // Every text would be 12,800 requests; its length says as much of nearly all of them.
        assert_eq!(file.result().chars, words.len() as u64, "{file:?}");
        if index % 50 == number % 50 {
            assert_eq!(server.text(file), words);
        }
    }
}

#[test]
fn sixty_four_batches_of_two_hundred_files_at_once_all_end_right() {
    let quick: [Setting<'_>; 2] = [("ATTEMPTS_MAX", "2"), ("ATTEMPTS_RETRY_MS_BASE", "10")];
    let server = Server::start(&quick);
    let ended = Mutex::new(0);
    std::thread::scope(|scope| {
        for number in 0..BATCHES {
            let (server, ended) = (&server, &ended);
            scope.spawn(move || {
                let batch = server.process(crowded(number));
                assert_ended_right(server, number, &batch);
                *ended.lock().expect("a client that failed has no lock") += 1;
            });
        }
    });
    assert_eq!(ended.into_inner().expect("no client failed"), BATCHES);
    assert_eq!(server.list("?state=processing").batches.len(), 0);
    let metrics = server.metrics();
    assert!(metrics.sum("consign_actor_panics_total", &[]) < 1.0);
    assert!(metrics.sum("consign_queue_depth", &[]) < 1.0);
}
