//! A disk that is full, or that refuses: nothing acknowledged is lost, the server stays up, and goes on by itself.

mod support;

use support::disk::Disk;
use support::server::{SMALL_SEGMENTS, Setting};
use support::{DataDir, Form, Server, sha256, wait_for, wait_until};

/// Without a reserve, so that the disk really fills up.
const NO_RESERVE: Setting<'_> = ("LIMITS_DISK_FREE_BYTES_MIN", "0");

fn serve(data: &DataDir, settings: &[Setting<'_>]) -> Server {
    data.serve(&[&SMALL_SEGMENTS[..], settings].concat())
}

/// So large that everything that is taken in finds room for its results, too, since nothing is removed.
const ROOMY_MIB: u64 = 512;

/// Words that no other batch has, `kib` KiB of them.
fn words(number: usize, kib: usize) -> String {
    format!("batch {number:06} has 1000 of these lines, or other\n").repeat(kib * 1024 / 48)
}

/// A batch that was acknowledged, and its words.
type Acknowledged = (String, String);

/// Uploads words; the status when they are refused, or 0 when a server that starts anew breaks the connection off.
fn upload(server: &Server, words: &str) -> Result<Acknowledged, u16> {
    let Ok(answer) = server.try_post(Form::new().file("words.txt", words)) else { return Err(0) };
    if answer.status == 202 { Ok((answer.accepted().id, words.to_owned())) } else { Err(answer.status) }
}

fn assert_kept(server: &Server, (id, words): &Acknowledged) {
    let batch = server.completed(id);
    batch.assert_succeeded();
    assert_eq!(batch.files[0].sha256, Some(sha256(words.as_bytes())));
    assert!(server.content(&batch.files[0]).body == words.as_bytes(), "the bytes are as they were sent");
    assert_eq!(server.text(&batch.files[0]).trim(), words.trim());
}

/// Uploads until one is taken again.
fn upload_again(server: &Server, number: usize) -> Acknowledged {
    wait_for("an upload to be taken again", || upload(server, &words(number, 8)).ok())
}

#[test]
fn a_disk_that_fills_up_under_uploads_refuses_them_until_batches_are_removed() {
    let Some(disk) = Disk::or_skip("uploads to a full disk", 128) else { return };
    let mut server = serve(&DataDir::on(&disk.path()), &[("LIMITS_DISK_FREE_BYTES_MIN", "32 MiB")]);
    let mut kept = Vec::new();
    let refused = (0..200).find_map(|number| match upload(&server, &words(number, 700)) {
        Ok(acknowledged) => {
            kept.push(acknowledged);
            None
        }
        Err(status) => Some(status),
    });
    assert_eq!(refused, Some(507), "after {} batches", kept.len());
    assert!(kept.len() > 10, "{} batches found room", kept.len());
    // A large one, which streams, is stopped in the middle and leaves nothing.
    assert_eq!(upload(&server, &words(999, 40 << 10)).unwrap_err(), 507);
    // Results wait, too, before the disk is quite full, so that what is completed can be removed and make room for them.
    let is_removed = |acknowledged: &Acknowledged| {
        let (id, _) = acknowledged;
        let is_completed = server.batch(id).state == "completed";
        if is_completed {
            assert_kept(&server, acknowledged);
            assert_eq!(server.try_delete(&format!("/batches/{id}")).expect("the server lives").status, 204);
        }
        is_completed
    };
    wait_until("every batch to come to its end", || {
        kept.retain(|acknowledged| !is_removed(acknowledged));
        kept.is_empty()
    });
    assert_kept(&server, &upload_again(&server, 300));
    assert!(server.terminate().success());
}

#[test]
fn below_the_reserve_uploads_are_refused_before_they_are_read() {
    let Some(disk) = Disk::or_skip("the reserve", 64) else { return };
    let server = serve(&DataDir::on(&disk.path()), &[]);
    let problem = server.post(Form::new().file("words.txt", "few words")).assert_problem(507, "disk_full");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("full")));
    let ready = server.get("/readyz");
    assert_eq!((ready.status, &ready.json()["checks"]["disk"]["ok"]), (503, &false.into()));
}

#[test]
fn a_disk_that_is_full_for_a_while_holds_work_back_and_loses_nothing() {
    let Some(disk) = Disk::or_skip("a disk that is full for a while", ROOMY_MIB) else { return };
    let data = DataDir::on(&disk.path());
    let mut server = serve(&data, &[NO_RESERVE]);
    let mut kept = Vec::new();
    for round in 0..4 {
        for number in 0..20 {
            kept.extend(upload(&server, &words(100 * round + number, 40)));
        }
        disk.fill();
        // More than the segments have room for that were made before.
        let uploads = (20..50).map(|number| upload(&server, &words(100 * round + number, 700)));
        let (taken, refused): (Vec<_>, Vec<_>) = uploads.partition(Result::is_ok);
        kept.extend(taken.into_iter().flatten());
        assert!(!refused.is_empty(), "a full disk refuses something");
        assert!(!server.has_ended(), "the server stays up");
        disk.free();
        kept.push(upload_again(&server, 100 * round + 99));
        wait_until("the server to be ready", || server.get("/readyz").status == 200);
    }
    for acknowledged in &kept {
        assert_kept(&server, acknowledged);
    }
    assert!(server.terminate().success());
}

#[test]
fn a_disk_that_turns_read_only_refuses_uploads_and_keeps_the_rest() {
    let Some(disk) = Disk::or_skip("a disk that turns read-only", 128) else { return };
    let data = DataDir::on(&disk.path());
    let mut server = serve(&data, &[NO_RESERVE]);
    let mut kept: Vec<_> = (0..40).flat_map(|number| upload(&server, &words(number, 40))).collect();
    // What a kernel does to a filesystem on which it met an error.
    disk.remount("abort");
    wait_for("an upload to be refused", || upload(&server, &words(99, 700)).map(|taken| kept.push(taken)).err());
    assert_eq!(upload(&server, &words(99, 40)).unwrap_err(), 503);
    assert_eq!(server.get("/readyz").json()["checks"]["storage"]["ok"], false);
    assert_eq!(server.batch(&kept[0].0).files.len(), 1, "what can be read is still told");
    assert!(!server.has_ended(), "the server stays up");
    server.terminate();
    disk.unmount().and_then(|()| disk.mount()).expect("the disk is mended");
    let server = serve(&data, &[NO_RESERVE]);
    for acknowledged in &kept {
        assert_kept(&server, acknowledged);
    }
}
