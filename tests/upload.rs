//! What becomes of files that are handed over: taken, kept byte for byte, read, counted; or refused, harming nobody.

mod support;

use serde_json::json;
use support::corpus::{Corpus, base_name};
use support::{Batch, FileStatus, Form, Server, process, sha256};

/// Real files, each with words that its text must hold.
const REAL_FILES: &[(&str, &str)] = &[
    ("good/pdf/tika__testPDF.pdf", "Content Analysis Toolkit"),
    ("good/pdf/format-corpus__lorem-ipsum.pdf", "Lorem ipsum"),
    ("good/pdf/sample-files__pdflatex-outline.pdf", "Contents"),
    ("good/docx/docling__unit_test_headers.docx", "Test Document"),
    ("good/docx/unstructured__handbook-1p.docx", "standing trustees"),
    ("good/docx/docling__tablecell.docx", "Some text before"),
    ("good/odt/kreuzberg-lts__headers.odt", "Another header"),
    ("good/odt/sample-files__source.odt", "consetetur"),
    ("good/rtf/kreuzberg-lts__table_error_codes.rtf", "PandocUnknownReaderError"),
    ("good/rtf/tika__testRTFHyperlinkAndStyles.rtf", "Tortilla"),
    ("good/epub/format-corpus__lorem-ipsum.epub", "consectetur"),
    ("good/epub/epub3-samples__trees.epub", "angiosperms"),
    ("good/xlsx/kreuzberg-lts__stanley_cups.xlsx", "Maple Leafs"),
    ("good/xls/tika__testEXCEL_labels-govdocs-515858.xls", "Cabbage"),
    ("good/ods/kreuzberg-lts__stanley_cups.ods", "Maple Leafs"),
    ("good/pptx/unstructured__sample-presentation.pptx", "subtitle"),
    ("good/html/unstructured__fake-html.html", "My First Heading"),
    ("good/md/docling__duck.md", "Swimming in the lake"),
    ("good/csv/kreuzberg-lts__stanley_cups.csv", "Maple Leafs"),
    ("good/json/quickwit__manifest.json", "Quickwit UI"),
    ("good/xml/kreuzberg-lts__simple_note.xml", "Reminder"),
    ("good/txt/kreuzberg-lts__fake_text.txt", "Hamburgers are delicious"),
    ("good/txt/utf-8-sig___ude_4.txt", "プロジェクト"),
    ("good/txt/iso-8859-1___ude_4.txt", "Perché si regga"),
    ("good/code/rust-analyzer__build.rs", "set_commit_info"),
    ("good/code/qpdf__QPDFMatrix.cc", "QPDFMatrix"),
];

#[test]
fn real_files_of_many_formats_succeed_with_their_text_and_come_back_byte_for_byte() {
    let Some(corpus) = Corpus::or_skip("upload of real files") else { return };
    let files: Vec<_> = REAL_FILES.iter().map(|(path, _)| (base_name(path), corpus.read(path))).collect();
    let server = Server::start(&[]);

    let batch = server.process(Form::new().files(files.iter().map(|(name, bytes)| (name, bytes))));

    batch.assert_succeeded();
    assert_eq!(batch.summary.succeeded, REAL_FILES.len() as u64);
    for ((file, (name, bytes)), (_, words)) in batch.files.iter().zip(&files).zip(REAL_FILES) {
        assert_eq!(&file.name, name);
        assert_kept(&server, file, bytes);
        assert_read(&server, file, words);
    }
}

/// Asserts that the status vouches for these bytes and that they come back.
fn assert_kept(server: &Server, file: &FileStatus, bytes: &[u8]) {
    assert_eq!(file.size, Some(bytes.len() as u64), "{file:?}");
    assert_eq!(file.sha256, Some(sha256(bytes)), "{file:?}");
    let content = server.content(file);
    assert!(content.body == bytes, "the bytes of {} come back as they were", file.name);
    assert_eq!(content.header("x-content-type-options"), "nosniff");
    assert!(content.header("content-disposition").starts_with("attachment"), "{content:?}");
}

