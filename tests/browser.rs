//! The page as a person has it, in headless Chromium against the real server. What a visit does and expects stands in the
//! script of its name below `tests/browser`; here stands what the server is like.

#![cfg(feature = "test-hooks")]

mod support;

use std::path::{Path, PathBuf};

use support::browser::Browser;
use support::corpus::Corpus;
use support::server::{Setting, write_file};
use support::{DataDir, Form, Server, sha256};

/// Files whose reading never ends are let be.
const PATIENT: [Setting<'_>; 2] = [("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")];

/// A file that is too large for a server with this is not for one without.
const NARROW: Setting<'_> = ("LIMITS_EXTRACT_BYTES_MAX", "2000");

const FILES: usize = 50;

fn grant_nothing(wish: &str) {
    panic!("nothing is to be asked here, and not {wish}");
}

/// Goes through a script against one server.
fn visit(test: &str, script: &str, settings: &[Setting<'_>], prepare: impl FnOnce(&Server) -> Vec<(String, String)>) {
    let Some(browser) = Browser::or_skip(test) else { return };
    let server = Server::start(settings);
    let mut variables = prepare(&server);
    variables.push(("CONSIGN_URL".into(), server.url("")));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.visit(script, &variables, grant_nothing);
}

/// Real files: those of the collection where there is one, and our own. All in one folder, which is the answer.
fn real_files(dir: &Path) -> PathBuf {
    let folder = dir.join("files");
    std::fs::create_dir_all(folder.join("inner")).expect("a test's folder can be made");
    let mut files = Vec::new();
    for name in ["minutes.md", "prices.csv", "notice.html"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        files.push((name.to_owned(), std::fs::read(path).expect("it is checked in")));
    }
    if let Some(corpus) = Corpus::or_skip("fifty_files_are_chosen, with files of the collection") {
        files.extend(corpus.good(&["docx", "html", "md", "csv", "json", "txt"], 30, 100_000));
    }
    let more = FILES - files.len();
    files.extend(
        (0..more).map(|index| (format!("note-{index:02}.md"), format!("# Note {index}\n\nWords.\n").into_bytes())),
    );
    for (index, (name, bytes)) in files.iter().enumerate() {
        let below = if index % 10 == 9 { folder.join("inner") } else { folder.clone() };
        write_file(&below.join(format!("{index:02}-{name}")), bytes);
    }
    folder
}

/// How long it takes is told and not judged, since that depends on the machine: `make page-load`.
#[test]
fn the_page_loads_in_a_browser_that_has_never_seen_it() {
    visit("the_page_loads", "load.mjs", &[], |_| Vec::new());
}

#[test]
fn fifty_files_are_chosen_and_dropped_and_each_has_its_outcome() {
    visit("fifty_files_are_chosen", "uploads.mjs", &[], |server| {
        let folder = real_files(server.data.scratch());
        vec![("CONSIGN_FILES".into(), folder.display().to_string())]
    });
}

#[test]
fn a_server_that_is_killed_in_between_is_caught_up_with() {
    let Some(browser) = Browser::or_skip("a_server_that_is_killed") else { return };
    let server = Server::start(&[]);
    let (url, addr) = (server.url(""), server.addr);
    let mut server = Some(server);
    browser.visit("restart.mjs", &[("CONSIGN_URL", &url)], |wish| match wish {
        "kill and start" => {
            let data = server.take().expect("it runs").kill();
            server = Some(data.listening_on(addr).serve(&[]));
        }
        other => grant_nothing(other),
    });
}

#[test]
fn what_failed_is_tried_again_by_its_button_and_all_of_it_by_another() {
    let Some(browser) = Browser::or_skip("what_failed_is_tried_again") else { return };
    let server = Server::start(&[NARROW]);
    let (url, addr) = (server.url(""), server.addr);
    let form = ["a.txt", "b.txt", "c.txt"].iter().fold(Form::new().file("good.txt", "some words"), |form, name| {
        form.file(name, format!("{name} has many words. ").repeat(200))
    });
    let batch = server.process(form);
    let mut server = Some(server);
    browser.visit("retry.mjs", &[("CONSIGN_URL", &url), ("CONSIGN_BATCH", &batch.id)], |wish| {
        assert_eq!(wish, "start without the limit");
        let data = server.take().expect("it runs").kill();
        server = Some(data.listening_on(addr).serve(&[]));
    });
}

#[test]
fn a_batch_is_cancelled_and_deleted() {
    visit("a_batch_is_cancelled", "cancel.mjs", &PATIENT, |server| {
        let hanging = (0..4).fold(Form::new().file("good.txt", "some words"), |form, index| {
            form.file(&format!("hook-{index}.txt"), "consign-test-hook: hang\n")
        });
        vec![("CONSIGN_BATCH".into(), server.upload(hanging).id)]
    });
}

#[test]
fn a_text_is_read_copied_and_taken_away() {
    visit("a_text_is_read", "text.mjs", &[], |server| {
        let data = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
            std::fs::read(path).expect("it is checked in")
        };
        let long =
            (0..60_000).map(|line| format!("Line {line} of a long text.")).collect::<Vec<_>>().join("\n\n") + "\n";
        let form = Form::new()
            .field("metadata", r#"{"title": "Harbour committee, April", "case": "2026-17"}"#)
            .file("notice.html", data("notice.html"))
            .file("minutes.md", data("minutes.md"))
            .file("prices.csv", data("prices.csv"))
            .file("letter.docx", "PK\x03\x04 and no more")
            .file("setup.exe", "MZ")
            .file("long.md", long.as_bytes())
            .file("empty.txt", "")
            .file("../../etc/minutes.md", data("minutes.md"));
        let batch = server.process(form);
        vec![("CONSIGN_BATCH".into(), batch.id), ("CONSIGN_LONG_SHA256".into(), sha256(long.as_bytes()))]
    });
}

#[test]
fn a_name_or_a_text_with_markup_can_do_nothing() {
    visit("a_name_with_markup", "hostile.mjs", &[], |_| Vec::new());
}

#[test]
fn everything_can_be_done_with_the_keyboard_alone() {
    visit("everything_with_the_keyboard", "keyboard.mjs", &[NARROW], |server| {
        let form = (0..30).fold(Form::new(), |form, index| form.file(&format!("{index:02}.txt"), "some words"));
        let batch = server.process(form.file("large.txt", "many words ".repeat(400)));
        vec![("CONSIGN_BATCH".into(), batch.id)]
    });
}

#[test]
fn no_view_has_a_barrier_that_axe_knows_in_light_or_dark_narrow_or_wide() {
    visit("no_view_has_a_barrier", "axe.mjs", &PATIENT, |server| {
        let form = Form::new().file("notes.md", "# Notes\n\nSome **words**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        let done = server.process(form.file("setup.exe", "MZ").file("broken.docx", "PK\x03\x04 and no more"));
        let open = server.upload(Form::new().file("hook.txt", "consign-test-hook: hang\n"));
        vec![("CONSIGN_BATCH".into(), done.id), ("CONSIGN_OPEN_BATCH".into(), open.id)]
    });
}

#[test]
fn a_server_with_keys_asks_for_one() {
    let Some(browser) = Browser::or_skip("a_server_with_keys") else { return };
    let data = DataDir::new();
    let key = data.new_key("ann", "");
    let server = data.serve(&[]);
    let variables = [("CONSIGN_URL", server.url("")), ("CONSIGN_KEY", key.secret)];
    browser.visit("keys.mjs", &variables.each_ref().map(|(name, value)| (*name, value.as_str())), grant_nothing);
}

#[test]
fn ten_thousand_files_are_shown_a_screenful_at_a_time() {
    visit("ten_thousand_files", "many.mjs", &[], |server| {
        let form = (0..10_000).fold(Form::new(), |form, index| {
            form.file(&format!("folder/file number {index:05}.txt"), format!("Words of file {index}."))
        });
        vec![("CONSIGN_BATCH".into(), server.upload(form).id)]
    });
}
