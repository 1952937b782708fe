//! Text in images: recognised where tesseract is installed, by a process that has its own room and its file's limits.
//!
//! What tesseract might do when it is ill is done here by other programs in its place.
#![cfg(feature = "test-hooks")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use consign::batch::{BatchId, Tokenizer};
use consign::extract::Limits;
use consign::worker::room::WALLS;
use consign::worker::{AttemptFailure, Child, Extraction, Job, OcrEngine, WorkerSettings};
use futures_util::stream;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::corpus::{Corpus, base_name};
use support::{Form, Server, process, skip, wait_for};

const MIB: u64 = 1 << 20;
const RECOGNISED: &str = "ocr: the text was recognised from an image.";

fn settings(ocr: Option<OcrEngine>) -> WorkerSettings {
    WorkerSettings {
        program: env!("CARGO_BIN_EXE_consign").into(),
        wall: Duration::from_mins(2),
        silence: Duration::from_secs(20),
        memory_bytes: 1024 * MIB,
        limits: Limits { text_bytes_max: 4 << 20, ..Limits::default() },
        files_max: 1000,
        tokenizer: Tokenizer::Cl100kBase,
        ocr,
        walls: WALLS.to_vec(),
    }
}

/// A program in the engine's place.
fn engine(program: &str, arguments: &[&str]) -> OcrEngine {
    OcrEngine {
        name: "stand-in 1".into(),
        program: program.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
    }
}

/// The machine's tesseract; without one, says that `test` did not run.
async fn tesseract_or_skip(test: &str) -> Option<OcrEngine> {
    match OcrEngine::find(&settings(None), "eng").await {
        Ok(engine) => Some(engine),
        Err(reason) => {
            skip(test, &reason);
            None
        }
    }
}

/// The word in letters of 5 by 7, each dot a square of many, as a PBM.
fn image_of(word: &str) -> Vec<u8> {
    const DOT: usize = 8;
    let glyph = |letter| match letter {
        'E' => ["#####", "#....", "#....", "####.", "#....", "#....", "#####"],
        'H' => ["#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"],
        'L' => ["#....", "#....", "#....", "#....", "#....", "#....", "#####"],
        'P' => ["####.", "#...#", "#...#", "####.", "#....", "#....", "#...."],
        other => panic!("{other} has no glyph here"),
    };
    let margin = 10 * DOT;
    let width = 2 * margin + word.len() * 6 * DOT;
    let blank = vec!["0".repeat(width); margin];
    let rows = (0..7).flat_map(|row| {
        let dots: String = word.chars().map(|letter| glyph(letter)[row].to_owned() + ".").collect();
        let inked: String = dots.chars().flat_map(|dot| [if dot == '#' { '1' } else { '0' }; DOT]).collect();
        vec![format!("{0}{inked}{0}", "0".repeat(margin)); DOT]
    });
    let rows: Vec<String> = blank.iter().cloned().chain(rows).chain(blank.iter().cloned()).collect();
    let pixels = rows.concat().chars().fold(String::new(), |pixels, pixel| pixels + &format!("{pixel} "));
    format!("P1\n{width} {}\n{pixels}\n", rows.len()).into_bytes()
}

fn job(media_type: &str, length: usize) -> Job {
    Job { file: BatchId::new().file(0), media_type: media_type.into(), length: length as u64 }
}

async fn read(child: &mut Child, image: Vec<u8>) -> Result<Extraction, AttemptFailure> {
    child.attempt(&job("image/x-portable-anymap", image.len()), stream::iter([Ok(Bytes::from(image))])).await
}

async fn child(settings: &WorkerSettings) -> Child {
    Child::spawn(settings).await.expect("a worker can be started")
}

/// What becomes of an image under these settings; the next file, a text, is read all the same.
async fn outcome(settings: &WorkerSettings) -> Result<Extraction, AttemptFailure> {
    let mut worker = child(settings).await;
    let outcome = read(&mut worker, image_of("HELP")).await;
    let mut next = if worker.is_spent() { child(settings).await } else { worker };
    let text = next.attempt(&job("text/plain", 4), stream::iter([Ok(Bytes::from_static(b"next"))])).await;
    assert_eq!(text.expect("the neighbour is read").text, "next");
    outcome
}

async fn failure(settings: &WorkerSettings) -> String {
    outcome(settings).await.expect_err("the image has no text").error.to_string()
}

