//! The real child, file by file: every verdict, and that the next file is none the worse for it.
//!
//! Needs the feature `test-hooks`, by which a file makes its child misbehave.
#![cfg(feature = "test-hooks")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap as the test does")]

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use consign::batch::{BatchId, FileErrorCode, Tokenizer};
use consign::extract::Limits;
use consign::worker::protocol::{HEADER_BYTES, Header, Order, Report, Setup};
use consign::worker::room::WALLS;
use consign::worker::{AttemptFailure, Child, Extraction, Job, SpawnError, WorkerSettings};
use futures_util::{Stream, StreamExt, stream};

const PROGRAM: &str = env!("CARGO_BIN_EXE_consign");
const MIB: u64 = 1 << 20;

fn settings() -> WorkerSettings {
    WorkerSettings {
        program: PROGRAM.into(),
        wall: Duration::from_mins(1),
        silence: Duration::from_secs(20),
        memory_bytes: 1024 * MIB,
        limits: Limits { text_bytes_max: 64 << 20, ..Limits::default() },
        files_max: 1000,
        tokenizer: Tokenizer::Cl100kBase,
        ocr: None,
        walls: WALLS.to_vec(),
    }
}

fn job(length: usize) -> Job {
    Job { file: BatchId::new().file(0), media_type: "text/plain".into(), length: length as u64 }
}

/// What no PDF reader can make sense of.
const DAMAGED_PDF: &[u8] = b"%PDF-1.7\nnothing else";

fn pdf(length: usize) -> Job {
    Job { media_type: "application/pdf".into(), ..job(length) }
}

fn once(bytes: impl Into<Bytes>) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
    stream::iter([Ok(bytes.into())])
}

async fn read(child: &mut Child, bytes: &[u8]) -> Result<Extraction, AttemptFailure> {
    child.attempt(&job(bytes.len()), once(bytes.to_vec())).await
}

async fn assert_works(child: &mut Child) {
    assert!(!child.is_spent());
    let extraction = read(child, b"hello world").await.expect("a child in order reads a plain text");
    assert_eq!(extraction.text, "hello world");
    assert_eq!((extraction.info.chars, extraction.info.tokens), (11, 2));
    assert!(!child.is_spent());
}

fn is_gone(process_id: u32) -> bool {
    !Path::new(&format!("/proc/{process_id}")).exists()
}

/// Gives the hook's word to a child with these settings, and the next file to another one.
async fn failure_of(word: &str, settings: WorkerSettings) -> AttemptFailure {
    let mut child = Child::spawn(&settings).await.unwrap();
    let process_id = child.process_id().unwrap();
    assert_works(&mut child).await;
    let failure = read(&mut child, format!("consign-test-hook: {word}\nand more").as_bytes()).await.unwrap_err();
    assert!(child.is_spent(), "{word}: the child is not used again");
    child.kill().await;
    assert!(is_gone(process_id), "{word}: the child was waited for");
    let mut next = Child::spawn(&settings).await.unwrap();
    assert_works(&mut next).await;
    next.retire().await;
    failure
}

async fn verdict_of(word: &str) -> String {
    failure_of(word, settings()).await.error.to_string()
}

#[tokio::test]
async fn a_signal_is_named() {
    assert_eq!(verdict_of("segv").await, "crashed (SIGSEGV)");
    assert_eq!(verdict_of("kill").await, "crashed (SIGKILL)");
}

#[tokio::test]
async fn an_exit_is_a_crash_with_its_code() {
    assert_eq!(verdict_of("exit").await, "crashed (exit code 7)");
}

#[tokio::test]
async fn a_stack_overflow_is_told_from_other_aborts() {
    let failure = failure_of("overflow", settings()).await;
    assert_eq!(failure.error.to_string(), "crashed (stack overflow, SIGABRT)");
    assert!(failure.log.contains("has overflowed its stack"), "{}", failure.log);
}

