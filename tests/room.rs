//! The locked room: what a parser that was taken over tries, and how each wall refuses it.
//!
//! Needs the feature `test-hooks`, by which a file makes its child try. Each attempt is also made by a child without a
//! room, where it succeeds: a refusal is the room's doing.
#![cfg(feature = "test-hooks")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use consign::batch::{BatchId, Tokenizer};
use consign::extract::Limits;
use consign::extract::media::{Judged, judge};
use consign::worker::protocol::{Order, Setup};
use consign::worker::room::{WALLS, Wall};
use consign::worker::{AttemptFailure, Child, Extraction, Job, WorkerSettings};
use futures_util::stream;
use rustix::process::Signal;
use support::corpus::Corpus;
use support::{Form, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_consign");

fn settings(walls: &[Wall]) -> WorkerSettings {
    WorkerSettings {
        program: PROGRAM.into(),
        wall: Duration::from_mins(1),
        silence: Duration::from_secs(20),
        memory_bytes: 1 << 30,
        limits: Limits { text_bytes_max: 64 << 20, ..Limits::default() },
        files_max: 1000,
        tokenizer: Tokenizer::Cl100kBase,
        ocr: None,
        walls: walls.to_vec(),
    }
}

async fn child(walls: &[Wall]) -> Child {
    Child::spawn(&settings(walls)).await.expect("a worker can be started")
}

async fn read(child: &mut Child, text: &str) -> Result<Extraction, AttemptFailure> {
    let job = Job { file: BatchId::new().file(0), media_type: "text/plain".into(), length: text.len() as u64 };
    child.attempt(&job, stream::iter([Ok(Bytes::from(text.to_owned()))])).await
}

/// How the attempt ends: `done`, or the name of the error.
async fn outcome(child: &mut Child, attempt: &str) -> String {
    match read(child, &format!("consign-test-hook: {attempt}\n")).await {
        Ok(extraction) => extraction.text,
        Err(failure) => format!("{}: {}", failure.error, failure.log),
    }
}

/// What an attempt may need of the world outside.
struct Outside {
    listener: TcpListener,
    folder: tempfile::TempDir,
}

impl Outside {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback can be had");
        Self { listener, folder: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    fn marked(&self) -> PathBuf {
        self.folder.path().join("mark")
    }

    /// All attempts that leave the child in one piece, in the order of the errors below.
    fn attempts(&self) -> Vec<String> {
        let port = self.listener.local_addr().expect("it is bound").port();
        let this = std::process::id();
        let mut attempts: Vec<String> =
            ["read", "list", "stat", "stdin", "listen", "datagram", "socket", "run", "thread", "limit", "code"]
                .map(str::to_owned)
                .to_vec();
        attempts.push(format!("create={}", self.marked().display()));
        attempts.push(format!("connect=127.0.0.1:{port}"));
        attempts.push(format!("signal={this}"));
        attempts.push(format!("limits={this}"));
        attempts
    }
}

/// How each attempt ends in a room of these walls, by its name.
async fn outcomes(walls: &[Wall]) -> BTreeMap<String, String> {
    let outside = Outside::new();
    let mut child = child(walls).await;
    let mut outcomes = BTreeMap::new();
    for attempt in outside.attempts() {
        let name = attempt.split('=').next().expect("there is always a first").to_owned();
        outcomes.insert(name, outcome(&mut child, &attempt).await);
    }
    assert_eq!(read(&mut child, "an ordinary file").await.expect("the child is in order").text, "an ordinary file");
    child.retire().await;
    let written = outcomes["create"] == "done";
    assert_eq!(outside.marked().exists(), written, "a refused file is not there");
    outcomes
}

fn all_end_as(outcomes: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    let found: Vec<_> = expected.iter().map(|(name, _)| (*name, outcomes[*name].as_str())).collect();
    assert_eq!(found, expected);
}

/// Whether the kernel has the Landlock that the room is made for; what is refused without it is seen elsewhere.
async fn has_landlock() -> bool {
    let child = child(WALLS).await;
    let whole = child.gaps().is_empty();
    if !whole {
        eprintln!("skipped: {:?}", child.gaps());
    }
    child.retire().await;
    whole
}

#[tokio::test]
async fn without_a_room_every_attempt_succeeds() {
    let outcomes = outcomes(&[]).await;
    assert!(outcomes.values().all(|outcome| outcome == "done"), "{outcomes:?}");

    let mut tracee = child(&[]).await;
    assert_eq!(outcome(&mut tracee, "ptrace").await, "done");
    tracee.kill().await;
    let mut program = child(&[]).await;
    let ended = outcome(&mut program, "exec").await;
    assert!(ended.starts_with("crashed (exit code 0)"), "/bin/true took the child's place: {ended}");
}

#[tokio::test]
async fn in_the_room_every_attempt_is_refused() {
    let outcomes = outcomes(WALLS).await;
    assert!(outcomes.values().all(|outcome| outcome == "EPERM"), "{outcomes:?}");

    let mut child = child(WALLS).await;
    for attempt in ["ptrace", "exec"] {
        assert_eq!(outcome(&mut child, attempt).await, "EPERM", "{attempt}");
    }
    assert_eq!(read(&mut child, "an ordinary file").await.expect("the child is in order").text, "an ordinary file");
}

#[tokio::test]
async fn system_calls_alone_are_enough() {
    let outcomes = outcomes(&[Wall::Calls]).await;
    assert!(outcomes.values().all(|outcome| outcome == "EPERM"), "{outcomes:?}");
}

#[tokio::test]
async fn landlock_alone_closes_files_ports_programs_and_other_processes() {
    if !has_landlock().await {
        return;
    }
    let outcomes = outcomes(&[Wall::Files]).await;
    all_end_as(
        &outcomes,
        &[
            ("read", "EACCES"),
            ("list", "EACCES"),
            ("create", "EACCES"),
            ("connect", "EACCES"),
            ("listen", "EACCES"),
            ("run", "EACCES"),
            ("signal", "EPERM"),
        ],
    );
    let mut child = child(&[Wall::Files]).await;
    assert_eq!(outcome(&mut child, "exec").await, "EACCES");
}

#[tokio::test]
async fn limits_alone_close_every_new_descriptor() {
    let outcomes = outcomes(&[Wall::Limits]).await;
    let opening = ["read", "list", "create", "connect", "listen", "datagram", "socket"];
    all_end_as(&outcomes, &opening.map(|name| (name, "EMFILE")));
}

/// A line of one of the texts in which the kernel describes a process.
fn line<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    rest.unwrap_or_else(|| panic!("{name} is among {text}")).split_whitespace().collect()
}

#[tokio::test]
async fn the_kernel_shows_a_child_with_nothing_but_its_pipes() {
    let child = child(WALLS).await;
    let process = PathBuf::from(format!("/proc/{}", child.process_id().expect("it runs")));
    let text = |name: &str| fs::read_to_string(process.join(name)).expect("a process can be looked at");

    let status = text("status");
    for (name, value) in [("NoNewPrivs:", "1"), ("Seccomp:", "2"), ("Threads:", "1")] {
        assert_eq!(line(&status, name), [value], "{name}");
    }
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(line(&status, capabilities), ["0000000000000000"], "{capabilities}");
    }
    let limits = text("limits");
    for name in ["Max core file size", "Max file size", "Max open files", "Max processes", "Max locked memory"] {
        assert_eq!(line(&limits, name)[..2], ["0", "0"], "{name}");
    }
    assert_eq!(text("environ"), "");
    assert_eq!(fs::read_link(process.join("cwd")).expect("it has one"), Path::new("/"));
    let stat = text("stat");
    let after_name = stat.rsplit(')').next().expect("there is always a last").split_whitespace().collect::<Vec<_>>();
    assert_eq!(after_name[2], child.process_id().expect("it runs").to_string(), "it leads its own process group");
    for entry in fs::read_dir(process.join("fd")).expect("its descriptors can be listed") {
        let target = fs::read_link(entry.expect("an entry").path()).expect("a descriptor is something");
        let shown = target.to_string_lossy();
        assert!(shown.starts_with("pipe:") || shown == "/dev/null", "{shown}");
    }
}

