//! A start with a full job log: how soon it takes an upload, and how much memory it takes.
//!
//! `make start-up` measures it with a million files that have ended and a hundred thousand that wait; in CI there are
//! fewer, and what is held is the bound on memory and that all comes to its end.

mod support;

use std::io::Write;

use support::start::Start;
use support::{DataDir, Form, Server, process, wait_until};

/// Files of one batch.
const BATCH_FILES: usize = 10_000;

/// What a server may take of memory at rest after its start, its children not counted.
const MEMORY_BYTES_MAX: u64 = 300 << 20;

/// Files that have ended and files that wait, in thousands, unless the environment says otherwise.
const THOUSANDS: (usize, usize) = (20, 10);

fn thousands(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |number| number.parse().expect("a number of thousands"))
}

fn upload(server: &Server, files: usize) -> String {
    let names = (0..files).map(|index| (format!("{index}.txt"), format!("words of {index}")));
    let answer = server.post(Form::new().files(names));
    assert_eq!(answer.status, 202, "{}", answer.lossy());
    answer.json()["id"].as_str().expect("a batch has an id").to_owned()
}

/// Uploads so many files in batches; their ids.
fn upload_all(server: &Server, files: usize) -> Vec<String> {
    (0..files.div_ceil(BATCH_FILES)).map(|_| upload(server, BATCH_FILES.min(files))).collect()
}

fn wait_for_end(server: &Server, batch: &str) {
    wait_until("the end of a batch", || {
        server.ok(&format!("/batches/{batch}?wait=20&limit=1")).json()["state"] == "completed"
    });
}

fn show(what: &str, start: &Start) {
    let Start { listens, acknowledges, memory_bytes } = start;
    let line = format!(
        "{what:<40} listens after {:>5} ms, first 202 after {:>5} ms, {:>4} MiB resident\n",
        listens.as_millis(),
        acknowledges.as_millis(),
        memory_bytes >> 20
    );
    std::io::stdout().write_all(line.as_bytes()).expect("standard output can be written");
}

#[test]
fn a_start_with_a_full_log_is_quick_and_small() {
    let ended = 1000 * thousands("CONSIGN_ENDED_THOUSANDS", THOUSANDS.0);
    let waiting = 1000 * thousands("CONSIGN_WAITING_THOUSANDS", THOUSANDS.1);
    let data = DataDir::new();
    let (server, empty) = Start::of(&data);
    show("an empty log", &empty);
    for _ in 0..ended.div_ceil(BATCH_FILES) {
        wait_for_end(&server, &upload(&server, BATCH_FILES));
    }
    let data = server.kill();
    let (server, full) = Start::of(&data);
    show(&format!("{ended} files ended"), &full);
    let batches = upload_all(&server, waiting);
    let data = server.kill();
    let (server, loaded) = Start::of(&data);
    show(&format!("{ended} ended, up to {waiting} waiting"), &loaded);
    for batch in &batches {
        wait_for_end(&server, batch);
    }
    let at_the_end = process::memory_bytes(server.pid(), "VmRSS");
    for memory_bytes in [empty.memory_bytes, full.memory_bytes, loaded.memory_bytes, at_the_end] {
        assert!(memory_bytes < MEMORY_BYTES_MAX, "{memory_bytes} bytes are resident");
    }
}