#[tokio::test]
async fn text_in_an_image_is_recognised_and_says_so() {
    let Some(tesseract) = tesseract_or_skip("OCR").await else { return };
    assert!(tesseract.name.starts_with("tesseract "), "{}", tesseract.name);
    let Extraction { text, info } = outcome(&settings(Some(tesseract.clone()))).await.expect("it has a text");
    assert_eq!(text, "HELP");
    assert_eq!(info.engine, tesseract.name);
    assert_eq!((info.chars, info.tokens, info.pages), (4, 1, Some(1)));
    assert_eq!(info.warnings, [RECOGNISED]);
}

#[tokio::test]
async fn an_image_without_text_and_one_that_is_damaged_are_told_apart() {
    let Some(tesseract) = tesseract_or_skip("OCR of what has no text").await else { return };
    let mut child = child(&settings(Some(tesseract))).await;
    let blank = read(&mut child, image_of("")).await.expect("a blank page is no failure");
    assert_eq!((blank.text.as_str(), blank.info.tokens), ("", 0));
    assert_eq!(blank.info.warnings, ["no_text: No text was recognised in the image."]);
    let damaged = read(&mut child, b"\x89PNG\r\n\x1a\nand no more".to_vec()).await.expect_err("there is no image");
    assert_eq!(damaged.error.to_string(), "parse_error");
    assert!(!damaged.log.is_empty());
    assert!(!child.is_spent(), "no image costs the child");
}

#[tokio::test]
async fn without_an_engine_an_image_succeeds_without_text() {
    let Extraction { text, info } = outcome(&settings(None)).await.expect("an image is no failure");
    assert_eq!(text, "");
    assert_eq!(info.warnings, ["no_text: OCR is not available."]);
}

#[tokio::test]
async fn large_images_and_texts_pass_through_whole() {
    let mut child = child(&settings(Some(engine("/bin/cat", &[])))).await;
    for length in [0, 2, 256 << 10, (256 << 10) + 1, 3 << 20] {
        let image = "x".repeat(length).into_bytes();
        let extraction = read(&mut child, image.clone()).await.expect("cat gives back what it is given");
        assert!(extraction.text.as_bytes() == image, "{length} bytes came back as {}", extraction.text.len());
    }
}

#[tokio::test]
async fn one_file_may_ask_about_many_images_in_a_row() {
    let mut child = child(&settings(Some(engine("/bin/cat", &[])))).await;
    let asks = b"consign-test-hook: recognise=5\n".to_vec();
    let answers = child.attempt(&job("text/plain", asks.len()), stream::iter([Ok(Bytes::from(asks))])).await;
    assert_eq!(answers.expect("each is answered").text, "image 0\nimage 1\nimage 2\nimage 3\nimage 4\n");
    assert!(!child.is_spent());
}