#[tokio::test]
async fn a_child_out_of_processor_time_has_timed_out() {
    let mut child = child(WALLS).await;
    assert_eq!(outcome(&mut child, "xcpu").await, "timeout: ");
    assert!(child.is_spent());
}

#[test]
fn processor_time_ends_a_child_whose_server_looks_away() {
    let mut process = Command::new(PROGRAM)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a worker can be started");
    let setup = Setup {
        memory_bytes: 1 << 30,
        limits: Limits { text_bytes_max: 1_000, ..Limits::default() },
        tokenizer: Tokenizer::Cl100kBase,
        wall_ms: 1,
        ocr: None,
        walls: WALLS.to_vec(),
    };
    let text = b"consign-test-hook: burn\n";
    let mut frames = Vec::new();
    Order::Setup(setup).encode(&mut frames);
    let job = Job { file: BatchId::new().file(0), media_type: "text/plain".into(), length: text.len() as u64 };
    Order::Job(job).encode(&mut frames);
    Order::Block(text).encode(&mut frames);
    process.stdin.as_mut().expect("it is a pipe").write_all(&frames).expect("the worker reads");
    let status = process.wait().expect("it can be waited for");
    assert_eq!(status.signal(), Some(Signal::XCPU.as_raw()));
}

/// Makes Landlock's system calls fail in this thread, and in all that it starts, as where the kernel has none.
fn lose_landlock() {
    let missing = [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_restrict_self];
    let filter = seccompiler::SeccompFilter::new(
        missing.map(|number| (number, Vec::new())).into_iter().collect(),
        seccompiler::SeccompAction::Allow,
        seccompiler::SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        std::env::consts::ARCH.try_into().expect("the tests run where seccomp does"),
    );
    let program: seccompiler::BpfProgram = filter.expect("a filter").try_into().expect("a program");
    seccompiler::apply_filter(&program).expect("the kernel has seccomp");
}