/// Asserts that the file's text holds these words and was counted.
fn assert_read(server: &Server, file: &FileStatus, words: &str) {
    let text = server.text(file);
    let result = file.result();
    assert!(text.contains(words), "{words:?} is in the text of {}: {text:.2000}", file.name);
    assert_eq!(result.chars, text.chars().count() as u64, "{file:?}");
    assert!(result.tokens > 0 && result.tokens <= text.len() as u64, "{file:?}");
    assert_eq!(result.tokenizer, "cl100k_base");
    assert!(result.text_url.ends_with(&format!("{}/text", file.path())), "{file:?}");
}

#[test]
fn an_accepted_batch_is_answered_with_its_place_its_status_and_a_request_id() {
    let server = Server::start(&[]);

    let answer = server.post(Form::new().file("a.txt", "some words"));

    let batch = answer.accepted();
    let place = server.path_of(answer.header("location"));
    assert_eq!(place, format!("/batches/{}", batch.id));
    assert_eq!(server.path_of(&batch.links.this), place);
    assert!(!answer.header("x-request-id").is_empty());
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    assert_eq!(server.batch(&batch.id).id, batch.id);
}

#[test]
fn tokens_are_counted_with_the_vocabulary_that_is_set() {
    let server = Server::start(&[("WORKER_TOKENIZER", "o200k_base")]);

    let batch = server.process(Form::new().file("a.txt", "hello world"));

    let result = batch.file("a.txt").result();
    assert_eq!((result.tokenizer.as_str(), result.tokens, result.chars), ("o200k_base", 2, 11));
}

#[test]
fn two_files_of_one_name_stay_two_files() {
    let server = Server::start(&[]);

    let batch = server.process(Form::new().file("same.txt", "the first").file("same.txt", "the second"));

    batch.assert_succeeded();
    assert_ne!(batch.files[0].id, batch.files[1].id);
    let texts: Vec<_> = batch.files.iter().map(|file| server.text(file).trim().to_owned()).collect();
    assert_eq!(texts, ["the first", "the second"]);
}

#[test]
fn a_file_is_a_file_whatever_its_field_is_called() {
    let server = Server::start(&[]);
    let part = |field: &str| format!("Content-Disposition: form-data; name=\"{field}\"; filename=\"{field}.txt\"");

    let fields = ["files", "file", "files[]", "anything"];
    let form = fields.iter().fold(Form::new(), |form, field| form.part(&[part(field)], "some words"));
    let batch = server.process(form);

    batch.assert_succeeded();
    assert_eq!(batch.summary.total, fields.len() as u64);
}

#[test]
fn an_empty_file_succeeds_and_says_that_it_has_no_text() {
    let server = Server::start(&[]);

    let batch = server.process(Form::new().file("empty.txt", ""));

    batch.assert_succeeded();
    let file = &batch.files[0];
    assert_eq!((file.size, file.sha256.clone()), (Some(0), Some(sha256(b""))));
    assert_eq!((file.result().chars, file.result().tokens), (0, 0));
    assert!(file.warns("no_text"), "{file:?}");
    assert_eq!(server.text(file), "");
    assert_eq!(server.content(file).body, b"");
}

#[test]
fn a_part_without_a_file_name_is_a_field_and_metadata_comes_back() {
    let server = Server::start(&[]);
    let metadata = json!({"project": "Überlieferung", "nested": {"numbers": [1, 2.5, null]}});

    let form = Form::new().field("metadata", &metadata.to_string()).file("a.txt", "words").field("other", "ignored");
    let batch = server.process(form);

    assert_eq!(batch.summary.total, 1);
    assert_eq!(batch.metadata, metadata);
}

/// Asserts that the refused file is listed with its code and that its neighbours on both sides succeeded.
fn assert_refused_alone(server: &Server, batch: &Batch, code: &str) {
    assert_eq!(batch.outcome.as_deref(), Some("partial"), "{batch:?}");
    assert_eq!((batch.summary.succeeded, batch.summary.rejected), (2, 1), "{batch:?}");
    batch.files[1].assert_ended("rejected", code);
    assert!(batch.files[1].result.is_none() && !batch.files[1].error().retryable, "{batch:?}");
    for index in [0, 2] {
        assert_eq!(server.text(&batch.files[index]).trim(), format!("neighbour {index}"));
    }
}

