//! Reading what the server has: the list and its filters, results as they come, ranges and conditional requests.

mod support;

use std::future::Future;
use std::io::{BufRead, BufReader, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use consign::batch::BatchId;
use consign::custody::Custody;
use futures_util::future::join_all;
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::{Answer, DataDir, Form, Server, custody, process};

/// Makes a file of 3,000 bytes fail.
const SMALL_EXTRACT: (&str, &str) = ("LIMITS_EXTRACT_BYTES_MAX", "2000");

fn good() -> Form {
    Form::new().file("good.txt", "some words")
}

fn bad() -> Form {
    Form::new().file("large.txt", [b'a'; 3000])
}

/// A directory that has been made what it is without a server.
fn made<T, F: Future<Output = T>>(make: impl FnOnce(Custody) -> F) -> (DataDir, T) {
    let data = DataDir::new();
    let custody = custody::open(&data.path()).expect("an empty directory opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let result = runtime.block_on(make(custody));
    (data, result)
}

/// The ids on all pages of the list, and how many pages there were.
fn walked(server: &Server, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut next) = (Vec::new(), 0, Some(query.to_owned()));
    while let Some(query) = next {
        let page = server.list(&query);
        ids.extend(page.batches.into_iter().map(|batch| batch.id));
        pages += 1;
        next = page.links.next.map(|link| server.path_of(&link).trim_start_matches("/batches").to_owned());
    }
    (ids, pages)
}

#[test]
fn the_list_is_filtered_by_state_outcome_and_time() {
    let server = Server::start(&[SMALL_EXTRACT, ("WORKER_PROCESSES", "1")]);
    let forms = [good(), bad(), good().file("large.txt", [b'a'; 3000]), good()];
    let ids: Vec<String> = forms.into_iter().map(|form| server.process(form).id).collect();
    let created = server.batch(&ids[1]).created_at;
    let created_elsewhere = created.replace('Z', "%2B00:00");
    let cases: [(&str, &[usize]); 11] = [
        ("", &[3, 2, 1, 0]),
        ("?outcome=succeeded", &[3, 0]),
        ("?outcome=partial", &[2]),
        ("?outcome=failed", &[1]),
        ("?outcome=cancelled", &[]),
        ("?state=completed&outcome=failed", &[1]),
        ("?state=processing&outcome=failed", &[]),
        ("?created_after=2026-01-01T00:00:00Z", &[3, 2, 1, 0]),
        ("?created_after=9000-01-01T00:00:00Z", &[]),
        (&format!("?created_after={created}"), &[3, 2]),
        (&format!("?outcome=succeeded&created_after={created_elsewhere}"), &[3]),
    ];
    for (query, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|index| ids[*index].clone()).collect();
        for limit in ["", "limit=1", "limit=2"] {
            let joined = format!("?{}&{limit}", query.trim_start_matches('?'));
            assert_eq!(walked(&server, joined.trim_end_matches('&')).0, expected, "{query} {limit}");
        }
    }
    for query in ["outcome=nonsense", "outcome=", "created_after=yesterday", "created_after=2026-01-01T00:00:00+00:00"]
    {
        server.get(&format!("/batches?{query}")).assert_problem(400, "invalid_parameter");
    }
}

#[test]
fn a_batch_is_found_by_the_name_of_one_of_its_files() {
    let server = Server::start(&[]);
    let form = |name: &str| Form::new().file("notes.txt", "some words").file(name, "some words");
    let ids: Vec<String> =
        ["Report 2026.txt", "a&b=100%.txt", "\u{dc}berblick.txt"].map(|name| server.process(form(name)).id).into();
    let cases: [(&str, &[usize]); 6] = [
        ("name=notes", &[2, 1, 0]),
        ("name=report%202026", &[0]),
        ("name=A%26b%3D100%25", &[1]),
        ("name=%C3%BCberblick&outcome=succeeded", &[2]),
        ("name=report&outcome=failed", &[]),
        ("name=", &[2, 1, 0]),
    ];
    for (query, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|index| ids[*index].clone()).collect();
        assert_eq!(walked(&server, &format!("?{query}&limit=1")).0, expected, "{query}");
    }
}