#[tokio::test]
async fn an_engine_that_hangs_is_stalled_and_costs_its_file_only() {
    let hangs = Some(engine("/bin/sleep", &["3600"]));
    let impatient = WorkerSettings { silence: Duration::from_secs(2), ..settings(hangs) };
    let started = Instant::now();
    assert_eq!(failure(&impatient).await, "stalled (OCR)");
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn an_engine_that_computes_for_ever_meets_the_wall() {
    let computes = Some(engine("/bin/bash", &["-c", "while :; do :; done"]));
    let limits = WorkerSettings { silence: Duration::from_secs(1), wall: Duration::from_secs(4), ..settings(computes) };
    assert_eq!(failure(&limits).await, "timeout (OCR)");
}

#[tokio::test]
async fn each_image_has_the_whole_time_anew() {
    let takes_seconds = Some(engine("/bin/bash", &["-c", "read line; while ((SECONDS < 2)); do :; done; echo $line"]));
    let limits = WorkerSettings { wall: Duration::from_secs(4), ..settings(takes_seconds) };
    let mut child = child(&limits).await;
    let asks = b"consign-test-hook: recognise=4\n".to_vec();
    let answers = child.attempt(&job("text/plain", asks.len()), stream::iter([Ok(Bytes::from(asks))])).await;
    assert_eq!(answers.expect("each is in time").text, "image 0\nimage 1\nimage 2\nimage 3\n");
}

#[tokio::test]
async fn an_engine_that_fails_over_one_page_costs_that_page() {
    let fails_once = "read line; f() { f; }; case $line in *1) f;; esac; echo $line";
    let mut child = child(&settings(Some(engine("/bin/bash", &["-c", fails_once])))).await;
    let asks = b"consign-test-hook: recognise=3\n".to_vec();
    let answers = child.attempt(&job("text/plain", asks.len()), stream::iter([Ok(Bytes::from(asks))])).await;
    let text = answers.expect("the other pages are read").text;
    assert_eq!(text, "image 0\nunreadable: crashed (OCR, SIGSEGV)\nimage 2\n");
    assert!(!child.is_spent());
}

#[tokio::test]
async fn pictures_inside_an_archive_are_read_up_to_the_limit() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("a.pbm", &b"P1\n# first\n"[..]), ("b.txt", b"words"), ("c.pbm", b"P1\n# second\n")] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("a member can begin");
        std::io::Write::write_all(&mut archive, content).expect("a member can be written");
    }
    let archive = archive.finish().expect("an archive can be written").into_inner();
    let read = async |recognised_max| {
        let cat = settings(Some(engine("/bin/cat", &[])));
        let limited = WorkerSettings { limits: Limits { recognised_max, ..cat.limits.clone() }, ..cat };
        let bytes = stream::iter([Ok(Bytes::from(archive.clone()))]);
        child(&limited).await.attempt(&job("application/zip", archive.len()), bytes).await.expect("it is an archive")
    };
    let both = read(2).await;
    assert_eq!(both.text, "## a.pbm\n\nP1\n# first\n\n## b.txt\n\nwords\n\n## c.pbm\n\nP1\n# second\n");
    assert!(both.info.engine.ends_with(" + stand-in 1"), "{}", both.info.engine);
    let one = read(1).await;
    assert_eq!(one.text, "## a.pbm\n\nP1\n# first\n\n## b.txt\n\nwords\n\n## c.pbm\n");
    assert!(
        one.info.warnings.contains(&"skipped: c.pbm: As many pictures of this file have been read as may be.".into())
    );
    let none = read(0).await;
    assert!(none.info.warnings.contains(&"skipped: a.pbm: OCR is not available.".into()), "{:?}", none.info.warnings);
}

#[tokio::test]
async fn an_engine_that_never_stops_talking_is_stopped() {
    assert_eq!(failure(&settings(Some(engine("/usr/bin/yes", &[])))).await, "text_too_large (OCR)");
}

#[tokio::test]
async fn an_engine_that_is_not_there_any_more_says_so() {
    let missing = settings(Some(engine("/nonexistent/tesseract", &[])));
    assert_eq!(failure(&missing).await, "crashed (OCR did not start)");
}

/// The id of this process's child that sleeps for so long, which tells it from those of other tests.
fn sleeping(seconds: &str) -> Option<u32> {
    let command = format!("/bin/sleep\0{seconds}\0").into_bytes();
    let sleeps = |id: &u32| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line == command);
    process::children(std::process::id()).into_iter().find(sleeps)
}

#[tokio::test]
async fn an_engine_that_is_killed_costs_its_file_only() {
    let killer = std::thread::spawn(|| {
        let id = wait_for("the engine", || sleeping("3601"));
        let process = Pid::from_raw(id.cast_signed()).expect("a process has an id");
        kill_process(process, Signal::KILL).expect("it is ours");
    });
    let verdict = failure(&settings(Some(engine("/bin/sleep", &["3601"])))).await;
    assert_eq!(verdict, "crashed (OCR, SIGKILL)");
    killer.join().expect("it was killed");
}

#[test]
fn an_engine_ends_with_its_server() {
    let id = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let settings = settings(Some(engine("/bin/sleep", &["3602"])));
            let mut child = child(&settings).await;
            let mut attempt = Box::pin(read(&mut child, image_of("HELP")));
            let id = loop {
                assert!(tokio::time::timeout(Duration::from_millis(20), &mut attempt).await.is_err());
                if let Some(id) = sleeping("3602") {
                    break id;
                }
            };
            #[expect(clippy::mem_forget, reason = "the server ends without a chance to kill its children")]
            std::mem::forget(attempt);
            #[expect(clippy::mem_forget, reason = "the server ends without a chance to kill its children")]
            std::mem::forget(child);
            id
        })
    })
    .join()
    .expect("the engine was seen");
    wait_for("the engine's end", || (!process::is_alive(id)).then_some(()));
}

