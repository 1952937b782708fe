//! `Content-Digest` (RFC 9530): what came is compared with what its client says it sent, part by part and as a whole.

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256, Sha512};
use support::wire::{self, Wire};
use support::{Answer, Form, Server, form, process, wait_until};

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(bytes)))
}

fn sha512(bytes: impl AsRef<[u8]>) -> String {
    format!("sha-512=:{}:", BASE64_STANDARD.encode(Sha512::digest(bytes)))
}

/// A file with a digest.
fn file(form: Form, name: &str, bytes: &[u8], digest: &str) -> Form {
    let disposition = format!("Content-Disposition: form-data; name=\"files\"; filename=\"{name}\"");
    form.part(&[disposition, format!("Content-Digest: {digest}")], bytes)
}

/// Sends this body under these digests.
fn upload(server: &Server, body: &[u8], digests: &[&str]) -> Answer {
    let content_type = form::content_type();
    let headers = digests.iter().map(|digest| ("Content-Digest", *digest));
    let headers: Vec<_> = headers.chain([("Content-Type", &content_type[..])]).collect();
    wire::exchange(server.addr, "POST", "/batches", &headers, body)
}

/// Asserts that there is no batch, and that soon nothing on the disk holds these words: a large one's last blocks may be
/// on their way to it when the client hears of its end.
fn assert_nothing_stays(server: &Server, words: &str) {
    assert!(server.list("").batches.is_empty());
    wait_until("the words to be gone", || !process::any_file_holds(&server.data.path(), words));
}

#[test]
fn parts_that_are_what_their_digests_name_are_taken() {
    let server = Server::start(&[]);
    let words = b"some words";
    let digests = [
        sha256(words),
        sha512(words),
        format!("{}, {}", sha512(words), sha256(words)),
        format!("md5=:AAAA:, {}, unixsum=:AAAA:", sha256(words)),
        "crc32c=:AAAA:".to_owned(),
        sha256(b"other words") + ", " + &sha256(words),
    ];
    let form = digests.iter().fold(Form::new(), |form, digest| file(form, "a.txt", words, digest));
    let batch = server.process(file(form, "empty.txt", b"", &sha256(b"")));
    batch.assert_succeeded();
    assert_eq!(batch.files.len(), digests.len() + 1);
}

#[test]
fn a_part_that_is_another_is_refused_alone_and_its_bytes_are_cut_off_again() {
    let small = "words that were changed on their way\n".to_owned();
    let large = small.repeat(300_000);
    for changed in [small, large] {
        let server = Server::start(&[]);
        let changed = changed.as_bytes();
        let form = Form::new().file("before.txt", "before");
        let form = file(form, "a.txt", changed, &sha256(b"other words"));
        let form = file(form, "b.txt", changed, &sha512(b"other words"));
        let form = file(form, "c.txt", changed, &format!("{}, {}", sha256(changed), sha512(b"other words")));
        let form = file(form, "after.txt", b"after", &sha256(b"after"));
        let batch = server.process(form.file("last.txt", "last"));

        for file in &batch.files[1..4] {
            file.assert_ended("rejected", "digest_mismatch");
            assert!(file.error().retryable, "{file:?}");
            assert_eq!((file.size, &file.sha256), (None, &None));
        }
        for (index, words) in [(0, "before"), (4, "after"), (5, "last")] {
            assert_eq!(batch.files[index].state, "succeeded", "{:?}", batch.files[index]);
            assert_eq!(server.content(&batch.files[index]).text(), words);
        }
        assert!(!process::any_file_holds(&server.data.path(), "changed on their way"));
    }
}