#[test]
fn a_list_in_which_few_match_comes_in_bounded_steps() {
    let (data, oldest) = made(async |custody| {
        let oldest = custody::store(&custody, 1, 10).await;
        custody::end(&custody, &[oldest.file(0)]).await;
        for _ in 0..105 {
            let ids = join_all((0..100).map(|_| custody::store(&custody, 1, 10))).await;
            let files: Vec<_> = ids.iter().map(|id| [id.file(0)]).collect();
            join_all(files.iter().map(|files| custody::end(&custody, files))).await;
        }
        oldest
    });
    let server = data.serve(&[]);

    assert_eq!(walked(&server, "?outcome=failed"), (vec![], 2));
    let before = server.list("?limit=1&outcome=succeeded");
    assert_eq!(before.batches.len(), 1, "{before:?}");
    let (ids, pages) = walked(&server, "");
    assert_eq!((ids.len(), pages), (10_501, 106));
    assert_eq!(ids.last(), Some(&oldest.to_string()));
    assert!(ids.is_sorted_by(|newer, older| newer > older));
}

/// The lines of a batch's results.
fn results(server: &Server, id: &str) -> Vec<Value> {
    let answer = server.ok(&format!("/batches/{id}/results"));
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = answer.text();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// What the lines must be: each file that has ended as the batch's status and the file's text say.
fn expected_results(server: &Server, id: &str) -> Vec<Value> {
    let status = server.ok(&format!("/batches/{id}")).json();
    let files = status["files"].as_array().expect("the files are a list").iter().cloned();
    let is_terminal = |file: &Value| ["succeeded", "failed", "rejected"].iter().any(|state| file["state"] == *state);
    let with_text = |mut file: Value| {
        if let Some(url) = file["result"]["text_url"].as_str() {
            file["text"] = server.ok(&server.path_of(url)).text().into();
        }
        file
    };
    files.filter(is_terminal).map(with_text).collect()
}

#[test]
fn results_are_what_status_and_texts_say() {
    let server = Server::start(&[SMALL_EXTRACT]);
    let odd = "# Größe\n\n\"quoted\" and \\ and \t and \u{1f600} and \u{7f}\n";
    let form = good().file("odd.md", odd).file("empty.txt", "").file("a.exe", "MZ").file("large.txt", [b'a'; 3000]);
    let batch = server.process(form.file("last.txt", "last words"));

    let lines = results(&server, &batch.id);

    assert_eq!(lines, expected_results(&server, &batch.id));
    assert_eq!(lines.len(), 6);
    assert!(lines[1]["text"].as_str().is_some_and(|text| text.contains("\"quoted\"")), "{lines:?}");
    assert_eq!((&lines[2]["text"], lines[3].get("text"), lines[4].get("text")), (&"".into(), None, None));
    let path = server.path_of(&batch.links.results);
    assert_eq!(path, format!("/batches/{}/results", batch.id));
    let head = server.request("HEAD", &path, &[]);
    assert_eq!((head.status, head.header("content-type"), head.body.len()), (200, "application/x-ndjson", 0));
    server.get("/batches/01a20d85-d8c2-7640-9224-c6095bbf0000/results").assert_problem(404, "not_found");
    server.request("PUT", &path, &[]).assert_problem(405, "method_not_allowed");
    assert_eq!(server.delete(&format!("/batches/{}", batch.id)).status, 204);
    server.get(&path).assert_problem(404, "not_found");
}

#[cfg(feature = "test-hooks")]
#[test]
fn results_of_a_batch_that_runs_are_those_that_have_come() {
    let server = Server::start(&[]);
    let form =
        Form::new().file("hung.txt", "consign-test-hook: hang\n").file("b.exe", "MZ").file("c.txt", "some words");
    let id = server.upload(form).id;
    support::wait_until("a text", || server.batch(&id).file("c.txt").state == "succeeded");

    let lines = results(&server, &id);

    assert_eq!(lines, expected_results(&server, &id));
    assert_eq!(lines.iter().map(|line| line["name"].as_str()).collect::<Vec<_>>(), [Some("b.exe"), Some("c.txt")]);
    assert_eq!(lines[1]["text"], "some words");
}

#[test]
fn a_text_that_is_damaged_costs_its_own_line_its_text() {
    let mut server = Server::start(&[]);
    let form = Form::new().file("a.txt", "words of a").file("b.txt", "words of b").file("c.txt", "words of c");
    let batch = server.process(form);
    let data = server.data.clone();
    server.terminate();
    let damaged = std::fs::read_dir(data.path().join("results")).expect("the results can be listed").filter(|entry| {
        let path = entry.as_ref().expect("an entry can be read").path();
        let mut bytes = std::fs::read(&path).expect("a segment can be read");
        let found = bytes.windows(10).position(|window| window == b"words of b");
        found.map(|at| bytes[at] = b'W').map(|()| support::server::write_file(&path, &bytes)).is_some()
    });
    assert_eq!(damaged.count(), 1);
    let server = data.serve(&[]);

    let lines = results(&server, &batch.id);

    let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str()).collect();
    assert_eq!(texts, [Some("words of a"), None, Some("words of c")]);
    let problem = server.get(&format!("{}/text", batch.files[1].path())).assert_problem(500, "storage_failed");
    assert_eq!(lines[1]["text_error"]["code"], problem["code"]);
    assert_eq!(lines[1]["text_error"]["message"], problem["detail"]);
    assert_eq!((&lines[1]["text"], lines[1]["state"].as_str()), (&Value::Null, Some("succeeded")));
}

