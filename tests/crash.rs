//! The promise under `kill -9` and signals: nothing acknowledged is lost, nothing unacknowledged stays.

mod support;

use std::sync::Mutex;

use rustix::process::Signal;
use support::corpus::Corpus;
use support::server::{DISK_SLACK_BYTES, SMALL_SEGMENTS};
use support::wire::{self, Wire};
use support::{Batch, DataDir, FileStatus, Form, Server, form, process, sha256, wait_until};

/// Formats of which the real files here are taken.
const FORMATS: &[&str] =
    &["txt", "html", "md", "csv", "json", "xml", "code", "docx", "odt", "rtf", "xlsx", "pptx", "epub", "pdf"];

/// How often each real file is in the batch that is killed.
const COPIES: usize = 4;

/// A file, and what it must have come to: what the same bytes come to where nobody is killed.
fn assert_same_end(server: &Server, file: &FileStatus, reference: &FileStatus) {
    assert_eq!((&file.state, file.code(), &file.sha256), (&reference.state, reference.code(), &reference.sha256));
    assert_eq!(file.result.is_some(), file.state == "succeeded", "{file:?}");
    if file.state == "succeeded" {
        let (result, expected) = (file.result(), reference.result());
        assert_eq!((result.chars, result.tokens), (expected.chars, expected.tokens), "{file:?}");
        assert!(server.text(file) == server.text(reference), "{} has its own text", file.name);
    }
}

#[test]
fn a_batch_of_200_files_that_is_killed_in_the_middle_ends_as_if_it_had_not_been() {
    let Some(corpus) = Corpus::or_skip("kill in the middle of a batch") else { return };
    let real = corpus.good(FORMATS, 50, 300 << 10);
    let copies = (0..COPIES).flat_map(|copy| real.iter().map(move |(name, bytes)| (format!("{copy}-{name}"), bytes)));
    let data = DataDir::new();
    let server = data.serve(&[]);
    let id = server.upload(Form::new().files(copies)).id;

    let mut seen = None;
    wait_until("a tenth of the batch", || {
        let batch = server.batch(&id);
        assert_eq!(batch.state, "processing", "the batch is killed before its end");
        let enough = batch.progress.files_done >= 20;
        seen = Some(batch);
        enough
    });
    let server = server.kill().serve(&[]);

    assert_ends_stayed(&seen.expect("the batch was seen"), &server.batch(&id));
    let batch = server.completed(&id);
    assert_eq!(batch.files.len(), COPIES * real.len());
    assert!(batch.files.iter().all(FileStatus::is_terminal));
    let reference = server.process(Form::new().files(real.iter().map(|(name, bytes)| (name, bytes))));
    for (index, file) in batch.files.iter().enumerate() {
        assert_same_end(&server, file, &reference.files[index % real.len()]);
    }
}

/// Asserts that what a client was told before a kill still holds after it.
fn assert_ends_stayed(before: &Batch, after: &Batch) {
    for (before, after) in before.files.iter().zip(&after.files).filter(|(before, _)| before.is_terminal()) {
        assert_eq!((&before.id, &before.state, before.code()), (&after.id, &after.state, after.code()));
        let tokens = |file: &FileStatus| file.result.as_ref().map(|result| result.tokens);
        assert_eq!(tokens(before), tokens(after), "{after:?}");
    }
}

#[test]
fn a_batch_that_was_just_acknowledged_survives_a_kill() {
    let large = "many words of a large file\n".repeat(400_000);
    assert!(large.len() > 8 << 20, "the large one streams into a segment of its own");
    for text in ["few words", &large] {
        let data = DataDir::new();
        let server = data.serve(&[]);

        let batch =
            server.upload(Form::new().field("metadata", "{\"kept\": true}").file("a.txt", text).file("b.exe", ""));
        let server = server.kill().serve(&[]);

        let after = server.completed(&batch.id);
        assert_eq!((after.summary.succeeded, after.summary.rejected), (1, 1), "{after:?}");
        assert_eq!((&after.metadata["kept"], &after.created_at), (&true.into(), &batch.created_at));
        assert_eq!(after.files[0].sha256, Some(sha256(text.as_bytes())));
        assert!(server.content(&after.files[0]).body == text.as_bytes());
        assert!(server.text(&after.files[0]).trim() == text.trim());
    }
}

/// What a client was told and may rely on.
struct Acknowledged {
    id: String,
    words: Vec<String>,
}

/// Uploads from four clients at once, and kills the server when `count` batches are acknowledged.
fn kill_under_load(server: &mut Server, round: usize, count: usize) -> Vec<Acknowledged> {
    let taken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (server, taken) = (&*server, &taken);
            scope.spawn(move || {
                for number in 0.. {
                    let words: Vec<_> = (0..3)
                        .map(|file| format!("round {round} client {client} batch {number} file {file}"))
                        .collect();
                    let files = words.iter().enumerate().map(|(index, words)| (format!("{index}.txt"), words));
                    // Only the server's death ends this; whatever it answers before must be a 202.
                    let Ok(answer) = server.try_post(Form::new().files(files)) else { return };
                    let id = answer.accepted().id;
                    taken.lock().expect("no client panics with the lock").push(Acknowledged { id, words });
                }
            });
        }
        wait_until("batches to be acknowledged", || {
            taken.lock().expect("no client panics with the lock").len() >= count
        });
        server.signal(Signal::KILL);
    });
    server.ended();
    taken.into_inner().expect("no client panics with the lock")
}

