//! `consign doctor` on real data directories: what it finds, what it mends, what it leaves alone.

mod support;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use consign::custody::Custody;
use serde_json::Value;
use support::server::{SMALL_SEGMENTS, write_file};
use support::wire::{self, Wire};
use support::{Batch, DataDir, Form, form, process, wait_until};

/// What the doctor said, and how it ended.
struct Told {
    code: Option<i32>,
    report: Value,
}

impl Told {
    /// The findings of one kind.
    fn findings(&self, kind: &str) -> Vec<&Value> {
        let findings = self.report["findings"].as_array().expect("a report has findings");
        findings.iter().filter(|finding| finding["kind"] == kind).collect()
    }

    fn assert_sound(&self) {
        assert_eq!((self.code, &self.report["is_sound"]), (Some(0), &Value::Bool(true)), "{:#}", self.report);
        assert_eq!(self.report["findings"], Value::Array(Vec::new()));
    }

    /// Asserts that something was found, all of it of this kind, and what mends it.
    fn assert_found(&self, kind: &str, remedy: &str) {
        assert_eq!((self.code, &self.report["is_sound"]), (Some(1), &Value::Bool(false)), "{:#}", self.report);
        let findings = self.findings(kind);
        assert_eq!(findings.len(), self.report["findings"].as_array().map_or(0, Vec::len), "{:#}", self.report);
        assert!(findings.iter().all(|finding| finding["remedy"] == remedy), "{:#}", self.report);
    }
}

fn doctor(data: &DataDir, flags: &[&str]) -> Told {
    let Output { status, stdout, stderr } = data.doctor(&[&["--json"], flags].concat());
    let report = serde_json::from_slice(&stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
    Told { code: status.code(), report }
}

/// A directory that a server left well, with a batch of these files that are done.
fn left_well(files: &[(&str, &str)]) -> (DataDir, Batch) {
    let data = DataDir::new();
    let mut server = data.serve(&SMALL_SEGMENTS);
    let batch = server.process(Form::new().files(files.iter().copied()));
    server.terminate();
    (data, batch)
}

/// Everything in a directory, by path.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("a file can be read");
            all.insert(path, bytes);
        }
    }
    all
}

/// The one file below `dir` that holds a text, and where.
fn place_of(dir: &Path, text: &str) -> (PathBuf, u64) {
    let mut files = contents(dir).into_iter().filter_map(|(path, bytes)| {
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes())?;
        Some((path, at as u64))
    });
    let (Some(place), None) = (files.next(), files.next()) else { panic!("{text:?} lies in one file") };
    place
}

/// Flips a bit of a file.
fn flip((path, at): (PathBuf, u64)) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a segment can be opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte can be read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("a byte can be written");
}

#[test]
fn a_sound_directory_is_0_and_examining_it_changes_nothing() {
    let (data, _) = left_well(&[("a.txt", "some words"), ("b.exe", "")]);
    let before = contents(&data.path());

    doctor(&data, &[]).assert_sound();
    doctor(&data, &["--deep"]).assert_sound();

    assert!(contents(&data.path()) == before, "nothing was changed");
    let told = String::from_utf8(data.doctor(&[]).stdout).expect("the report is text");
    assert!(told.contains("sound, 1 batches, 1 outcomes") && told.ends_with("--deep does.\n"), "{told}");
}

#[test]
fn machine_and_settings_are_named_and_are_no_damage() {
    let (data, _) = left_well(&[("a.txt", "some words")]);
    write_file(&data.scratch().join("consign.toml"), b"[limits]\ndisk_free_bytes_min = \"8000 TiB\"\n");

    let told = doctor(&data, &[]);

    told.assert_sound();
    let machine = &told.report["machine"];
    assert_eq!(machine["settings_file"], "consign.toml");
    assert!(machine["disk_free_bytes"].as_u64() < machine["disk_free_bytes_min"].as_u64(), "{machine}");
    assert!(machine["room_gaps"].is_array(), "{machine}");
    let engine = machine["ocr_engine"].as_str().or(machine["ocr_missing"].as_str());
    assert!(engine.is_some_and(|engine| engine.starts_with("tesseract")), "{machine}");
    assert_eq!(
        machine["ocr_engine"].is_string(),
        machine["ocr_languages"].as_array().is_some_and(|all| !all.is_empty())
    );
}