/// A completed batch of this many files, a multiple of 500, with these texts.
async fn large_batch(custody: &Custody, files: usize, text: impl Fn(usize) -> String) -> BatchId {
    let id = custody::store(custody, files, 10).await;
    for group in (0..files).step_by(500) {
        let files: Vec<_> = (group..group + 500).map(|index| id.file(index)).collect();
        custody::end_with(custody, &files, |file| text(file.index())).await;
    }
    id
}

/// What reading many results may add to the server's resident memory.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

#[test]
fn results_of_any_number_are_read_in_bounded_memory() {
    const FILES: usize = 10_000;
    let text = |index: usize| format!("{index} is \"quoted\" and not \u{e4}SCII. ").repeat(200);
    let (data, id) = made(async |custody| large_batch(&custody, FILES, text).await);
    let server = data.serve(&[]);
    let warm_up = server.process(good());
    assert_eq!(results(&server, &warm_up.id).len(), 1);
    let before = process::memory_bytes(server.pid(), "VmHWM");

    let path = format!("/batches/{id}/results");
    // One client takes a line and then nothing until another has taken all.
    let mut slow = BufReader::new(server.get_reader(&path));
    let mut first = String::new();
    slow.read_line(&mut first).expect("a line comes");
    let mut index = 0;
    for line in BufReader::new(server.get_reader(&path)).lines() {
        let line: Value = serde_json::from_str(&line.expect("the lines come whole")).expect("a line is JSON");
        assert_eq!((line["index"].as_u64(), line["state"].as_str()), (Some(index), Some("succeeded")));
        assert!(line["text"] == text(usize::try_from(index).expect("small")));
        index += 1;
    }
    assert_eq!((index, 1 + slow.lines().count()), (10_000, FILES));

    let grown = process::memory_bytes(server.pid(), "VmHWM").saturating_sub(before);
    assert!(grown <= GROWTH_BYTES_MAX, "the server's memory grew by {} KiB", grown >> 10);
}

#[test]
fn results_of_a_batch_that_is_removed_meanwhile_break_off() {
    const FILES: usize = 3_000;
    let text = |index: usize| format!("the text of {index} ").repeat(800);
    let (data, id) = made(async |custody| large_batch(&custody, FILES, text).await);
    let server = data.serve(&[]);

    let path = format!("/batches/{id}/results");
    let mut lines = BufReader::new(server.get_reader(&path)).lines();
    let first = lines.next().expect("a line comes").expect("it comes whole");
    assert_eq!(server.delete(&format!("/batches/{id}")).status, 204);

    let mut read = 0;
    let end = std::iter::once(Ok(first)).chain(lines).find_map(|line| {
        let line: Value = match line.and_then(|line| Ok(serde_json::from_str(&line)?)) {
            Ok(line) => line,
            Err(error) => return Some(error),
        };
        assert!(line["text"] == text(read), "what is sent is whole: {line}");
        read += 1;
        None
    });
    assert!(end.is_some() && (1..FILES).contains(&read), "{read} lines came, then {end:?}");
}

fn repr_digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(bytes)))
}