#[tokio::test]
async fn memory_is_limited_and_its_end_is_told() {
    let settings = WorkerSettings { memory_bytes: 300 * MIB, ..settings() };
    let child = Child::spawn(&settings).await.unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.process_id().unwrap())).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let bytes = (300 * MIB).to_string();
    assert_eq!(limit("Max address space"), [bytes.clone(), bytes]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    child.retire().await;

    let failure = failure_of("oom", settings).await;
    assert_eq!(failure.error.to_string(), "out_of_memory");
    assert!(failure.log.contains("memory allocation of 16777216 bytes failed"), "{}", failure.log);
}

#[tokio::test]
async fn a_file_that_has_no_room_is_out_of_memory_and_costs_no_child() {
    let settings = WorkerSettings { memory_bytes: 300 * MIB, ..settings() };
    let mut child = Child::spawn(&settings).await.unwrap();
    let length = 400 * MIB;
    let chunk = Bytes::from(vec![b'x'; 1 << 20]);
    let bytes = stream::iter((0..400).map(move |_| Ok(chunk.clone())));
    let failure = child.attempt(&job(usize::try_from(length).unwrap()), bytes).await.unwrap_err();
    assert_eq!(failure.error.to_string(), "out_of_memory");
    assert_works(&mut child).await;
}

#[tokio::test]
async fn a_panic_is_noted_with_its_place() {
    let failure = failure_of("panic", settings()).await;
    assert_eq!(failure.error.to_string(), "panicked");
    assert!(failure.log.contains("hooks.rs"), "{}", failure.log);
    assert!(failure.log.contains("the file asked for it"), "{}", failure.log);
}

