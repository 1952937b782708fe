//! Small files that are read together: what one of them does to its child costs the others nothing.
//!
//! Needs the feature `test-hooks`, by which a file makes its child misbehave.
#![cfg(feature = "test-hooks")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap as the test does")]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use consign::batch::{BatchId, Tokenizer};
use consign::extract::Limits;
use consign::worker::room::WALLS;
use consign::worker::{Child, Job, WorkerSettings};
use support::server::Setting;
use support::{Form, Server};

/// Two attempts, no long wait between them, and no file is told by another one's bytes.
const QUICK: [Setting<'_>; 3] = [("ATTEMPTS_MAX", "2"), ("ATTEMPTS_RETRY_MS_BASE", "10"), ("DEDUP_ENABLED", "false")];

async fn child() -> Child {
    let settings = WorkerSettings {
        program: env!("CARGO_BIN_EXE_consign").into(),
        wall: Duration::from_mins(1),
        silence: Duration::from_secs(20),
        memory_bytes: 1 << 30,
        limits: Limits::default(),
        files_max: 100,
        tokenizer: Tokenizer::Cl100kBase,
        ocr: None,
        walls: WALLS.to_vec(),
    };
    Child::spawn(&settings).await.unwrap()
}

fn files(texts: &[&str]) -> Vec<(Job, Bytes)> {
    let batch = BatchId::new();
    let file = |(index, text): (usize, &&str)| {
        let job = Job { file: batch.file(index), media_type: "text/plain".into(), length: text.len() as u64 };
        (job, Bytes::copy_from_slice(text.as_bytes()))
    };
    texts.iter().enumerate().map(file).collect()
}

/// What each of the first files was answered: its text, or the code of its failure.
async fn answers(child: &mut Child, texts: &[&str]) -> Vec<String> {
    let answers = child.attempt_together(&files(texts)).await;
    let said = answers.into_iter().map(|answer| match answer {
        Ok(extraction) => extraction.text,
        Err(failure) => failure.error.to_string(),
    });
    said.collect()
}

#[tokio::test]
async fn each_gets_its_own_answer_in_order() {
    let mut child = child().await;
    let long = "many words ".repeat(5_000);
    let texts = ["one", "", &long, "four"];
    for _ in 0..2 {
        assert_eq!(answers(&mut child, &texts).await, texts);
        assert!(!child.is_spent());
    }
    assert!(answers(&mut child, &[]).await.is_empty());
    assert!(!child.is_spent());
    child.retire().await;
}

#[tokio::test]
async fn a_child_that_goes_leaves_the_rest_untold() {
    for word in ["segv", "exit", "hang", "noise", "recognise=1"] {
        let mut child = child().await;
        let bad = format!("consign-test-hook: {word}\n");

        let told = answers(&mut child, &["one", "two", &bad, "four"]).await;

        assert!(["one", "two"].starts_with(&told.iter().map(String::as_str).collect::<Vec<_>>()), "{word}: {told:?}");
        assert!(child.is_spent(), "{word}");
        assert_eq!(child.process_id(), None, "{word}: it is gone");
    }
}

#[tokio::test]
async fn texts_that_are_long_together_are_not_all_held() {
    let mut child = child().await;
    let long = "many words ".repeat(300_000);
    assert_eq!(answers(&mut child, &[&long, &long, "three"]).await, [long.as_str(), &long], "3.3 MB each");
    assert!(child.is_spent());
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_last_one() {
    let mut child = child().await;
    assert_eq!(answers(&mut child, &["one", "consign-test-hook: panic\n", "three"]).await, ["one", "panicked"]);
    assert!(child.is_spent());
}

/// A batch of many small files, one of which makes its child do something.
fn with_one(word: &str) -> Form {
    let file = |index: usize| match index {
        20 => ("bad.txt".to_owned(), format!("consign-test-hook: {word}\n")),
        index => (format!("{index}.txt"), format!("words of file {index}")),
    };
    Form::new().files((0..40).map(file))
}

#[test]
fn a_crash_is_counted_for_the_file_alone_and_costs_the_others_no_attempt() {
    let server = Server::start(&QUICK);
    for (word, code) in [("segv", "crashed"), ("overflow", "crashed"), ("exit", "crashed")] {
        let batch = server.process(with_one(word));
        let bad = batch.file("bad.txt");
        bad.assert_ended("failed", code);
        assert_eq!(bad.attempts, 2, "{word}: {bad:?}");
        for file in batch.files.iter().filter(|file| file.name != "bad.txt") {
            assert_eq!((file.state.as_str(), file.attempts), ("succeeded", 1), "{word}: {file:?}");
            assert_eq!(server.text(file), format!("words of file {}", file.name.trim_end_matches(".txt")));
        }
    }
}

#[test]
fn a_file_that_hangs_does_not_keep_those_behind_it() {
    let silence = Duration::from_mins(1);
    let ms = silence.as_millis().to_string();
    let server = Server::start(&[&QUICK[..], &[("WORKER_SILENCE_MS_MAX", &ms)]].concat());
    let begun = Instant::now();
    let id = server.post(with_one("hang")).accepted().id;
    support::wait_until("all others to have ended", || server.batch(&id).summary.succeeded == 39);
    assert!(begun.elapsed() < silence, "nobody waited until the child was given up");
    assert_eq!(server.batch(&id).file("bad.txt").state, "processing");
}
