//! What the integration tests share: the real server as a child process, a client, and places to look.
//!
//! A test says what it expects of the contract and nothing of how the server does it. No helper sleeps for a fixed time:
//! [`wait_for`] polls for what is to come, and its deadline only ends a test that would never end.

#![allow(dead_code, unused_imports, reason = "each test file is a crate of its own and uses its part of this one")]

pub mod attachments;
pub mod browser;
pub mod clamd;
pub mod cli;
pub mod client;
pub mod corpus;
pub mod custody;
pub mod disk;
pub mod events;
pub mod fault;
pub mod form;
pub mod metrics;
pub mod openapi;
pub mod process;
pub mod promtool;
pub mod proxy;
pub mod receiver;
pub mod relay;
pub mod server;
pub mod start;
pub mod status;
pub mod wire;

use std::io::Write;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

pub use client::Answer;
pub use form::Form;
pub use server::{DataDir, Key, Server};
pub use status::{Batch, FileStatus};

/// When a test gives up. Generous: a debug build on a busy machine is slow, and only a failure waits for it. Before the
/// test runner ends the test, so that the test says what it waited for.
pub const DEADLINE: Duration = Duration::from_mins(4);

/// Between two looks at what a test waits for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until `look` finds something.
///
/// # Panics
/// When nothing was found by the deadline.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {what}");
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Looks until `holds` says yes.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Says that a test did not run and why, past the test harness's capture of what passing tests print.
pub fn skip(test: &str, why: &str) {
    writeln!(std::io::stderr(), "SKIPPED {test}: {why}").expect("standard error can be written");
}

/// The digest in the form that the status gives.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
