//! Bytes in custody: large ones in bounded memory, many at once, damaged ones noticed.

mod support;

use std::io::{self, Cursor, Read};

use sha2::{Digest, Sha256};
use support::wire::Generated;
use support::{Form, Server, form, process, sha256};

/// What one large file may add to the server's resident memory.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

const LARGE_BYTES: u64 = 300 << 20;

/// The digest and the length of all that a reader gives.
fn digest_of(mut reader: impl Read) -> (String, u64) {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut length = 0;
    loop {
        let read = reader.read(&mut buffer).expect("the reader gives all that it has");
        if read == 0 {
            return (hex::encode(hasher.finalize()), length);
        }
        hasher.update(&buffer[..read]);
        length += read as u64;
    }
}

#[test]
fn a_large_file_comes_and_goes_in_bounded_memory() {
    let server = Server::start(&[("LIMITS_FILE_BYTES_MAX", "1 GiB")]);
    server.process(Form::new().file("warm-up.txt", "some words")).assert_succeeded();
    let before = process::memory_bytes(server.pid(), "VmHWM");

    let (opening, closing) = (form::opening("large.txt"), format!("\r\n{}", form::closing()));
    let length = opening.len() as u64 + LARGE_BYTES + closing.len() as u64;
    let mut body = Cursor::new(opening).chain(Generated::text(LARGE_BYTES)).chain(Cursor::new(closing));
    let id = server.post_stream(length, &mut body).accepted().id;
    let batch = server.completed(&id);
    let came_back = digest_of(server.get_reader(&format!("{}/content", batch.files[0].path())));

    let grown = process::memory_bytes(server.pid(), "VmHWM").saturating_sub(before);
    assert!(grown <= GROWTH_BYTES_MAX, "the server's memory grew by {} KiB", grown >> 10);
    assert_eq!(batch.files[0].sha256, Some(came_back.0.clone()));
    assert_eq!(came_back, digest_of(Generated::text(LARGE_BYTES)));
    batch.files[0].assert_ended("failed", "too_large_to_extract");
}

#[test]
fn a_file_too_large_to_be_read_is_kept_and_served() {
    let server = Server::start(&[("LIMITS_EXTRACT_BYTES_MAX", "64 KiB")]);
    let large = "words and words\n".repeat(8000);

    let batch = server.process(Form::new().file("large.txt", &large).file("small.txt", "some words"));

    let file = batch.file("large.txt");
    file.assert_ended("failed", "too_large_to_extract");
    assert!(server.content(file).body == large.as_bytes());
    assert_eq!(batch.file("small.txt").state, "succeeded");
}

#[test]
fn many_uploads_at_once_are_all_kept_apart() {
    let server = Server::start(&[]);
    let words = |client: usize, batch: usize, file: usize| format!("client {client} batch {batch} file {file}");
    std::thread::scope(|scope| {
        for client in 0..16 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..15 {
                    let files = (0..3).map(|file| (format!("{file}.txt"), words(client, number, file)));
                    let batch = server.process(Form::new().files(files));
                    batch.assert_succeeded();
                    for (index, file) in batch.files.iter().enumerate() {
                        let words = words(client, number, index);
                        assert_eq!(file.sha256, Some(sha256(words.as_bytes())));
                        assert_eq!(server.content(file).body, words.as_bytes());
                        assert_eq!(server.text(file).trim(), words);
                    }
                }
            });
        }
    });
}

#[test]
fn many_larger_uploads_at_once_stay_within_the_budget() {
    let settings = [("LIMITS_EXTRACT_BYTES_MAX", "1 KiB"), ("SPOOL_MEMORY_BYTES_MAX", "8 MiB")];
    let server = Server::start(&settings);
    server.process(Form::new().file("warm-up.txt", "some words")).assert_succeeded();
    let before = process::memory_bytes(server.pid(), "VmHWM");
    std::thread::scope(|scope| {
        for client in 0..8_u8 {
            let server = &server;
            scope.spawn(move || {
                let bytes = vec![b'a' + client; 20 << 20];
                let batch = server.upload(Form::new().file("a.txt", &bytes).file("b.txt", "small"));
                assert_eq!(batch.files[0].sha256, Some(sha256(&bytes)));
                assert!(server.content(&batch.files[0]).body == bytes);
                assert_eq!(server.content(&batch.files[1]).body, b"small");
            });
        }
    });
    let grown = process::memory_bytes(server.pid(), "VmHWM").saturating_sub(before);
    assert!(grown <= GROWTH_BYTES_MAX, "the server's memory grew by {} KiB", grown >> 10);
}

