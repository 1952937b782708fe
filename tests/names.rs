//! Names that clients give: kept as they are for display, harmless where files leave again, or refused with a code.

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use support::corpus::Corpus;
use support::form::percent_decoded;
use support::{Answer, FileStatus, Form, Server};

/// The longest name that is taken by default, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What a name alone may get a file refused for.
const NAME_CODES: &[&str] = &["name_empty", "name_too_long", "unsupported_type", "type_mismatch"];

/// Characters that turn the text after them around or hide in it (Unicode's bidirectional controls).
const BIDI_CONTROLS: &[char] = &[
    '\u{061c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];

/// Names without their extension that Windows keeps for devices.
const WINDOWS_DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com1", "lpt1", "lpt9"];

#[test]
fn strange_names_are_kept_for_display_and_leave_sanitized() {
    let names = [
        "../../etc/passwd.txt",
        "..\\..\\windows\\win.txt",
        "/etc/passwd.txt",
        "C:\\Windows\\x.txt",
        "bell\u{7}.txt",
        "escape\u{1b}[31m.txt",
        "line\r\nX-Evil: 1.txt",
        "nul\0.txt",
        "photo\u{202e}gpj.txt",
        "a\u{2066}b\u{2069}.txt",
        "con.txt",
        "AUX.md",
        "LPT9.csv",
        "quote\".txt",
        "日本語.txt",
        "📄.txt",
        " spaces .txt",
    ];
    let server = Server::start(&[]);

    let batch = server.process(Form::new().files(names.iter().map(|name| (name, "some words"))));

    batch.assert_succeeded();
    for (file, name) in batch.files.iter().zip(names) {
        assert_eq!(file.name, name);
        assert_leaves_harmless(&server.content(file), name);
    }
    assert!(names.iter().all(|name| !server.data.path().join(name.trim_start_matches('/')).exists()));
}

#[test]
fn a_name_of_255_bytes_is_taken_and_a_longer_one_refused_alone() {
    let longest = format!("{}.txt", "n".repeat(NAME_BYTES_MAX - 4));
    let too_long = format!("{}.txt", "é".repeat(148));
    assert_eq!((longest.len(), too_long.len()), (255, 300));
    let server = Server::start(&[]);

    let batch = server.process(Form::new().file(&longest, "some words").file(&too_long, "some words"));

    assert_eq!((batch.files[0].state.as_str(), &batch.files[0].name), ("succeeded", &longest), "{batch:?}");
    batch.files[1].assert_ended("rejected", "name_too_long");
    assert_leaves_harmless(&server.content(&batch.files[0]), &longest);
}

#[test]
fn every_hostile_name_of_the_collection_gets_a_definite_outcome_in_one_batch() {
    let Some(names) = names("hostile names in one batch") else { return };
    let names: Vec<_> = names.iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert!(names.len() > 100, "the collection has names");
    let server = Server::start(&[]);

    let files = names.iter().enumerate().map(|(index, name)| (name, format!("words of {index}")));
    let batch = server.process(Form::new().files(files));

    assert_eq!(batch.files.len(), names.len());
    for ((index, name), file) in names.iter().enumerate().zip(&batch.files) {
        assert_kept_or_refused(&server, file, name, &format!("words of {index}"));
    }
}

/// Asserts that the file is there under its name with its text, or that it was refused for its name.
fn assert_kept_or_refused(server: &Server, file: &FileStatus, name: &str, words: &str) {
    if name.len() > NAME_BYTES_MAX {
        return file.assert_ended("rejected", "name_too_long");
    }
    assert_eq!(file.name, name);
    match file.state.as_str() {
        "succeeded" => {
            assert!(server.text(file).contains(words), "{file:?}");
            let content = server.content(file);
            assert_eq!(content.body, words.as_bytes());
            assert_leaves_harmless(&content, name);
        }
        "rejected" => assert!(file.code().is_some_and(|code| NAME_CODES.contains(&code)), "{file:?}"),
        state => panic!("{state} is no end for {file:?}"),
    }
}

#[test]
fn names_that_are_not_text_get_a_clear_answer() {
    let Some(names) = names("names that are not UTF-8") else { return };
    let server = Server::start(&[]);
    for encoded in names.iter().filter_map(|entry| entry["bytes_b64"].as_str()) {
        let name = BASE64_STANDARD.decode(encoded).expect("the collection's bytes are base64");
        let mut header = b"Content-Disposition: form-data; name=\"files\"; filename=\"".to_vec();
        header.extend_from_slice(&name);
        header.push(b'"');

        assert_taken_or_malformed(&server, Form::new().part(&[header], "some words"));
    }
}

#[test]
fn control_characters_in_the_raw_header_get_a_clear_answer() {
    let server = Server::start(&[]);
    for control in ["\0", "\u{7}", "\u{1b}[31m", "\u{7f}", "\t"] {
        let header = format!("Content-Disposition: form-data; name=\"files\"; filename=\"x{control}.txt\"");
        assert_taken_or_malformed(&server, Form::new().part(&[header], "some words"));
    }
}

/// Asserts that the one file was taken or refused by a code, or the request refused as malformed.
fn assert_taken_or_malformed(server: &Server, form: Form) {
    let answer = server.post(form);
    match answer.status {
        202 => assert!(server.completed(&answer.accepted().id).files[0].is_terminal()),
        422 => drop(answer.assert_problem(422, "all_files_rejected")),
        _ => drop(answer.assert_problem(400, "malformed_multipart")),
    }
}

fn names(test: &str) -> Option<Vec<Value>> {
    let corpus = Corpus::or_skip(test)?;
    Some(serde_json::from_slice(&corpus.read("names.json")).expect("the collection's names are a list"))
}

/// Asserts that the name under which the bytes leave can do no harm to who saves them under it.
fn assert_leaves_harmless(content: &Answer, given: &str) {
    let disposition = content.header("content-disposition");
    assert!(disposition.starts_with("attachment"), "{disposition:?} for {given:?}");
    let offered: Vec<String> = offered_names(disposition);
    assert!(!offered.is_empty(), "{disposition:?} offers a name for {given:?}");
    for name in offered {
        let stem = name.split('.').next().unwrap_or_default().trim().to_lowercase();
        assert!(!name.chars().any(|char| char.is_control() || BIDI_CONTROLS.contains(&char)), "{name:?} for {given:?}");
        assert!(!name.contains(['/', '\\', ':', '"']), "{name:?} for {given:?}");
        assert!(!name.is_empty() && name != "." && name != ".." && name.len() <= 255, "{name:?} for {given:?}");
        assert!(!WINDOWS_DEVICES.contains(&stem.as_str()), "{name:?} for {given:?}");
    }
}

/// The values of `filename` and `filename*`, decoded.
fn offered_names(disposition: &str) -> Vec<String> {
    let after = |key: &str| disposition.split_once(key).map(|(_, value)| value);
    let quoted = after("filename=\"").and_then(|value| value.split_once('"')).map(|(name, _)| name.to_owned());
    let extended = after("filename*=UTF-8''").map(|value| percent_decoded(value.split(';').next().unwrap_or_default()));
    let extended = extended.map(|name| String::from_utf8(name).expect("an offered name is UTF-8"));
    quoted.into_iter().chain(extended).collect()
}