#[test]
fn five_kills_under_load_lose_nothing_that_was_acknowledged() {
    // An innocent file may be in a child's hands at every kill; it is not to run out of attempts by that.
    let settings = [("ATTEMPTS_MAX", "10")];
    let data = DataDir::new();
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        acknowledged.extend(kill_under_load(&mut data.serve(&settings), round, 25));
    }

    let server = data.serve(&settings);

    for Acknowledged { id, words } in &acknowledged {
        let batch = server.completed(id);
        batch.assert_succeeded();
        let texts: Vec<_> = batch.files.iter().map(|file| server.text(file).trim().to_owned()).collect();
        assert_eq!(&texts, words);
    }
}

#[test]
fn a_server_that_is_killed_at_its_start_again_and_again_still_finishes() {
    let data = DataDir::new();
    let server = data.serve(&[]);
    let words = (0..50).map(|index| (format!("{index}.txt"), format!("words of {index}")));
    let id = server.upload(Form::new().files(words)).id;
    server.kill();

    for _ in 0..5 {
        data.serve(&[]).kill();
    }

    data.serve(&[]).completed(&id).assert_succeeded();
}

#[test]
fn an_upload_in_flight_at_a_kill_leaves_nothing() {
    let data = DataDir::new();
    let server = data.serve(&SMALL_SEGMENTS);
    let kept = server.upload(Form::new().file("kept.txt", "kept")).id;
    server.completed(&kept);
    let disk_before = data.bytes_on_disk();
    let mut client = Wire::open(server.addr);
    client.send(&wire::upload_head(1 << 30));
    client.send(form::opening("in-flight.txt").as_bytes());
    // More than the sockets hold between them: the server has taken most of it when this returns.
    client.send(&vec![b'f'; 100 << 20]);

    let server = server.kill().serve(&SMALL_SEGMENTS);

    assert_eq!(server.list("").batches.iter().map(|batch| &batch.id).collect::<Vec<_>>(), [&kept]);
    wait_until("the disk to be free again", || data.bytes_on_disk() <= disk_before + DISK_SLACK_BYTES);
    assert!(!process::any_file_holds(&data.path(), "in-flight.txt"));
    server.completed(&kept).assert_succeeded();
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let data = DataDir::new();
    let server = data.serve(&[]);

    let mut second = data.spawn(&[]);

    assert!(!second.ended().success());
    let told = second.log();
    assert!(["in use", "already", "another"].iter().any(|words| told.contains(words)), "{told:?} says why");
    assert!(told.contains("data"), "{told:?} says where");
    server.process(Form::new().file("a.txt", "the first goes on")).assert_succeeded();
}

#[test]
fn sigterm_and_sigint_let_running_attempts_finish_and_the_next_start_goes_on() {
    let Some(corpus) = Corpus::or_skip("drain of real files") else { return };
    let files = corpus.good(FORMATS, 70, 300 << 10);
    for signal in [Signal::TERM, Signal::INT] {
        let data = DataDir::new();
        let mut server = data.serve(&[]);
        let id = server.upload(Form::new().files(files.iter().map(|(name, bytes)| (name, bytes)))).id;
        wait_until("the batch to be on its way", || server.batch(&id).progress.files_done >= 5);

        server.signal(signal);
        assert_eq!(server.ended().code(), Some(0), "{signal:?}");

        let server = data.serve(&[]);
        let batch = server.completed(&id);
        assert!(batch.files.iter().all(FileStatus::is_terminal));
        let succeeded = batch.files.iter().filter(|file| file.state == "succeeded");
        let again: Vec<_> = succeeded.filter(|file| file.attempts > 1).collect();
        assert!(again.is_empty(), "no attempt was cut short by {signal:?}: {again:?}");
    }
}

#[test]
fn an_idle_server_ends_with_0_on_sigterm_and_its_children_with_it() {
    let mut server = Server::start(&[]);
    server.process(Form::new().file("a.txt", "some words")).assert_succeeded();
    let children = process::children(server.pid());
    assert!(!children.is_empty());

    assert_eq!(server.terminate().code(), Some(0));
    wait_until("the children's end", || !children.iter().any(|child| process::is_alive(*child)));
}

#[test]
fn children_end_with_a_killed_server() {
    let server = Server::start(&[]);
    server.process(Form::new().file("a.txt", "some words")).assert_succeeded();
    let children = process::children(server.pid());
    assert!(!children.is_empty());

    server.kill();
    wait_until("the children's end", || !children.iter().any(|child| process::is_alive(*child)));
}