#[test]
fn what_was_kept_is_there_after_a_restart() -> io::Result<()> {
    let mut server = Server::start(&[]);
    let data = server.data.clone();
    let bytes = "kept for long\n".repeat(10_000);
    let batch = server.process(Form::new().field("metadata", "{\"a\": 1}").file("a.txt", &bytes));

    server.terminate();
    let server = data.serve(&[]);

    let after = server.batch(&batch.id);
    assert_eq!(server.ok(&format!("/batches/{}", batch.id)).json()["metadata"]["a"], 1);
    after.assert_succeeded();
    assert_eq!((&after.created_at, &after.finished_at), (&batch.created_at, &batch.finished_at));
    let mut content = Vec::new();
    server.get_reader(&format!("{}/content", after.files[0].path())).read_to_end(&mut content)?;
    assert!(content == bytes.as_bytes());
    Ok(())
}

/// Changes one byte of a text wherever it lies in the spool.
#[cfg(feature = "test-hooks")]
fn damage(data: &support::DataDir, text: &str) {
    let mut found = 0;
    for entry in std::fs::read_dir(data.path().join("spool")).expect("the spool is a directory") {
        let path = entry.expect("the spool can be listed").path();
        if process::any_file_holds(&path, text) {
            let mut bytes = std::fs::read(&path).expect("a segment can be read");
            let at = bytes.windows(text.len()).position(|window| window == text.as_bytes());
            bytes[at.expect("the text is in the segment")] ^= 1;
            std::fs::write(&path, &bytes).expect("a segment can be written");
            found += 1;
        }
    }
    assert_eq!(found, 1, "the text lies in one place");
}

#[cfg(feature = "test-hooks")]
#[test]
fn an_unreadable_entry_of_a_seal_ends_its_file_and_holds_up_nobody() {
    let one_child = ("WORKER_PROCESSES", "1");
    let server = Server::start(&[one_child]);
    let blocking = server.upload(Form::new().file("hung.txt", "consign-test-hook: hang\n")).id;
    support::wait_until("the only child to be busy", || server.batch(&blocking).file("hung.txt").state == "processing");
    let program = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 200]].concat();
    let form = Form::new().file("unreadable-entry.txt", "words").file("other.txt", "other words");
    let id = server.upload(form.file("program.pdf", program)).id;
    // Its outcome is flushed, and with it that the job log knows of the batch.
    support::wait_until("an outcome", || server.batch(&id).file("program.pdf").state == "rejected");

    let data = server.kill();
    damage(&data, "unreadable-entry.txt");
    let server = data.serve(&[one_child, ("WORKER_SILENCE_MS_MAX", "8000"), ("ATTEMPTS_MAX", "1")]);

    let later = server.process(Form::new().file("later.txt", "later words"));
    later.assert_succeeded();
    let batch = server.completed(&id);
    let codes: Vec<_> = batch.files.iter().map(support::FileStatus::code).collect();
    assert_eq!(codes, [Some("damaged"), None, Some("type_mismatch")], "{batch:?}");
    assert_eq!(server.text(batch.file("other.txt")).trim(), "other words");
}

#[cfg(feature = "test-hooks")]
#[test]
fn a_file_whose_bytes_have_changed_on_the_disk_is_damaged_and_its_neighbours_are_not() {
    let one_child = ("WORKER_PROCESSES", "1");
    let server = Server::start(&[one_child]);
    let hung = "consign-test-hook: hang\n";
    let blocking = server.upload(Form::new().file("hung.txt", hung)).id;
    support::wait_until("the only child to be busy", || server.batch(&blocking).file("hung.txt").state == "processing");
    let form = Form::new().file("victim.txt", "precious words").file("other.txt", "other words");
    let id = server.upload(form).id;

    let data = server.kill();
    damage(&data, "precious words");
    let server = data.serve(&[one_child, ("WORKER_SILENCE_MS_MAX", "8000"), ("ATTEMPTS_MAX", "2")]);

    let batch = server.completed(&id);
    let victim = batch.file("victim.txt");
    assert_eq!(victim.code(), Some("damaged"), "{batch:?}");
    server.get(&format!("{}/content", victim.path())).assert_problem(410, "content_gone");
    assert_eq!(server.text(batch.file("other.txt")).trim(), "other words");
}
