//! A start as a client sees it.

use std::time::{Duration, Instant};

use super::server::Setting;
use super::{DataDir, Form, Server, process};

const SETTINGS: [Setting<'_>; 1] = [("LOG", "warn")];

/// When the server listens, when it has acknowledged an upload, and its memory then.
pub struct Start {
    pub listens: Duration,
    pub acknowledges: Duration,
    pub memory_bytes: u64,
}

impl Start {
    /// Starts a server on a directory.
    pub fn of(data: &DataDir) -> (Server, Self) {
        let begun = Instant::now();
        let server = data.serve(&SETTINGS);
        let listens = begun.elapsed();
        server.upload(Form::new().file("first.txt", "the first words"));
        let acknowledges = begun.elapsed();
        let memory_bytes = process::memory_bytes(server.pid(), "VmRSS");
        (server, Self { listens, acknowledges, memory_bytes })
    }
}