#[test]
fn a_directory_in_use_is_refused_whatever_is_asked_and_the_server_goes_on() {
    let data = DataDir::new();
    let server = data.serve(&[]);

    for flags in [&[][..], &["--deep"], &["--repair"], &["--rebuild"]] {
        let refused = data.doctor(flags);
        let told = String::from_utf8(refused.stderr).expect("a sentence is text");
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(3), 0), "{told}");
        assert!(told.contains("a server has the data directory") && told.contains("stop it first"), "{told}");
    }

    server.process(Form::new().file("a.txt", "the server goes on")).assert_succeeded();
}

#[test]
fn a_directory_that_is_not_there_is_named_and_not_made() {
    let data = DataDir::new();
    let refused = data.doctor(&[]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no data directory"));
    assert!(!data.path().exists());
    assert_eq!(data.doctor(&["--repair", "--rebuild"]).status.code(), Some(2));
}

#[test]
fn an_upload_that_a_kill_cut_short_is_found_and_swept() {
    let data = DataDir::new();
    let server = data.serve(&SMALL_SEGMENTS);
    let kept = server.process(Form::new().file("kept.txt", "kept words")).id;
    let disk_before = data.bytes_on_disk();
    let mut client = Wire::open(server.addr);
    client.send(&wire::upload_head(1 << 30));
    client.send(form::opening("in-flight.txt").as_bytes());
    client.send(&vec![b'f'; 60 << 20]);
    wait_until("the upload to be on the disk", || data.bytes_on_disk() > disk_before + (20 << 20));
    server.kill();

    let found = doctor(&data, &[]);
    found.assert_found("bytes_without_records", "start");
    assert!(found.findings("bytes_without_records")[0]["bytes"].as_u64() > Some(10 << 20), "{:#}", found.report);

    let repaired = doctor(&data, &["--repair"]);
    repaired.assert_sound();
    assert!(repaired.report["repaired"]["segments_swept"].as_u64() > Some(0), "{:#}", repaired.report);
    assert!(data.bytes_on_disk() < disk_before);
    data.serve(&SMALL_SEGMENTS).completed(&kept).assert_succeeded();
}

#[test]
fn what_a_crash_left_of_a_removed_batch_is_found_and_given_back() {
    let data = DataDir::new();
    let mut server = data.serve(&SMALL_SEGMENTS);
    let gone = server.process(Form::new().file("gone.txt", "words that go")).id;
    let kept = server.process(Form::new().file("kept.txt", "words that stay"));
    let place = place_of(&data.path().join("spool"), "words that go");
    assert_eq!(server.delete(&format!("/batches/{gone}")).status, 204);
    server.terminate();
    doctor(&data, &[]).assert_sound();
    // As after a crash between the end of the batch's frame and that of its bytes.
    let segment = OpenOptions::new().write(true).open(&place.0).expect("a segment can be opened");
    segment.write_all_at(b"words that go", place.1).expect("a segment can be written");

    doctor(&data, &[]).assert_found("bytes_without_records", "repair");

    let repaired = doctor(&data, &["--repair", "--deep"]);
    repaired.assert_sound();
    assert!(repaired.report["repaired"]["bytes_freed"].as_u64() > Some(0), "{:#}", repaired.report);
    assert!(!process::any_file_holds(&data.path().join("spool"), "words that go"));
    let server = data.serve(&SMALL_SEGMENTS);
    assert_eq!(server.content(&kept.files[0]).body, b"words that stay");
    assert_eq!(server.get(&format!("/batches/{gone}")).status, 404);
}

#[test]
fn what_a_kill_kept_from_the_job_log_is_found_and_entered() {
    let (data, batch) = left_well(&[("a.txt", "some words")]);
    fs::remove_dir_all(data.path().join("joblog")).expect("the log can be removed");

    let found = doctor(&data, &[]);
    found.assert_found("bytes_without_records", "start");
    assert_eq!(
        (found.report["job_log"]["state"].as_str(), found.findings("bytes_without_records").len()),
        (Some("missing"), 2)
    );

    let repaired = doctor(&data, &["--repair"]);
    repaired.assert_sound();
    assert_eq!(repaired.report["repaired"]["batches_entered"], 1);
    assert_eq!(data.serve(&[]).batch(&batch.id).files[0].state, "succeeded");
}

#[test]
fn a_flipped_bit_of_a_stored_file_is_found_by_its_digest_and_named() {
    let (data, batch) = left_well(&[("victim.txt", "precious words"), ("other.txt", "other words")]);
    flip(place_of(&data.path().join("spool"), "precious words"));

    doctor(&data, &[]).assert_sound();
    let found = doctor(&data, &["--deep"]);

    found.assert_found("digest_mismatch", "upload");
    let finding = found.findings("digest_mismatch")[0];
    assert_eq!((finding["batch"].as_str(), finding["file"].as_str()), (Some(&*batch.id), Some(&*batch.files[0].id)));
    assert_eq!(finding["name"], "victim.txt");
    assert!(!finding["message"].as_str().expect("a sentence").contains('/'), "{finding}");
    doctor(&data, &["--deep", "--repair"]).assert_found("digest_mismatch", "upload");
}

#[test]
fn a_text_that_has_changed_is_found_by_its_checksum() {
    let (data, batch) = left_well(&[("a.txt", "precious words")]);
    flip(place_of(&data.path().join("results"), "precious words"));

    doctor(&data, &[]).assert_sound();
    let found = doctor(&data, &["--deep"]);

    found.assert_found("digest_mismatch", "upload");
    assert_eq!(found.findings("digest_mismatch")[0]["file"], batch.files[0].id.as_str());
}

/// Where the frame of the results of a batch's first file begins, or its seal.
fn frame_of(data: &DataDir, batch: &Batch, of_results: bool) -> (PathBuf, u64) {
    let custody: Custody = support::custody::open(&data.path()).expect("the directory opens");
    let id = consign::batch::BatchId::parse(&batch.id).expect("an id is one");
    let seal = custody.joblog.batch(id).expect("a record can be read").expect("the batch is there").seal;
    let end = custody.joblog.file(id.file(0)).expect("a record can be read").end.expect("the file has ended");
    let (store, place) = if of_results { ("results", end.results) } else { ("spool", seal) };
    (data.path().join(store).join(format!("{:012}.seg", place.segment)), place.frame)
}

#[test]
fn a_torn_result_is_found_and_so_is_a_torn_seal() {
    for (of_results, kind, remedy) in [(true, "torn_record", "backup"), (false, "records_without_bytes", "upload")] {
        let (data, batch) = left_well(&[("a.txt", "some words")]);
        let (path, frame) = frame_of(&data, &batch, of_results);
        flip((path, frame + 64));

        let found = doctor(&data, &[]);

        found.assert_found(kind, remedy);
        assert_eq!(found.findings(kind)[0]["batch"], batch.id.as_str());
        assert_eq!(data.serve(&[]).batch(&batch.id).files[0].state, "succeeded");
    }
}

#[test]
fn a_segment_that_is_gone_is_found_and_a_rebuild_says_what_is_missing() {
    let (data, batch) = left_well(&[("a.txt", "some words")]);
    let (segment, _) = place_of(&data.path().join("spool"), "some words");
    fs::remove_file(segment).expect("a segment can be removed");

    doctor(&data, &[]).assert_found("records_without_bytes", "upload");

    let rebuilt = doctor(&data, &["--rebuild"]);
    assert_eq!(rebuilt.code, Some(1), "{:#}", rebuilt.report);
    assert_eq!(rebuilt.report["rebuilt"]["missing"][0]["batch"], batch.id.as_str());
    assert_eq!(rebuilt.report["rebuilt"]["removed"], 0);
}

#[test]
fn what_may_have_been_acknowledged_outlives_a_rebuild_and_every_start_after_it() {
    let (data, batch) = left_well(&[("a.txt", "precious words")]);
    let (segment, frame) = frame_of(&data, &batch, false);
    flip((segment.clone(), frame + 64));

    let rebuilt = doctor(&data, &["--rebuild"]);
    assert_eq!(rebuilt.report["rebuilt"]["missing"][0]["batch"], batch.id.as_str());
    for _ in 0..2 {
        let mut server = data.serve(&SMALL_SEGMENTS);
        server.process(Form::new().file("later.txt", "later words")).assert_succeeded();
        server.terminate();
    }
    let repaired = doctor(&data, &["--repair"]);

    assert!(process::any_file_holds(&segment, "precious words"));
    repaired.assert_found("torn_record", "restore");
}

#[test]
fn a_job_log_that_has_lost_a_removal_is_refused_with_the_way_out_and_rebuilt_without_the_batch() {
    let data = DataDir::new();
    let mut server = data.serve(&SMALL_SEGMENTS);
    let kept = server.process(Form::new().file("kept.txt", "kept words"));
    let gone = server.process(Form::new().file("gone.txt", "words that go")).id;
    server.terminate();
    let (log, old) = (data.path().join("joblog"), data.scratch().join("old"));
    support::custody::copy(&log, &old);
    let mut server = data.serve(&SMALL_SEGMENTS);
    assert_eq!(server.delete(&format!("/batches/{gone}")).status, 204);
    server.terminate();
    fs::remove_dir_all(&log).expect("the log can be removed");
    support::custody::copy(&old, &log);

    let mut refused = data.spawn(&[]);
    assert_eq!(refused.ended().code(), Some(1));
    let told = refused.log();
    assert!(told.contains("lost its newest changes") && told.contains("`consign doctor --rebuild`"), "{told}");
    doctor(&data, &[]).assert_found("job_log_damaged", "rebuild");
    doctor(&data, &["--repair"]).assert_found("job_log_damaged", "rebuild");

    let rebuilt = doctor(&data, &["--rebuild"]);
    rebuilt.assert_sound();
    assert_eq!((&rebuilt.report["rebuilt"]["batches"], &rebuilt.report["rebuilt"]["removed"]), (&1.into(), &1.into()));
    let server = data.serve(&SMALL_SEGMENTS);
    assert_eq!(server.get(&format!("/batches/{gone}")).status, 404);
    assert_eq!(server.content(&kept.files[0]).body, b"kept words");
    assert_eq!(server.text(&server.batch(&kept.id).files[0]).trim(), "kept words");
}

#[test]
fn a_job_log_that_does_not_open_is_examined_as_it_is_and_rebuilt() {
    let (data, batch) = left_well(&[("a.txt", "some words")]);
    write_file(&data.path().join("joblog").join("conf"), b"not a log's");
    let before = contents(&data.path());

    let found = doctor(&data, &[]);
    found.assert_found("job_log_damaged", "rebuild");
    assert_eq!(found.report["spool"]["regions"], 1);
    doctor(&data, &["--repair"]).assert_found("job_log_damaged", "rebuild");
    assert!(contents(&data.path()) == before, "nothing was changed");

    let rebuilt = doctor(&data, &["--rebuild"]);
    rebuilt.assert_sound();
    let aside = rebuilt.report["rebuilt"]["put_aside"].as_str().expect("the log before is kept");
    assert_eq!(fs::read(data.path().join(aside).join("conf")).expect("it is kept"), b"not a log's");
    assert_eq!(data.serve(&[]).batch(&batch.id).files[0].state, "succeeded");
}