#[test]
fn where_landlock_is_missing_the_rest_stands_and_the_server_says_so_once() {
    let no_landlock = || {
        lose_landlock();
        let server = Server::start(&[("ATTEMPTS_MAX", "1")]);
        let attempts = Outside::new().attempts().into_iter().enumerate();
        let batch = server.process(
            Form::new().files(attempts.map(|(at, word)| (format!("{at}.txt"), format!("consign-test-hook: {word}\n")))),
        );
        batch.assert_succeeded();
        for file in &batch.files {
            assert_eq!(server.text(file).trim(), "EPERM");
        }
        // One worker has crashed and was replaced, so at least three have started.
        server.process(Form::new().file("crash.txt", "consign-test-hook: segv\n"));
        server.process(Form::new().files((0..4).map(|at| (format!("{at}.txt"), "consign-test-hook: slow\n"))));
        let log = server.log();
        let told: Vec<_> = log.lines().filter(|line| line.contains("the kernel has no landlock")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
    };
    std::thread::spawn(no_landlock).join().expect("the test passes");
}

/// What became of a file, without what differs from run to run.
async fn result(child: &mut Child, media_type: &str, bytes: &[u8]) -> String {
    let job = Job { file: BatchId::new().file(0), media_type: media_type.into(), length: bytes.len() as u64 };
    match child.attempt(&job, stream::iter([Ok(Bytes::from(bytes.to_vec()))])).await {
        Ok(Extraction { text, info }) => format!("{info:?}\n{text}"),
        Err(AttemptFailure { error, log }) => format!("{error}: {log}"),
    }
}

#[tokio::test]
async fn the_room_keeps_no_parser_from_anything_that_it_needs() {
    let Some(corpus) = Corpus::or_skip("the room around real parsers") else { return };
    let formats = [
        "csv", "docx", "eml", "epub", "html", "json", "md", "odp", "ods", "odt", "pdf", "pdf-scan", "pptx", "rtf",
        "txt", "xls", "xlsx", "xml",
    ];
    let mut compared = 0;
    let (mut locked, mut free) = (child(WALLS).await, child(&[]).await);
    for (name, bytes) in corpus.good(&formats, 3 * formats.len(), 1 << 20) {
        let Judged::Agreed(media_type) = judge(&name, Cursor::new(&bytes)).expect("memory can be read") else {
            continue;
        };
        let results = (result(&mut locked, &media_type, &bytes).await, result(&mut free, &media_type, &bytes).await);
        assert!(results.0 == results.1, "{name}: {results:?}");
        compared += 1;
        if locked.is_spent() {
            (locked, free) = (child(WALLS).await, child(&[]).await);
        }
    }
    assert!(compared > 2 * formats.len(), "{compared} files were what their names say");
}