#[tokio::test]
async fn a_child_without_a_sign_of_life_is_stalled() {
    let settings = WorkerSettings { silence: Duration::from_secs(3), ..settings() };
    let started = Instant::now();
    assert_eq!(failure_of("hang", settings).await.error.to_string(), "stalled");
    assert!(started.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn a_child_that_is_busy_for_ever_meets_the_wall() {
    let settings = WorkerSettings { wall: Duration::from_secs(5), silence: Duration::from_secs(4), ..settings() };
    let started = Instant::now();
    assert_eq!(failure_of("busy", settings).await.error.to_string(), "timeout");
    assert!(started.elapsed() >= Duration::from_secs(5));
}

#[tokio::test]
async fn noise_on_stdout_is_out_of_turn() {
    let failure = failure_of("noise", settings()).await;
    assert_eq!(failure.error.to_string(), "crashed (spoke out of turn)");
    assert!(failure.log.contains("no message is of kind 0xff"), "{}", failure.log);
}

#[tokio::test]
async fn what_lies_in_the_file_is_said_by_the_child_which_lives_on() {
    let settings = WorkerSettings { limits: Limits { text_bytes_max: 1_000, ..Limits::default() }, ..settings() };
    let mut child = Child::spawn(&settings).await.unwrap();
    let process_id = child.process_id();
    let damaged = child.attempt(&pdf(DAMAGED_PDF.len()), once(DAMAGED_PDF)).await.unwrap_err();
    assert_eq!(damaged.error, FileErrorCode::ParseError.into());
    assert!(!damaged.log.is_empty());
    assert_works(&mut child).await;
    let long = read(&mut child, &[b'x'; 1_001]).await.unwrap_err();
    assert_eq!(long.error, FileErrorCode::TextTooLarge.into());
    assert_works(&mut child).await;
    let unknown = Job { media_type: "application/x-unknown".into(), ..job(3) };
    let failure = child.attempt(&unknown, once("abc")).await.unwrap_err();
    assert_eq!(failure.error.code, FileErrorCode::UnsupportedType);
    assert_works(&mut child).await;
    assert_eq!(child.process_id(), process_id);
}

#[tokio::test]
async fn what_a_file_says_of_itself_is_clipped() {
    let mut child = Child::spawn(&settings()).await.unwrap();
    let page = format!("<title>{}</title><p>text</p>", "ü".repeat(300));
    let html = Job { media_type: "text/html".into(), ..job(page.len()) };
    let extraction = child.attempt(&html, once(page)).await.unwrap();
    assert_eq!(extraction.info.title, Some("ü".repeat(255)));
}

#[tokio::test]
async fn slow_and_long_texts_come_back_whole() {
    let mut child = Child::spawn(&settings()).await.unwrap();
    let slow = b"consign-test-hook: slow\nand then a text";
    assert_eq!(read(&mut child, slow).await.unwrap().text.as_bytes(), slow);
    assert_eq!(read(&mut child, b"").await.unwrap().text, "");
    let long = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n".repeat(100_000);
    let extraction = read(&mut child, long.as_bytes()).await.unwrap();
    assert!(extraction.text == long);
    assert_eq!(extraction.info.chars, long.chars().count() as u64);
}

#[tokio::test]
async fn bytes_that_cannot_be_read_are_not_the_file_s_fault() {
    let settings = settings();
    let chunk = || Ok(Bytes::from(vec![b'x'; 100_000]));
    for bytes in
        [vec![chunk(), Err(io::Error::other("the disk is ill"))], vec![chunk()], vec![chunk(), chunk(), chunk()]]
    {
        let mut child = Child::spawn(&settings).await.unwrap();
        let process_id = child.process_id().unwrap();
        let failure = child.attempt(&job(200_000), stream::iter(bytes)).await.unwrap_err();
        assert_eq!(failure.error, FileErrorCode::Unreadable.into());
        assert!(child.is_spent());
        assert!(is_gone(process_id), "a child in the middle of a job is killed");
    }
}

#[tokio::test]
async fn a_child_killed_while_it_is_fed_is_judged_by_its_exit() {
    let mut child = Child::spawn(&settings()).await.unwrap();
    let process_id = rustix::process::Pid::from_raw(child.process_id().unwrap().cast_signed()).unwrap();
    let chunks = stream::iter(0..200).map(move |index| {
        if index == 20 {
            rustix::process::kill_process(process_id, rustix::process::Signal::KILL).unwrap();
        }
        Ok(Bytes::from(vec![b'x'; 1 << 20]))
    });
    let failure = child.attempt(&job(200 << 20), chunks).await.unwrap_err();
    assert_eq!(failure.error.to_string(), "crashed (SIGKILL)");
}

#[tokio::test]
async fn a_dropped_attempt_spoils_the_child_and_a_dropped_child_dies() {
    let mut child = Child::spawn(&settings()).await.unwrap();
    let process_id = child.process_id().unwrap();
    let bytes = b"consign-test-hook: busy";
    {
        let job = job(bytes.len());
        let attempt = child.attempt(&job, once(bytes.as_slice()));
        assert!(tokio::time::timeout(Duration::from_millis(100), attempt).await.is_err());
    }
    assert!(child.is_spent());
    drop(child);
    wait_until(|| is_gone(process_id)).await;
}

#[tokio::test]
async fn a_child_is_spent_after_its_share_or_when_it_is_gone() {
    let mut child = Child::spawn(&WorkerSettings { files_max: 2, ..settings() }).await.unwrap();
    assert_works(&mut child).await;
    read(&mut child, b"second").await.unwrap();
    assert!(child.is_spent());
    let process_id = child.process_id().unwrap();
    child.retire().await;
    assert!(is_gone(process_id), "a retired child was waited for");

    let mut child = Child::spawn(&settings()).await.unwrap();
    let process_id = rustix::process::Pid::from_raw(child.process_id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(process_id, rustix::process::Signal::KILL).unwrap();
    wait_until(|| child.is_spent()).await;
}

#[test]
fn a_child_dies_with_its_server_even_when_it_hangs() {
    // The kernel watches the thread that spawned: its end stands for the server's.
    let process_id = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut child = Child::spawn(&settings()).await.unwrap();
            let bytes = b"consign-test-hook: hang";
            let job = job(bytes.len());
            let attempt = child.attempt(&job, once(bytes.as_slice()));
            assert!(tokio::time::timeout(Duration::from_millis(100), attempt).await.is_err());
            let process_id = child.process_id().unwrap();
            #[expect(clippy::mem_forget, reason = "the server ends without a chance to kill its child")]
            std::mem::forget(child);
            process_id
        })
    })
    .join()
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // It stays a zombie, for the parent of the thread's process is this one.
    let state = || std::fs::read_to_string(format!("/proc/{process_id}/stat")).unwrap_or_default();
    runtime.block_on(wait_until(|| state().is_empty() || state().contains(") Z ")));
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_a_spawn_error() {
    let of = |program: &str| WorkerSettings { program: program.into(), ..settings() };
    assert!(matches!(Child::spawn(&of("/nonexistent/consign")).await, Err(SpawnError::Start(_))));
    assert!(matches!(Child::spawn(&of("/bin/false")).await,
        Err(SpawnError::Ended { error, .. }) if error.to_string() == "crashed (exit code 1)"));
    assert!(matches!(Child::spawn(&of("/bin/echo")).await, Err(SpawnError::OutOfTurn)));
    let impatient = WorkerSettings { silence: Duration::from_millis(1), ..settings() };
    assert!(matches!(Child::spawn(&impatient).await, Err(SpawnError::Silent { .. })));
    let starved = WorkerSettings { memory_bytes: 40 * MIB, ..settings() };
    assert!(matches!(Child::spawn(&starved).await,
        Err(SpawnError::Ended { error, .. }) if error.to_string() == "out_of_memory"));
}