fn between_neighbours(name: &str, bytes: &[u8]) -> Form {
    Form::new().file("before.txt", "neighbour 0").file(name, bytes).file("after.txt", "neighbour 2")
}

#[test]
fn a_file_without_a_name_is_refused_alone() {
    let server = Server::start(&[]);
    let batch = server.process(between_neighbours("", b"some words"));
    assert_refused_alone(&server, &batch, "name_empty");
}

#[test]
fn a_file_over_the_limit_is_refused_alone_and_one_at_the_limit_is_taken() {
    let server = Server::start(&[("LIMITS_FILE_BYTES_MAX", "1000")]);

    let batch = server.process(between_neighbours("large.txt", &[b'a'; 1001]));
    assert_refused_alone(&server, &batch, "file_too_large");

    let batch = server.process(Form::new().file("fits.txt", [b'a'; 1000]));
    batch.assert_succeeded();
}

#[test]
fn a_large_file_over_the_limit_is_drained_and_cut_off_again() {
    let server = Server::start(&[("LIMITS_FILE_BYTES_MAX", "12 MiB")]);
    let kept = vec![b'k'; 9 << 20];
    let refused = vec![b'r'; 20 << 20];

    let form = Form::new().file("kept.bin.txt", &kept).file("refused.txt", &refused).file("after.txt", "after it");
    let batch = server.upload(form);

    assert_eq!(batch.summary.rejected, 1, "{batch:?}");
    batch.files[1].assert_ended("rejected", "file_too_large");
    assert!(server.content(&batch.files[0]).body == kept);
    assert_eq!(server.content(&batch.files[2]).body, b"after it");
    assert!(!process::any_file_holds(&server.data.path(), &"r".repeat(64)), "nothing of the refused file stays");
}

#[test]
fn files_of_types_that_no_extractor_reads_are_refused_alone() {
    let server = Server::start(&[]);
    let program = std::fs::read(env!("CARGO_BIN_EXE_consign")).expect("the binary can be read");
    let video = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".as_slice();
    for (name, bytes) in [("setup.exe", &b"MZ\x90\0\x03\0\0\0"[..]), ("film.mp4", video), ("tool.so", &program[..4096])]
    {
        let batch = server.process(between_neighbours(name, bytes));
        assert_refused_alone(&server, &batch, "unsupported_type");
    }
}

#[test]
fn a_program_that_calls_itself_a_document_is_refused_alone() {
    let server = Server::start(&[]);
    let program = std::fs::read(env!("CARGO_BIN_EXE_consign")).expect("the binary can be read");

    let batch = server.process(between_neighbours("report.pdf", &program[..64 << 10]));

    assert_refused_alone(&server, &batch, "type_mismatch");
}

#[test]
fn an_upload_of_which_every_file_is_refused_says_why_for_each_and_leaves_no_batch() {
    let server = Server::start(&[]);

    let answer = server.post(Form::new().file("a.exe", "MZ").file("", "some words"));

    let problem = answer.assert_problem(422, "all_files_rejected");
    let listed: Vec<_> = problem["files"].as_array().expect("the files are listed").iter().collect();
    let told: Vec<_> = listed.iter().map(|file| (&file["index"], &file["name"], &file["error"]["code"])).collect();
    let (exe, empty) =
        ((json!(0), json!("a.exe"), json!("unsupported_type")), (json!(1), json!(""), json!("name_empty")));
    assert_eq!(told, [(&exe.0, &exe.1, &exe.2), (&empty.0, &empty.1, &empty.2)]);
    assert!(server.list("").batches.is_empty());
}

#[test]
fn a_small_batch_does_not_wait_behind_a_large_one() {
    let server = Server::start(&[]);
    let many = (0..3000).map(|index| (format!("{index}.txt"), format!("words of {index}")));

    let large = server.upload(Form::new().files(many));
    let small = server.process(Form::new().file("a.txt", "words").file("b.txt", "words").file("c.txt", "words"));

    small.assert_succeeded();
    assert_eq!(server.batch(&large.id).state, "processing", "the small batch ended first");
    server.completed(&large.id);
}