/// The answer's tag; its digest is that of these bytes.
fn tag_of(answer: &Answer, whole: &[u8]) -> String {
    assert_eq!(answer.header("repr-digest"), repr_digest(whole));
    assert_eq!(answer.header("accept-ranges"), "bytes");
    let tag = answer.header("etag");
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    tag.to_owned()
}

/// A server with a file of a thousand bytes, and the addresses of its bytes and its text.
fn thousand() -> (Server, [String; 2]) {
    let server = Server::start(&[]);
    let words = (0..125).map(|number| format!("word{number:03} ")).collect::<Vec<_>>().concat();
    let path = server.process(Form::new().file("a.txt", words.trim_end().to_owned() + ".")).files[0].path();
    (server, ["content", "text"].map(|what| format!("{path}/{what}")))
}

#[test]
fn a_range_is_answered_with_these_bytes_and_no_others() {
    let (server, paths) = thousand();
    let satisfiable = [
        ("bytes=0-0", 0..1),
        ("bytes=0-99", 0..100),
        ("bytes=500-599", 500..600),
        ("bytes=999-999", 999..1000),
        ("bytes=100-", 100..1000),
        ("bytes=-100", 900..1000),
        ("bytes=-1000", 0..1000),
        ("bytes=-5000", 0..1000),
        ("bytes=990-5000", 990..1000),
    ];
    let behind = ["bytes=1000-", "bytes=1000-1001", "bytes=5000-6000", "bytes=-0"];
    let ignored = [
        "bytes=9-5",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "bytes",
        "lines=1-2",
        "=0-1",
        "bytes=99999999999999999999-",
        "bytes=0-1,5-6",
    ];
    for path in &paths {
        let whole = server.ok(path);
        let tag = tag_of(&whole, &whole.body);
        assert_eq!(whole.body.len(), 1000);
        for (range, bytes) in satisfiable.clone() {
            let part = server.request("GET", path, &[("range", range)]);
            assert_eq!((part.status, &part.body[..]), (206, &whole.body[bytes.clone()]), "{range} of {path}");
            assert_eq!(part.header("content-range"), format!("bytes {}-{}/1000", bytes.start, bytes.end - 1));
            assert_eq!(part.header("content-length"), bytes.len().to_string());
            assert_eq!(part.header("content-type"), whole.header("content-type"));
            assert_eq!(part.find_header("content-disposition"), whole.find_header("content-disposition"));
            assert_eq!(tag_of(&part, &whole.body), tag, "{range} of {path}");
        }
        for range in behind {
            let answer = server.request("GET", path, &[("range", range)]);
            answer.assert_problem(416, "range_not_satisfiable");
            assert_eq!(answer.header("content-range"), "bytes */1000", "{range} of {path}");
        }
        for range in ignored {
            let answer = server.request("GET", path, &[("range", range)]);
            assert_eq!((answer.status, answer.find_header("content-range")), (200, None), "{range} of {path}");
            assert!(answer.body == whole.body, "{range} of {path}");
        }
        for headers in [&[][..], &[("range", "bytes=0-9")], &[("range", "bytes=5000-")]] {
            let head = server.request("HEAD", path, headers);
            assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, "1000"));
            assert_eq!(tag_of(&head, &whole.body), tag);
            assert_eq!(head.header("content-type"), whole.header("content-type"));
        }
    }
}

#[test]
fn of_nothing_the_whole_is_sent() {
    let server = Server::start(&[]);
    let path = server.process(Form::new().file("empty.txt", "").file("b.txt", "words")).files[0].path();
    for path in ["content", "text"].map(|what| format!("{path}/{what}")) {
        for headers in [&[][..], &[("range", "bytes=0-")], &[("range", "bytes=-5")]] {
            let answer = server.request("GET", &path, headers);
            assert_eq!((answer.status, answer.header("content-length")), (200, "0"), "{headers:?} of {path}");
            tag_of(&answer, b"");
        }
    }
}

