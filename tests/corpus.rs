//! The whole collection of real files through a real server: what its texts are worth, and what hostile files cost.
//!
//! `make corpus` shows the tables. The floors in `tests/corpus_floors.tsv` only ever rise.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use support::corpus::{Corpus, base_name};
use support::{Batch, FileStatus, Form, Server, skip, wait_until};

/// A child's address space in these tests, and so the most that one may ever take.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Long texts out of files without any: more than this is not "empty".
const EMPTY_CHARS_MAX: u64 = 200;

#[test]
fn texts_of_good_files_score_at_least_their_floors() {
    let Some(corpus) = Corpus::or_skip("scores of good files") else { return };
    let server = Server::start(&[]);
    let texts = tempfile::TempDir::new().unwrap();
    let mut succeeded = 0;
    for (format, paths) in by_folder(&corpus.paths_below("good")) {
        let batch = server.process(form_of(&corpus, &paths));
        succeeded += save_texts(&server, &batch, &texts.path().join(&format));
    }
    // A file is counted a moment after its batch is told to be completed.
    wait_until("all that succeeded to be counted", || {
        let counted = server.metrics().sum("consign_files_ended_total", &[("state", "succeeded")]);
        (counted - f64::from(succeeded)).abs() < 0.5
    });
    let Some(scores) = scores(&corpus, texts.path()) else { return };
    let mut floors = floors();
    if server.get("/readyz").json()["ocr"]["available"] != true {
        skip("scores of images and scans", "tesseract is not installed");
        floors.retain(|format, _| !["image", "pdf-scan"].contains(&format.as_str()));
    }
    let mut table = String::from("format        files  ok %    median  mean    floor\n");
    let mut below = Vec::new();
    for score in &scores {
        let floor = floors.get(&score.format).copied().unwrap_or(0.0);
        writeln!(
            table,
            "{:<13} {:<6} {:<7} {:<7.3} {:<7.3} {floor:.3}",
            score.format, score.files, score.ok_percent, score.median, score.mean
        )
        .unwrap();
        if score.mean < floor {
            below.push(format!("{} is at {:.3}, its floor is {floor:.3}", score.format, score.mean));
        }
    }
    show(&table);
    assert!(below.is_empty(), "{}", below.join("\n"));
    assert!(floors.keys().all(|format| scores.iter().any(|score| score.format == *format)));
}

