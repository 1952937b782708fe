//! Scanning for malware, by the real clamd: what is infected is refused and harms none of its neighbours, and nothing
//! passes without a verdict, whether the scanner is away, hangs, or does not read so much.

#![cfg(feature = "fault")]

mod support;

use std::io::{Cursor, Write};

use consign::actors::panics::Duty;
use serde_json::Value;
use support::clamd::{Clamd, SIGNATURE, eicar};
use support::fault::Faults;
use support::server::Setting;
use support::{Answer, Batch, DataDir, Form, Server, process, wait_until};

/// A scanner that is waited for longer than any test takes to bring it back.
const PATIENT: [Setting<'_>; 2] = [("SCAN_TRIES_MAX", "20"), ("SCAN_BACKOFF_MS_BASE", "20")];

/// A scanner that is given up at once.
const IMPATIENT: [Setting<'_>; 2] = [("SCAN_TRIES_MAX", "2"), ("SCAN_BACKOFF_MS_BASE", "10")];

/// One that hangs is noticed at once.
const BRIEF: Setting<'_> = ("SCAN_TIMEOUT_MS_MAX", "300");

/// Who waits for the next try waits for ever.
const ENDLESS: [Setting<'_>; 2] = [("SCAN_TRIES_MAX", "20"), ("SCAN_BACKOFF_MS_BASE", "604800000")];

fn serve(data: &DataDir, clamd: &Clamd, settings: &[&[Setting<'_>]]) -> Server {
    let address = clamd.address();
    data.serve(&[&settings.concat()[..], &[("SCAN_CLAMD", &address)]].concat())
}

fn texts(count: usize) -> Form {
    Form::new().files((0..count).map(|index| (format!("{index}.txt"), format!("words of {index}"))))
}

/// A ZIP archive with one member.
fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("an archive takes a file");
    archive.write_all(bytes).expect("an archive takes bytes");
    archive.finish().expect("an archive can be finished").into_inner()
}

/// Retries what failed, once the server has seen that the scanner is back.
fn retry(server: &Server, batch: &Batch) -> Batch {
    wait_until("readiness", || readiness(server).0 == 200);
    let answer = server.post_to(&format!("/batches/{}/retry?wait=60", batch.id));
    assert_eq!(answer.status, 202, "{}", answer.lossy());
    Batch::of(&answer.json())
}

fn scans(server: &Server, result: &str) -> f64 {
    server.metrics().sum("consign_scans_total", &[("result", result)])
}

/// The status of `/readyz` and what it says of the scanner.
fn readiness(server: &Server) -> (u16, Value) {
    let answer = server.get("/readyz");
    (answer.status, answer.json()["checks"]["scanner"].clone())
}

fn assert_all(batch: &Batch, state: &str, code: &str) {
    batch.files.iter().for_each(|file| file.assert_ended(state, code));
}

fn assert_infected_is_refused(clamd: &Clamd) {
    let data = DataDir::new();
    let mut server = serve(&data, clamd, &[]);
    // Inside of blocks of its own, so that these are given back.
    let padding = "words ".repeat(5_000);
    let form = texts(3)
        .file("infected.txt", format!("{padding}{}{padding}", eicar()))
        .file("empty.txt", "")
        .file("infected.zip", zipped("inner.txt", eicar().as_bytes()))
        .file("clean.zip", zipped("inner.txt", b"words inside"))
        .file("last.txt", "words ".repeat(200_000));

    let batch = server.process(form);

    for file in &batch.files {
        if file.name.starts_with("infected") {
            file.assert_ended("rejected", "malware_found");
            let error = file.error();
            assert_eq!(error.message, format!("Malware was found in the file; it is not kept ({SIGNATURE})."));
            assert!(!error.retryable);
            server.get(&format!("{}/content", file.path())).assert_problem(410, "content_gone");
        } else {
            assert_eq!((file.state.as_str(), file.code()), ("succeeded", None), "{file:?}");
        }
    }
    let content = server.content(batch.file("last.txt"));
    assert_eq!(content.body.len(), 1_200_000);
    assert!((scans(&server, "clean") - 6.0).abs() < 0.5 && (scans(&server, "found") - 2.0).abs() < 0.5);
    assert!(server.metrics().sum("consign_scan_seconds_count", &[]) >= 8.0);
    assert_eq!(readiness(&server), (200, serde_json::json!({ "ok": true })));
    wait_until("the bytes to be gone", || !process::any_file_holds(&data.path(), &eicar()));
    assert!(server.terminate().success());
    let told = data.doctor(&["--deep"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    let again = serve(&data, clamd, &[]).batch(&batch.id);
    assert_eq!(again.summary, batch.summary);
}

#[test]
fn what_is_infected_is_refused_and_gone_and_its_neighbours_succeed() {
    let Some(mut clamd) = Clamd::or_skip("malware by a Unix socket", "") else { return };
    clamd.start();
    assert_infected_is_refused(&clamd);
}

#[test]
fn a_scanner_is_reached_by_tcp() {
    let Some(mut clamd) = Clamd::on_tcp_or_skip("malware by TCP", "") else { return };
    clamd.start();
    assert_infected_is_refused(&clamd);
}

#[test]
fn files_wait_for_a_scanner_that_comes_late() {
    let Some(mut clamd) = Clamd::or_skip("a scanner that comes late", "") else { return };
    let data = DataDir::new();
    let server = serve(&data, &clamd, &[&PATIENT]);
    let id = server.upload(texts(5).file("infected.txt", eicar())).id;
    wait_until("a scan in vain", || scans(&server, "unavailable") > 6.0);
    assert!(server.batch(&id).files.iter().all(|file| file.state == "stored"));
    let (status, scanner) = readiness(&server);
    assert_eq!((status, &scanner["ok"]), (503, &Value::Bool(false)), "{scanner}");
    assert!(scanner["trouble"].as_str().is_some_and(|trouble| trouble.starts_with("the scanner: ")), "{scanner}");

    clamd.start();

    let batch = server.completed(&id);
    assert_eq!((batch.summary.succeeded, batch.summary.rejected), (5, 1));
    batch.file("infected.txt").assert_ended("rejected", "malware_found");
    wait_until("readiness", || readiness(&server).0 == 200);
}

#[test]
fn a_scanner_that_is_killed_under_load_costs_no_file_its_verdict() {
    let Some(mut clamd) = Clamd::or_skip("a scanner that is killed under load", "") else { return };
    clamd.start();
    let data = DataDir::new();
    let server = serve(&data, &clamd, &[&PATIENT]);
    let infected = (0..30).map(|index| (format!("infected-{index}.txt"), format!("{} {index}", eicar())));
    let id = server.upload(texts(600).files(infected)).id;
    for clean in [20.0, 200.0] {
        wait_until("some to be scanned", || scans(&server, "clean") > clean);
        clamd.kill();
        wait_until("a scan in vain", || scans(&server, "unavailable") > 0.0);
        clamd.start();
    }

    let batch = server.completed(&id);

    assert_eq!((batch.summary.succeeded, batch.summary.rejected), (600, 30));
    assert!(batch.files[600..].iter().all(|file| file.code() == Some("malware_found")), "{batch:?}");
}

#[test]
fn without_a_scanner_files_fail_closed_and_a_retry_scans_them_anew() {
    let Some(mut clamd) = Clamd::or_skip("a scanner that stays away", "") else { return };
    let data = DataDir::new();
    let server = serve(&data, &clamd, &[&IMPATIENT]);

    let batch = server.process(texts(20).file("infected.txt", eicar()));

    assert_all(&batch, "failed", "scan_unavailable");
    assert!(batch.files.iter().all(|file| file.error().retryable && file.attempts == 0), "{batch:?}");
    assert!(!batch.files[0].error().message.contains("clamd"), "{batch:?}");
    assert_eq!(server.content(&batch.files[0]).body, b"words of 0", "the bytes are kept");
    clamd.start();
    let batch = retry(&server, &batch);
    assert_eq!((batch.summary.succeeded, batch.summary.rejected), (20, 1));
    batch.file("infected.txt").assert_ended("rejected", "malware_found");
}

#[test]
fn a_scanner_that_hangs_is_given_up() {
    let Some(mut clamd) = Clamd::or_skip("a scanner that hangs", "") else { return };
    clamd.start();
    clamd.hang();
    let data = DataDir::new();
    let server = serve(&data, &clamd, &[&IMPATIENT, &[BRIEF]]);

    let batch = server.process(texts(300));

    assert_all(&batch, "failed", "scan_unavailable");
    assert_eq!(readiness(&server).0, 503);
    clamd.go_on();
    retry(&server, &batch).assert_succeeded();
}

/// A server on which a scan is under way that does not go on, and the batch that it is of. Its text is too long to be read,
/// which is found only after the scan.
fn hung_in_mid_scan(data: &DataDir, clamd: &Clamd, settings: &[Setting<'_>]) -> (Server, String) {
    let server = serve(data, clamd, &[&[("LIMITS_EXTRACT_BYTES_MAX", "1 MiB")], settings]);
    let text = "words ".repeat(8 << 20);
    loop {
        let id = server.upload(Form::new().file("long.txt", &text)).id;
        wait_until("the scan", || clamd.bytes_taken_up() > 0 || server.batch(&id).files[0].is_terminal());
        clamd.hang();
        // It may have been too quick; what it has not whole, it has not judged.
        if (1..text.len() as u64).contains(&clamd.bytes_taken_up()) {
            return (server, id);
        }
        clamd.go_on();
        server.completed(&id);
    }
}

#[test]
fn a_scan_that_takes_too_long_is_given_up() {
    let Some(mut clamd) = Clamd::or_skip("a scan that hangs", "") else { return };
    clamd.start();
    let data = DataDir::new();
    let (server, id) = hung_in_mid_scan(&data, &clamd, &[&IMPATIENT[..], &[("SCAN_TIMEOUT_MS_MAX", "3000")]].concat());

    let batch = server.completed(&id);

    assert_all(&batch, "failed", "scan_unavailable");
    clamd.go_on();
    assert_all(&retry(&server, &batch), "failed", "too_large_to_extract");
}

#[test]
fn a_kill_in_mid_scan_has_the_file_scanned_anew() {
    let Some(mut clamd) = Clamd::or_skip("a kill in mid-scan", "") else { return };
    clamd.start();
    let data = DataDir::new();
    let (server, id) = hung_in_mid_scan(&data, &clamd, &[]);
    let infected = server.upload(texts(3).file("infected.txt", eicar())).id;
    server.kill();
    clamd.go_on();

    let server = serve(&data, &clamd, &[&[("LIMITS_EXTRACT_BYTES_MAX", "1 MiB")]]);

    assert_all(&server.completed(&id), "failed", "too_large_to_extract");
    let batch = server.completed(&infected);
    assert_eq!((batch.summary.succeeded, batch.summary.rejected), (3, 1));
    assert!(scans(&server, "clean") >= 4.0);
}

#[test]
fn files_that_wait_for_a_scanner_are_cancelled_at_once() {
    let Some(clamd) = Clamd::or_skip("cancelling without a scanner", "") else { return };
    let data = DataDir::new();
    let server = serve(&data, &clamd, &[&ENDLESS]);
    let waits = server.upload(texts(700)).id;
    let id = server.upload(texts(400)).id;
    wait_until("all slots to be taken", || server.metrics().sum("consign_files_in_motion", &[]) > 255.0);

    for id in [&id, &waits] {
        let answer: Answer = server.post_to(&format!("/batches/{id}/cancel?wait=60"));
        let batch = Batch::of(&answer.json());
        assert_eq!((batch.outcome.as_deref(), batch.summary.succeeded), (Some("cancelled"), 0), "{:?}", batch.summary);
    }

    assert!(server.metrics().sum("consign_files_in_motion", &[]).abs() < 0.5, "nothing is on its way any more");
}

#[test]
fn a_scan_under_way_ends_with_its_batch() {
    let Some(mut clamd) = Clamd::or_skip("cancelling in mid-scan", "") else { return };
    clamd.start();
    let data = DataDir::new();
    let (server, id) = hung_in_mid_scan(&data, &clamd, &ENDLESS);

    let answer = server.post_to(&format!("/batches/{id}/cancel?wait=60"));

    assert_eq!(Batch::of(&answer.json()).outcome.as_deref(), Some("cancelled"));
}

#[test]
fn files_that_wait_for_a_scanner_do_not_hold_up_the_drain() {
    let Some(mut clamd) = Clamd::or_skip("a drain without a scanner", "") else { return };
    clamd.start();
    let data = DataDir::new();
    let patient_drain = ("SHUTDOWN_DRAIN_MS_MAX", "604800000");
    let (mut server, id) = hung_in_mid_scan(&data, &clamd, &[&ENDLESS[..], &[patient_drain]].concat());
    let others = server.upload(texts(300)).id;

    assert!(server.terminate().success());

    clamd.go_on();
    let server = serve(&data, &clamd, &[&PATIENT, &[("LIMITS_EXTRACT_BYTES_MAX", "1 MiB")]]);
    assert_all(&server.completed(&id), "failed", "too_large_to_extract");
    server.completed(&others).assert_succeeded();
}

#[test]
fn what_the_scanner_does_not_read_whole_fails_closed() {
    let long = || Form::new().file("long.txt", "words ".repeat(1 << 20)).file("short.txt", "words");
    let alerts = "StreamMaxLength 100M\nMaxFileSize 1M\nAlertExceedsMax yes";
    for (settings, on_tcp) in [("StreamMaxLength 1M", false), ("StreamMaxLength 1M", true), (alerts, false)] {
        let made = if on_tcp { Clamd::on_tcp_or_skip } else { Clamd::or_skip };
        let Some(mut clamd) = made("what is too large to scan", settings) else { return };
        clamd.start();
        let data = DataDir::new();
        let server = serve(&data, &clamd, &[&ENDLESS]);

        let batch = server.process(long());

        let file = batch.file("long.txt");
        file.assert_ended("failed", "too_large_to_scan");
        assert!(!file.error().retryable);
        assert_eq!(server.content(file).body.len(), 6 << 20, "the bytes are kept");
        assert_eq!(batch.file("short.txt").state, "succeeded");
        assert!((scans(&server, "too_large") - 1.0).abs() < 0.5, "{settings}: it was tried once");
    }
}

#[test]
fn a_panic_while_scanning_is_counted_and_costs_a_try() {
    let Some(mut clamd) = Clamd::or_skip("panics while scanning", "") else { return };
    clamd.start();
    let data = DataDir::new();
    let faults = Faults::of(&data);
    let server = serve(&data, &clamd, &[&PATIENT, &[faults.setting()]]);
    for duty in Duty::SCANNING {
        faults.arm(&format!("{duty}=panic"));

        server.process(texts(12)).assert_succeeded();

        assert!(!faults.is_armed(), "{duty} panicked");
        assert!((server.metrics().sum("consign_actor_panics_total", &[]) - 1.0).abs() < 0.5);
        assert!((scans(&server, "unavailable") - 1.0).abs() < 0.5);
    }
}

#[test]
fn the_doctor_names_the_scanner() {
    let Some(mut clamd) = Clamd::or_skip("the doctor on a scanner", "") else { return };
    let data = DataDir::new();
    drop(data.serve(&[]));
    let set = format!("scan.clamd={}", clamd.address());
    let told = |flags: &[&str]| String::from_utf8(data.doctor(flags).stdout).expect("the report is text");

    assert!(told(&[]).contains("malware scan    none: scan.clamd is not set\n"));
    assert!(told(&["--set", &set]).contains("malware scan    no verdicts: the scanner: "));
    clamd.start();
    assert!(told(&["--set", &set]).contains("malware scan    ClamAV "));
    let report: Value = serde_json::from_str(&told(&["--json", "--set", &set])).expect("the report is JSON");
    assert!(report["machine"]["scanner"].as_str().is_some_and(|name| name.starts_with("ClamAV ")), "{report}");
}