#[test]
fn conditions_decide_what_is_sent() {
    let (server, paths) = thousand();
    for path in &paths {
        let whole = server.ok(path);
        let tag = tag_of(&whole, &whole.body);
        let (weak, list) = (format!("W/{tag}"), format!("\"other\", {tag}"));
        let range = ("range", "bytes=0-9");
        let cases: [(&[(&str, &str)], u16); 23] = [
            (&[("if-none-match", &tag)], 304),
            (&[("if-none-match", &weak)], 304),
            (&[("if-none-match", &list)], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", &tag), range], 304),
            (&[("if-none-match", "\"other\"")], 200),
            (&[("if-none-match", "garbage")], 200),
            (&[("if-match", &tag)], 200),
            (&[("if-match", &list)], 200),
            (&[("if-match", "*")], 200),
            (&[("if-match", &tag), range], 206),
            (&[("if-match", &weak)], 412),
            (&[("if-match", "\"other\"")], 412),
            (&[("if-match", "garbage")], 412),
            (&[("if-match", "\"other\""), ("if-none-match", &tag)], 412),
            (&[("if-match", &tag), ("if-none-match", &tag)], 304),
            (&[("if-match", "\"other\""), ("range", "bytes=5000-")], 412),
            (&[("if-range", &tag), range], 206),
            (&[("if-range", &weak), range], 200),
            (&[("if-range", "\"other\""), range], 200),
            (&[("if-range", "Sat, 29 Oct 2033 19:43:31 GMT"), range], 200),
            (&[("if-range", "garbage"), range], 200),
            (&[("if-range", "\"other\""), ("range", "bytes=5000-")], 200),
        ];
        for (headers, status) in cases {
            let answer = server.request("GET", path, headers);
            assert_eq!(answer.status, status, "{headers:?} of {path}: {}", answer.lossy());
            match status {
                412 => assert_eq!(answer.assert_problem(412, "precondition_failed")["status"], 412),
                304 => assert_eq!((answer.header("etag"), answer.body.len()), (tag.as_str(), 0)),
                206 => assert!(answer.body == whole.body[..10], "{headers:?}"),
                _ => assert!(answer.body == whole.body, "{headers:?}"),
            }
            let head = server.request("HEAD", path, headers);
            let status = if status == 206 { 200 } else { status };
            assert_eq!((head.status, head.body.len()), (status, 0), "HEAD with {headers:?} of {path}");
        }
    }
}

#[test]
fn a_large_text_comes_whole_and_in_parts() {
    let line = |number: u32| format!("{number} \"gr\u{fc}n\"\t\u{1f600}\u{1}\n");
    let text = (0..400_000).map(line).collect::<Vec<_>>().concat();
    let (data, id) = made(async |custody| {
        let id = custody::store(&custody, 2, 3 << 20).await;
        custody::end_with(&custody, &[id.file(0)], |_| text.clone()).await;
        custody::end(&custody, &[id.file(1)]).await;
        id
    });
    let server = data.serve(&[]);

    let path = format!("/batches/{id}/files/{}", id.file(0));
    for (path, part_bytes) in [(format!("{path}/text"), 1_000_003), (format!("{path}/content"), 700_001)] {
        let whole = server.ok(&path);
        let tag = tag_of(&whole, &whole.body);
        let mut resumed = Vec::new();
        while resumed.len() < whole.body.len() {
            let range = format!("bytes={}-{}", resumed.len(), resumed.len() + part_bytes - 1);
            let mut part = server.request("GET", &path, &[("range", &range), ("if-range", &tag)]);
            assert_eq!((part.status, part.header("repr-digest")), (206, whole.header("repr-digest")));
            resumed.append(&mut part.body);
        }
        assert!(resumed == whole.body, "{path}");
    }
    assert!(server.ok(&format!("{path}/text")).body == text.as_bytes());
    let lines = results(&server, &id.to_string());
    assert!(lines[0]["text"] == text && lines[1]["text"].is_string() && lines.len() == 2);
}

#[test]
fn a_download_that_broke_off_is_resumed() {
    let server = Server::start(&[]);
    let bytes = "words and words\n".repeat(100_000);
    let path = server.process(Form::new().file("a.txt", &bytes)).files[0].path() + "/content";
    let mut half = vec![0; 777_777];
    server.get_reader(&path).read_exact(&mut half).expect("the beginning comes");

    let rest = server.request("GET", &path, &[("range", &format!("bytes={}-", half.len()))]);

    half.extend(&rest.body);
    assert!(half == bytes.as_bytes());
    assert_eq!(rest.header("repr-digest"), repr_digest(&half));
}