#[test]
fn hostile_files_cost_themselves_only() {
    let Some(corpus) = Corpus::or_skip("hostile files") else { return };
    let server = Server::start(&[("WORKER_MEMORY_BYTES_MAX", "1GiB"), ("ATTEMPTS_MAX", "2")]);
    let memory = ChildMemory::watch(server.pid());
    let expectations = corpus.expectations();
    let mut table = String::from("class                succeeded  failed  rejected  slowest ms\n");
    let mut wrong = Vec::new();
    for (class, paths) in by_folder(&corpus.paths_below("hostile")) {
        let form = form_of(&corpus, &paths).file("neighbour.txt", "a neighbour's words");
        let batch = server.process(form);
        let neighbour = batch.file("neighbour.txt");
        assert_eq!(server.text(neighbour).trim(), "a neighbour's words", "of {class}");
        let slowest = batch.files.iter().filter_map(|file| file.timings["process_ms"].as_u64()).max();
        let slowest = slowest.unwrap_or(0);
        let support::status::Summary { succeeded, failed, rejected, .. } = batch.summary;
        writeln!(table, "{class:<20} {succeeded:<10} {failed:<7} {rejected:<9} {slowest}").unwrap();
        for path in &paths {
            let file = batch.file(&base_name(path));
            let expected = expectations.get(path).map_or("no_crash", String::as_str);
            if let Some(why) = falls_short(&server, file, expected) {
                wrong.push(format!("{path}: {why}"));
            }
        }
    }
    let most = memory.most();
    show(&format!("{table}highest address space of a child: {} MiB; server restarts: 0\n", most >> 20));
    assert!(most <= MEMORY_BYTES_MAX, "a child took {most} bytes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Shows a table to whoever ran `make corpus`.
fn show(table: &str) {
    std::io::stdout().write_all(table.as_bytes()).expect("standard output can be written");
}

/// Why a hostile file did not end as expected, if it did not.
fn falls_short(server: &Server, file: &FileStatus, expected: &str) -> Option<String> {
    assert!(file.is_terminal(), "{file:?}");
    let text = || if file.state == "succeeded" { server.text(file) } else { String::new() };
    let (kind, word) = expected.split_once(':').unwrap_or((expected, ""));
    let met = match kind {
        "encrypted" => file.code() == Some("password_protected"),
        "opens_without_password" => !text().trim().is_empty(),
        "text" => text().contains(word),
        "no_leak" => !text().contains(word),
        "refuse_or_empty" => file.state != "succeeded" || file.result().chars <= EMPTY_CHARS_MAX,
        _ => true,
    };
    (!met).then(|| format!("expected {expected}, but it is {} {:?}", file.state, file.code()))
}

/// Watches how large the children of a server become.
struct ChildMemory {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watcher: Option<std::thread::JoinHandle<()>>,
}

impl ChildMemory {
    fn watch(server: u32) -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ended) = (Arc::clone(&most), Arc::clone(&over));
        let watcher = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for child in support::process::children(server) {
                    // Until it has become another program, a new process shows the server's own size.
                    let command = std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
                    if command.contains("serve") {
                        continue;
                    }
                    let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
                    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
                    let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
                    seen.fetch_max(kib.unwrap_or(0) << 10, Ordering::Relaxed);
                }
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        });
        Self { most, over, watcher: Some(watcher) }
    }

    fn most(mut self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.watcher.take().expect("a watcher is joined once").join().expect("the watcher does not panic");
        self.most.load(Ordering::Relaxed)
    }
}

/// The paths by the name of the folder that they lie in.
fn by_folder(paths: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths {
        let folder = path.split('/').nth(1).expect("a path has a folder").to_owned();
        folders.entry(folder).or_default().push(path.clone());
    }
    folders
}

fn form_of(corpus: &Corpus, paths: &[String]) -> Form {
    paths.iter().fold(Form::new(), |form, path| form.file(&base_name(path), corpus.read(path)))
}

/// Writes the texts of a batch's files as the scorer wants them; says how many there are.
fn save_texts(server: &Server, batch: &Batch, dir: &Path) -> u32 {
    std::fs::create_dir_all(dir).expect("a folder can be made");
    let read: BTreeSet<_> =
        batch.files.iter().filter(|file| file.state == "succeeded").map(|file| &file.name).collect();
    for name in &read {
        std::fs::write(dir.join(format!("{name}.txt")), server.text(batch.file(name))).expect("a text can be written");
    }
    u32::try_from(read.len()).expect("a batch is small")
}

/// A line of the scorer's table.
struct Score {
    format: String,
    files: u32,
    ok_percent: f64,
    median: f64,
    mean: f64,
}

/// What the collection's own scorer makes of the texts.
fn scores(corpus: &Corpus, texts: &Path) -> Option<Vec<Score>> {
    let scorer = corpus.path("score.py");
    let output = Command::new("python3").arg(scorer).arg(texts).args(["--tsv", "--worst", "0"]).output();
    let Ok(output) = output else {
        skip("scores of good files", "python3 is not installed; the collection's scorer needs it");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).expect("the table is text");
    let score = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| columns[at].parse().expect("the column is a number");
        Score {
            format: columns[0].into(),
            files: columns[1].parse().expect("the column is a number"),
            ok_percent: number(2),
            median: number(3),
            mean: number(4),
        }
    };
    Some(table.lines().skip(1).map(score).collect())
}

/// The least that each format's mean score may be.
fn floors() -> BTreeMap<String, f64> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus_floors.tsv");
    let floors = std::fs::read_to_string(path).expect("the floors are there");
    let line = |line: &str| {
        let (format, floor) = line.split_once('\t').expect("a line is a format and a number");
        (format.to_owned(), floor.parse().expect("a floor is a number"))
    };
    floors.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}
