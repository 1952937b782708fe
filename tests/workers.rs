//! A parser that hangs, crashes, overflows or eats memory costs its own file only, and the verdict says which it was.
//!
//! The files here begin with a word that makes the child misbehave, which only a build with `test-hooks` obeys.

#![cfg(feature = "test-hooks")]

mod support;

use rustix::process::Signal;
use support::corpus::{Corpus, base_name};
use support::server::Setting;
use support::{Batch, FileStatus, Form, Server, process, wait_for, wait_until};

/// Two attempts, and no long wait between them.
const QUICK: [Setting<'_>; 2] = [("ATTEMPTS_MAX", "2"), ("ATTEMPTS_RETRY_MS_BASE", "10")];

/// Short for a hung file; long enough for a child of a debug build to load its vocabulary on a busy machine.
const SHORT_SILENCE: Setting<'_> = ("WORKER_SILENCE_MS_MAX", "8000");

/// A text that makes the child do something.
fn hook(word: &str) -> String {
    format!("consign-test-hook: {word}\n")
}

fn with_neighbours(word: &str) -> Form {
    let form = Form::new().file("before.txt", "a neighbour").file("hook.txt", hook(word));
    form.file("after.txt", "another neighbour")
}

fn start(more: &[Setting<'_>]) -> Server {
    Server::start(&[&QUICK, more].concat())
}

/// Asserts that the file failed with this code after so many attempts, that its message says the word, and that its
/// neighbours succeeded.
fn assert_verdict(server: &Server, word: &str, code: &str, attempts: u64, said: &str) {
    let batch = server.process(with_neighbours(word));
    let file = batch.file("hook.txt");
    file.assert_ended("failed", code);
    let message = &file.error().message;
    assert!(message.to_lowercase().contains(&said.to_lowercase()), "{message:?} mentions {said:?}");
    assert!(!message.contains('/'), "{message:?} names no path");
    assert_eq!(file.attempts, attempts, "{file:?}");
    assert_eq!(file.error().retryable, attempts > 1, "{file:?}");
    assert_neighbours_succeeded(server, &batch);
}

fn assert_neighbours_succeeded(server: &Server, batch: &Batch) {
    for (name, text) in [("before.txt", "a neighbour"), ("after.txt", "another neighbour")] {
        let file = batch.file(name);
        assert_eq!(file.state, "succeeded", "{file:?}");
        assert_eq!(server.text(file).trim(), text);
    }
}

#[test]
fn children_stand_back_behind_their_server() {
    let server = start(&[]);
    server.process(Form::new().file("a.txt", "some words"));
    let children = process::children(server.pid());
    assert!(!children.is_empty() && children.iter().all(|child| process::niceness(*child) == 5));
    assert_eq!(process::niceness(server.pid()), process::niceness(std::process::id()));
}

#[test]
fn a_child_without_progress_is_stalled() {
    let server = start(&[SHORT_SILENCE]);
    assert_verdict(&server, "hang", "stalled", 2, "");
}

#[test]
fn a_child_that_is_busy_for_too_long_is_timed_out() {
    let server = start(&[("WORKER_WALL_MS_MAX", "3000")]);
    assert_verdict(&server, "busy", "timeout", 2, "");
}

#[test]
fn a_segmentation_fault_is_a_crash_by_its_name() {
    assert_verdict(&start(&[]), "segv", "crashed", 2, "SIGSEGV");
}

#[test]
fn a_killed_child_is_a_crash_by_its_name() {
    assert_verdict(&start(&[]), "kill", "crashed", 2, "SIGKILL");
}

#[test]
fn memory_without_end_is_out_of_memory() {
    assert_verdict(&start(&[]), "oom", "out_of_memory", 2, "memory");
}

#[test]
fn a_stack_overflow_is_a_crash_that_says_so() {
    assert_verdict(&start(&[]), "overflow", "crashed", 2, "stack overflow");
}

#[test]
fn a_panic_is_an_outcome_and_not_tried_again() {
    assert_verdict(&start(&[]), "panic", "panicked", 1, "");
}

#[test]
fn a_child_that_exits_has_crashed() {
    assert_verdict(&start(&[]), "exit", "crashed", 2, "");
}

#[test]
fn a_child_that_speaks_out_of_turn_has_crashed() {
    assert_verdict(&start(&[]), "noise", "crashed", 2, "out of turn");
}

#[test]
fn a_slow_file_holds_up_neither_its_neighbours_nor_its_own_end() {
    let server = start(&[]);
    let id = server.upload(with_neighbours("slow")).id;
    let batch = server.completed(&id);
    batch.assert_succeeded();
    assert_eq!(batch.file("hook.txt").attempts, 1);
}

#[test]
fn a_file_is_tried_four_times_by_default_and_waits_in_between() {
    let server = Server::start(&[("ATTEMPTS_RETRY_MS_BASE", "300")]);
    let id = server.upload(with_neighbours("segv")).id;

    wait_until("the file to wait for another attempt", || {
        let batch = server.batch(&id);
        let file = batch.file("hook.txt");
        assert!(!file.is_terminal(), "{file:?} was seen to wait");
        file.state == "retrying"
    });

    let batch = server.completed(&id);
    assert_eq!(batch.file("hook.txt").attempts, 4, "{batch:?}");
}

#[test]
fn crashes_are_counted_by_cause_and_retries_with_them() {
    let server = start(&[]);
    let before = server.metrics();

    for word in ["segv", "panic", "oom"] {
        server.process(with_neighbours(word));
    }

    let after = server.metrics();
    let moved = |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
    let crashes = |cause: &str| moved("consign_worker_crashes_total", &[("cause", cause)]);
    assert!(crashes("crashed") >= 2.0 && crashes("out_of_memory") >= 2.0, "two attempts each");
    assert!(moved("consign_processing_retries_total", &[]) >= 2.0);
}

#[test]
fn many_bad_files_among_good_ones_each_get_their_own_verdict() {
    let words = ["segv", "panic", "kill", "exit", "overflow", "oom"];
    let server = start(&[]);
    let good = (0..30).map(|index| (format!("good-{index}.txt"), format!("words of {index}")));
    let bad = words.iter().map(|word| (format!("{word}.txt"), hook(word)));

    let batch = server.process(Form::new().files(bad).files(good));

    let verdicts: Vec<_> =
        words.iter().map(|word| batch.file(&format!("{word}.txt")).code().unwrap_or_default()).collect();
    assert_eq!(verdicts, ["crashed", "panicked", "crashed", "crashed", "crashed", "out_of_memory"]);
    assert_eq!((batch.summary.succeeded, batch.summary.failed), (30, 6), "{batch:?}");
    for index in 0..30 {
        assert_eq!(server.text(batch.file(&format!("good-{index}.txt"))).trim(), format!("words of {index}"));
    }
}

#[test]
fn password_protected_files_say_so_and_are_not_tried_again() {
    let Some(corpus) = Corpus::or_skip("password-protected files") else { return };
    let paths = ["hostile/encrypted/unstructured__password.pdf", "hostile/encrypted/pdfminer.six__aes-128.pdf"];
    let server = start(&[]);

    let batch = server.process(Form::new().files(paths.map(|path| (base_name(path), corpus.read(path)))));

    for file in &batch.files {
        file.assert_ended("failed", "password_protected");
        assert_eq!((file.attempts, file.error().retryable), (1, false), "{file:?}");
    }
}

/// Waits until files are in children's hands, and says which.
fn wait_for_processing(server: &Server, id: &str) -> Vec<FileStatus> {
    let mut running = Vec::new();
    wait_until("files in children's hands", || {
        let batch = server.batch(id);
        assert_eq!(batch.state, "processing", "{batch:?}");
        running = batch.files.into_iter().filter(|file| file.state == "processing").collect();
        !running.is_empty()
    });
    running
}

/// Waits until the file that hangs is in a child's hands.
fn wait_for_hung(server: &Server, id: &str) {
    wait_until("the hung file in a child's hands", || server.batch(id).file("hook.txt").state == "processing");
}

#[test]
fn sigterm_waits_for_running_attempts_and_keeps_their_results() {
    let mut server = start(&[]);
    let data = server.data.clone();
    let slow = (0..20).map(|index| (format!("{index}.txt"), format!("{}of {index}", hook("slow"))));
    let id = server.upload(Form::new().files(slow)).id;
    let running = wait_for_processing(&server, &id);

    assert_eq!(server.terminate().code(), Some(0));

    let server = data.serve(&QUICK);
    let after = server.batch(&id).files;
    for file in running.iter().map(|file| &after[usize::try_from(file.index).expect("a small number")]) {
        assert_eq!(file.state, "succeeded", "{file:?} was ended by the first server");
    }
    let batch = server.completed(&id);
    batch.assert_succeeded();
    assert!(batch.files.iter().all(|file| file.attempts == 1), "{batch:?}");
}

#[test]
fn a_second_signal_ends_a_drain_at_once_and_loses_nothing() {
    let patient = [("WORKER_SILENCE_MS_MAX", "3600000"), ("SHUTDOWN_DRAIN_MS_MAX", "3600000")];
    let mut server = start(&patient);
    let data = server.data.clone();
    let id = server.upload(with_neighbours("hang")).id;
    wait_for_hung(&server, &id);

    server.signal(Signal::TERM);
    let mut taken = Vec::new();
    let refused = wait_for("uploads to be refused", || {
        match server.try_post(Form::new().file("late.txt", "taken before the drain")) {
            Ok(answer) if answer.status == 202 => taken.push(answer.accepted().id),
            refused => return Some(refused),
        }
        None
    });
    server.signal(Signal::TERM);
    server.ended();

    // A server that drains may also have stopped listening.
    if let Ok(answer) = refused {
        answer.assert_problem(503, "draining");
        assert!(!answer.header("retry-after").is_empty());
    }

    let server = data.serve(&[&QUICK[..], &[SHORT_SILENCE]].concat());
    let batch = server.completed(&id);
    batch.file("hook.txt").assert_ended("failed", "stalled");
    assert_neighbours_succeeded(&server, &batch);
    for id in &taken {
        server.completed(id).assert_succeeded();
    }
}

#[test]
fn a_hung_child_ends_with_its_killed_server() {
    let server = start(&[]);
    let id = server.upload(with_neighbours("hang")).id;
    wait_for_hung(&server, &id);
    let children = process::children(server.pid());

    server.kill();
    wait_until("the children's end", || !children.iter().any(|child| process::is_alive(*child)));
}

#[test]
fn a_limit_of_the_settings_reaches_the_child_and_ends_a_file_with_its_code() {
    let Some(corpus) = Corpus::or_skip("limits of extraction") else { return };
    let server = Server::start(&[("EXTRACT_CELLS_MAX", "1")]);
    let (name, bytes) = corpus.good(&["xlsx"], 1, 1 << 20).remove(0);
    let batch = server.process(Form::new().file(&name, bytes));
    batch.file(&name).assert_ended("failed", "too_many_cells");
}
