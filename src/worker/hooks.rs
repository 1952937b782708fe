//! Misbehaviour on demand, for tests: compiled in by the feature `test-hooks` only.
//!
//! A file that begins with `consign-test-hook: WORD` makes the child do to itself what a bad parser could, or try to
//! leave its room as a bad parser would, and then its text says what came of it.

mod escape;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

const PREFIX: &[u8] = b"consign-test-hook: ";

/// So much is taken at a time until no more is given.
const OOM_STEP_BYTES: usize = 16 << 20;

/// What a hook needs of the child.
pub trait Host {
    /// A sign of life.
    fn progress(&mut self);
    /// Bytes on stdout that are no message.
    fn noise(&mut self, bytes: &[u8]);
}

/// Does what the file's first word says, if it says anything; returns when the file is to be read after all, or what is
/// to be read in its place.
pub fn obey(bytes: &[u8], host: &mut dyn Host) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(PREFIX)?;
    let word = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    match word {
        b"hang" => loop {
            thread::park();
        },
        b"busy" => loop {
            pause(Duration::from_millis(20));
            host.progress();
        },
        b"slow" => slow(host),
        b"segv" => raise(Signal::SEGV),
        b"kill" => raise(Signal::KILL),
        b"oom" => exhaust_memory(),
        b"overflow" => {
            black_box(recurse(black_box(1)));
        }
        b"panic" => panic!("the file asked for it"),
        #[expect(clippy::disallowed_methods, reason = "the test wants a child that leaves without a word")]
        b"exit" => std::process::exit(7),
        b"noise" => host.noise(&[0xff; 64]),
        b"burn" => burn(host),
        b"xcpu" => raise(Signal::XCPU),
        word => return escape::attempt(word),
    }
    None
}

/// Computes and says that it is alive, without end.
fn burn(host: &mut dyn Host) {
    loop {
        black_box((0..1_000_000_u64).fold(0, |sum, number| black_box(sum ^ number)));
        host.progress();
    }
}

/// How many images the file asks about, when it is one that does: `recognise=COUNT`.
pub fn images(bytes: &[u8]) -> Option<usize> {
    let count = bytes.strip_prefix(PREFIX)?.strip_prefix(b"recognise=")?;
    String::from_utf8_lossy(count).trim().parse().ok()
}

fn slow(host: &mut dyn Host) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(300) {
        host.progress();
        pause(Duration::from_millis(20));
    }
}

/// Waits without a lock or a timer of the async kind: the child is one plain thread.
fn pause(time: Duration) {
    thread::park_timeout(time);
}

/// Sends itself the signal until it works: Rust's own handler for SIGSEGV takes the first one to look for a stack
/// overflow, finds none, and steps aside for the next.
fn raise(signal: Signal) {
    loop {
        kill_process(getpid(), signal).expect("a process may always signal itself");
    }
}

fn exhaust_memory() {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; OOM_STEP_BYTES]));
    }
}

/// Recurses without end, in a way that no optimizer turns into a loop.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 {
        return 0;
    }
    recurse(depth + 1) + black_box(frame)[1]
}