#[tokio::test]
async fn an_engine_has_its_file_s_memory_and_no_more() {
    let Some(tesseract) = tesseract_or_skip("OCR's memory").await else { return };
    // Where memory is refused depends on the size; of these, one ends the engine and the other one only its image.
    for (side, memory_bytes) in [(6_000, 128 * MIB), (9_920, 150 * MIB)] {
        let blank = [format!("P4\n{side} {side}\n").into_bytes(), vec![0; side / 8 * side]].concat();
        let mut child = child(&WorkerSettings { memory_bytes, ..settings(Some(tesseract.clone())) }).await;
        let failure = read(&mut child, blank).await.expect_err("there is no room for it");
        assert_eq!(failure.error.to_string(), "out_of_memory", "{side}: {}", failure.log);
    }
}

/// What a shell in the engine's place says when it tries this, and fails.
async fn refused(script: &str) -> String {
    let shell = Some(engine("/bin/bash", &["-c", script]));
    let failure = outcome(&settings(shell)).await.map(|extraction| extraction.text).expect_err(script);
    failure.log
}

#[tokio::test]
async fn an_engine_in_its_room_reads_its_own_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback can be had");
    let port = listener.local_addr().expect("it is bound").port();
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let mark = folder.path().join("mark");
    let attempts = [
        ("read line < /etc/passwd".to_owned(), "Permission denied"),
        (format!("> {}", mark.display()), "Permission denied"),
        (format!("exec 3<>/dev/tcp/127.0.0.1/{port}"), "Operation not permitted"),
        ("(true)".to_owned(), "Operation not permitted"),
        ("exec /bin/true".to_owned(), "Permission denied"),
        (format!("kill -WINCH {}", std::process::id()), "Operation not permitted"),
        ("ulimit -Hc 0".to_owned(), "Operation not permitted"),
    ];
    for (script, error) in &attempts {
        let log = refused(script).await;
        assert!(log.contains(error), "{script}: {log}");
        assert!(!mark.exists());
    }
    for (script, _) in &attempts {
        let free = Command::new("/bin/bash").args(["-c", script]).status().expect("a shell can be started");
        assert!(free.success(), "{script}: succeeds outside of the room");
    }
    assert!(Path::new(&mark).exists());
    let text = outcome(&settings(Some(engine("/bin/bash", &["-c", "export -p"])))).await.expect("a shell can write");
    let variables: Vec<&str> = text.text.lines().filter_map(|line| line.split(['=', ' ']).nth(2)).collect();
    // All but OpenMP's are the shell's own.
    assert_eq!(variables, ["OLDPWD", "OMP_THREAD_LIMIT", "PWD", "SHLVL"]);
}

#[test]
fn a_server_names_its_engine_and_reads_images() {
    let server = Server::start(&[]);
    let ready = server.get("/readyz").json();
    if ready["ocr"]["available"] == json!(false) {
        skip("OCR by the server", &format!("{ready}"));
        return;
    }
    let engine = ready["ocr"]["engine"].as_str().expect("it has a name");
    assert!(engine.starts_with("tesseract "), "{engine}");
    assert!(server.log().contains(engine));

    let batch = server.process(Form::new().file("help.pbm", image_of("HELP")).file("note.txt", "a note"));
    batch.assert_succeeded();
    assert_eq!(server.text(batch.file("help.pbm")).trim(), "HELP");
    assert_eq!(server.text(batch.file("note.txt")).trim(), "a note");
}

#[test]
fn a_server_without_the_language_says_so_and_works() {
    let server = Server::start(&[("WORKER_OCR_LANGUAGES", "eng+tlh")]);
    assert_eq!(server.get("/readyz").json()["ocr"], json!({"available": false, "engine": null}));
    assert!(server.log().contains("text in images is not recognised"));
    let batch = server.process(Form::new().file("help.pbm", image_of("HELP")));
    batch.assert_succeeded();
    assert_eq!(server.text(batch.file("help.pbm")), "");
}

#[test]
fn images_of_the_collection_are_read() {
    let Some(corpus) = Corpus::or_skip("OCR of the collection's images") else { return };
    let server = Server::start(&[]);
    if server.get("/readyz").json()["ocr"]["available"] == json!(false) {
        skip("OCR of the collection's images", "no OCR here");
        return;
    }
    let paths =
        ["good/image/kreuzberg-lts__complex_document.png", "good/image/derived-38-rot90-200dpi__tika__testPDF.png"];
    let batch = server.process(Form::new().files(paths.map(|path| (base_name(path), corpus.read(path)))));
    batch.assert_succeeded();
    for (path, words) in paths.into_iter().zip(["quarterly sales data", "Tika - Content Analysis Toolkit"]) {
        let text = server.text(batch.file(&base_name(path)));
        assert!(text.contains(words), "{path}: {text}");
    }
}