#[test]
fn jobs_sent_ahead_are_answered_in_order_and_the_end_of_stdin_is_an_exit() {
    use std::io::{Read, Write};
    let mut process = std::process::Command::new(PROGRAM)
        .arg("worker")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut frames = Vec::new();
    let setup = Setup {
        memory_bytes: 1 << 30,
        limits: Limits { text_bytes_max: 1_000, ..Limits::default() },
        tokenizer: Tokenizer::O200kBase,
        wall_ms: 60_000,
        ocr: None,
        walls: WALLS.to_vec(),
    };
    Order::Setup(setup).encode(&mut frames);
    let texts = [b"one".as_slice(), DAMAGED_PDF, b"", b"four"];
    let jobs = [job(3), pdf(DAMAGED_PDF.len()), job(0), job(4)];
    for (job, text) in jobs.iter().zip(texts) {
        Order::Job(job.clone()).encode(&mut frames);
        text.chunks(2).for_each(|block| Order::Block(block).encode(&mut frames));
    }
    process.stdin.take().unwrap().write_all(&frames).unwrap();
    let mut said = Vec::new();
    process.stdout.take().unwrap().read_to_end(&mut said).unwrap();
    assert!(process.wait().unwrap().success());

    let mut heard = Vec::new();
    let mut rest = said.as_slice();
    while let Some((header, after)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let header = Header::decode(*header).unwrap();
        let (body, after) = after.split_at(header.body_bytes);
        heard.push(match Report::decode(header.kind, body).unwrap() {
            Report::Ready(ready) => format!("ready {}", ready.version),
            Report::Progress => "progress".to_owned(),
            Report::Extracted(extracted) => format!("extracted {}", extracted.file),
            Report::Failed(failed) => format!("failed {}", failed.file),
            Report::Image(image) => format!("image {}", image.file),
            Report::Block(block) => String::from_utf8_lossy(block).into_owned(),
        });
        rest = after;
    }
    heard.retain(|said| said != "progress");
    let [one, error, empty, four] = &jobs;
    let expected = [
        "ready 2".to_owned(),
        format!("extracted {}", one.file),
        "one".to_owned(),
        format!("failed {}", error.file),
        format!("extracted {}", empty.file),
        format!("extracted {}", four.file),
        "four".to_owned(),
    ];
    assert_eq!(heard, expected);
}

#[test]
fn an_attempt_may_move_between_threads() {
    fn assert_send<T: Send>(_: impl Future<Output = T> + Send) {}
    fn check(child: &mut Child, job: &Job) {
        assert_send(child.attempt(job, once("")));
    }
    let _ = check;
}

/// Waits for what must come true, and fails when it does not.
async fn wait_until(mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_true() {
        assert!(Instant::now() < deadline, "it did not come true within ten seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