#[test]
fn when_every_part_is_another_there_is_no_batch() {
    let server = Server::start(&[]);
    let form = file(Form::new(), "a.txt", b"changed words", &sha256(b"some words"));
    let problem = server.post(form).assert_problem(422, "all_files_rejected");
    let error = &problem["files"][0]["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&"digest_mismatch".into(), &true.into()), "{problem}");
    assert_nothing_stays(&server, "changed words");
}

#[test]
fn metadata_that_is_another_fails_the_request() {
    let server = Server::start(&[]);
    let form = |digest: String| {
        let disposition = "Content-Disposition: form-data; name=\"metadata\"".to_owned();
        let form = Form::new().file("a.txt", "some words");
        form.part(&[disposition, format!("Content-Digest: {digest}")], "{}")
    };
    server.post(form(sha256("{ }"))).assert_problem(400, "digest_mismatch");
    assert_nothing_stays(&server, "some words");
    server.post(form(sha256("{}"))).accepted();
}

#[test]
fn a_body_is_compared_as_it_came_with_all_that_stands_around_its_parts() {
    let server = Server::start(&[]);
    let bare = Form::new().file("a.txt", "some words").finish();
    let framed = [b"a preamble\r\n", &bare[..], b"and an epilogue\r\n"].concat();
    let large = Form::new().file("large.txt", "many words of a large file\n".repeat(400_000)).finish();
    for body in [&bare, &framed, &large] {
        upload(&server, body, &[&sha256(body)]).accepted();
        upload(&server, body, &[&sha512(body)]).accepted();
        upload(&server, body, &[&sha512(body), &sha256(body)]).accepted();
    }
    upload(&server, &framed, &["md5=:AAAA:"]).accepted();
    upload(&server, &framed, &[&sha256(&bare)]).assert_problem(400, "digest_mismatch");
    let mut client = Wire::open(server.addr);
    let headers = [("Content-Type", &form::content_type()[..]), ("Content-Digest", &sha256(&framed))];
    client.send(&wire::head("POST", "/batches", &headers, framed.len() as u64));
    for byte in &framed {
        client.send(&[*byte]);
    }
    client.answer().accepted();
}

#[test]
fn another_body_is_refused_leaves_nothing_and_leaves_its_key_free() {
    let small = "words that were changed on their way\n".to_owned();
    let large = small.repeat(300_000);
    for changed in [small, large] {
        let server = Server::start(&[]);
        let body = Form::new().file("a.txt", &changed).finish();
        for digests in [&[&sha256("other")[..]][..], &[&sha512("other")], &[&sha256(&body), &sha512("other")]] {
            upload(&server, &body, digests).assert_problem(400, "digest_mismatch");
            assert_nothing_stays(&server, "changed on their way");
        }
        let headers = [("content-digest", &sha256("other")[..]), ("idempotency-key", "a")];
        server.post_with(Form::new().file("a.txt", &changed), &headers).assert_problem(400, "digest_mismatch");
        let taken = server.post_with(Form::new().file("a.txt", "other"), &headers[1..]);
        assert_eq!((taken.status, taken.find_header("idempotency-replayed")), (202, None));
    }
}

#[test]
fn a_digest_that_is_none_is_refused_of_a_request_before_its_body_is_read() {
    let server = Server::start(&[]);
    for digest in ["sha-256=abc", "sha-256=:AAAA:", "sha-256", "md5=1", ",", "sha-512=:AAAA", "\u{e9}"] {
        let mut client = Wire::open(server.addr);
        let headers = [("Content-Type", &form::content_type()[..]), ("Content-Digest", digest)];
        client.send(&wire::head("POST", "/batches", &headers, 1 << 40));
        client.answer().assert_problem(400, "bad_content_digest");

        server
            .post(file(Form::new().file("b.txt", "some words"), "a.txt", b"some words", digest))
            .assert_problem(400, "bad_content_digest");
    }
    assert_nothing_stays(&server, "some words");
}

#[test]
fn what_stands_behind_the_last_boundary_has_an_end() {
    let server = Server::start(&[]);
    let body = [Form::new().file("a.txt", "some words").finish(), vec![b' '; 8 << 20]].concat();
    upload(&server, &body, &[&sha256(&body)]).assert_problem(400, "malformed_multipart");
    assert_nothing_stays(&server, "some words");
}
