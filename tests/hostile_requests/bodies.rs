//! Uploads whose bodies are none: media types, boundaries, parts, names and metadata.

use super::case::{Case, Expected, Problem, Scene, Status, case, words};
use crate::support::Form;
use crate::support::form::{BOUNDARY, closing};

const MALFORMED: Expected = Problem(400, "malformed_multipart");
const BAD_FIELD: Expected = Problem(400, "bad_field");
const ALL_REJECTED: Expected = Problem(422, "all_files_rejected");

pub fn cases(scene: &Scene) -> Vec<Case> {
    [media_types(scene), bodies(scene), parts(scene), names(scene), fields(scene)].into_iter().flatten().collect()
}

fn media_types(scene: &Scene) -> Vec<Case> {
    let unsupported = Problem(415, "unsupported_media_type");
    let typed = |line: &str| scene.post(line, words().finish());
    let mut cases: Vec<_> = [
        "",
        "Content-Type:\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/json\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart\r\n",
        "Content-Type: /\r\n",
        "Content-Type: multipart/mixed; boundary=a\r\n",
        "Content-Type: multipart/form-data; boundary=\"\"\r\n",
        "Content-Type: multipart/form-data; boundary=\"\r\n",
        "Content-Type: \u{e9}\r\n",
    ]
    .map(|line| case(format!("{line:?}"), typed(line), unsupported))
    .into();
    let bad_boundaries = ["", "; boundary=", "; charset=utf-8"];
    for parameters in bad_boundaries {
        let line = format!("Content-Type: multipart/form-data{parameters}\r\n");
        cases.push(case(format!("{line:?}"), typed(&line), MALFORMED));
    }
    let long = format!("Content-Type: multipart/form-data; boundary={}\r\n", "b".repeat(60_000));
    cases.push(case("a boundary of 60 KB", typed(&long), MALFORMED));
    let other = "Content-Type: multipart/form-data; boundary=another\r\n";
    cases.push(case("another boundary than the body's", typed(other), MALFORMED));
    cases
}

fn bodies(scene: &Scene) -> Vec<Case> {
    let whole = words().finish();
    let upload = |body: &[u8]| scene.upload_with("", body);
    vec![
        case("an empty body", upload(b""), MALFORMED),
        case("bytes for a body", upload(&[0xff; 4096]), MALFORMED),
        case("zeros for a body", upload(&[0; 1 << 20]), MALFORMED),
        case("a body without its last boundary", upload(&words().unfinished()), MALFORMED),
        case("a body that ends in a boundary", upload(&whole[..whole.len() - 4]), MALFORMED),
        case("a body that ends in a part's head", upload(&whole[..60]), MALFORMED),
        case("a last boundary alone", upload(closing().as_bytes()), Problem(400, "no_files")),
        case(
            "a body with LF alone",
            upload(&String::from_utf8_lossy(&whole).replace("\r\n", "\n").into_bytes()),
            MALFORMED,
        ),
        case("a body that says it is compressed", scene.upload_with("Content-Encoding: gzip\r\n", &whole), Status(202)),
        case(
            "a preamble of 1 MiB",
            upload(&[vec![b'a'; 1 << 20], b"\r\n".to_vec(), whole.clone()].concat()),
            MALFORMED,
        ),
    ]
}

fn parts(scene: &Scene) -> Vec<Case> {
    let part = |headers: &[&[u8]]| scene.upload(Form::new().part(headers, "words"));
    let long = [b"Content-Disposition: form-data; name=\"".to_vec(), vec![b'a'; 200 << 10], b"\"".to_vec()].concat();
    let many: Vec<&[u8]> = vec![b"X-A: 1"; 1_000];
    let file: &[u8] = b"Content-Disposition: form-data; name=\"files\"; filename=\"a.txt\"";
    vec![
        case("a part without a head", part(&[]), MALFORMED),
        case("a part without a disposition", part(&[b"X-A: 1"]), MALFORMED),
        case(
            "a part that is an attachment",
            part(&[b"Content-Disposition: attachment; filename=\"a.txt\""]),
            MALFORMED,
        ),
        case("a part without a name", part(&[b"Content-Disposition: form-data"]), MALFORMED),
        case("a part's line without a colon", part(&[file, b"X-A"]), MALFORMED),
        case("a NUL in a part's head", part(&[file, b"X-A: \0"]), MALFORMED),
        case("a part's line of 200 KiB", part(&[&long]), MALFORMED),
        case("a part with 1,000 lines", part(&many), MALFORMED),
        case("a part of no media type", part(&[file, b"Content-Type: \xff/\xff"]), Status(202)),
        case(
            "a part with a bad digest",
            part(&[file, b"Content-Digest: sha-256=abc"]),
            Problem(400, "bad_content_digest"),
        ),
    ]
}

fn names(scene: &Scene) -> Vec<Case> {
    let named = |value: &[u8]| {
        let line = [b"Content-Disposition: form-data; name=\"files\"; ".as_slice(), value].concat();
        scene.upload(Form::new().part(&[line], "words"))
    };
    let long = format!("filename=\"{}.txt\"", "a".repeat(10_000));
    vec![
        case("an empty name", named(b"filename=\"\""), ALL_REJECTED),
        case("a name of 10 KB", named(long.as_bytes()), ALL_REJECTED),
        case("a name that is a path", named(b"filename=\"../../../etc/passwd.txt\""), Status(202)),
        case("a name that is a path of Windows", named(b"filename=\"C:\\\\Windows\\\\a.txt\""), Status(202)),
        case("a name with a NUL", named(b"filename*=UTF-8''a%00.txt"), Status(202)),
        case("a name of no UTF-8", named(b"filename=\"\xff\xfe.txt\""), MALFORMED),
        case("a name of escaped bytes that are no UTF-8", named(b"filename*=UTF-8''%ff%fe.txt"), Status(202)),
        case("a name in a charset that is none", named(b"filename*=NONE''a.txt"), Status(202)),
        case("a name without its end", named(b"filename=\"a.txt"), MALFORMED),
        case("a name of a type that is not read", named(b"filename=\"a.exe\""), ALL_REJECTED),
    ]
}

fn fields(scene: &Scene) -> Vec<Case> {
    let metadata = |value: &str| scene.upload(words().field("metadata", value));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let no_text: &[u8] = b"{\"a\": \"\xff\"}";
    let with_bytes = words().part(&["Content-Disposition: form-data; name=\"metadata\""], no_text);
    let many = (0..2_000).fold(words(), |form, index| form.field(&format!("field{index}"), ""));
    vec![
        case("metadata that is empty", metadata(""), BAD_FIELD),
        case("metadata that is no JSON", metadata("{"), BAD_FIELD),
        case("metadata that is a list", metadata("[1]"), BAD_FIELD),
        case("metadata that is a text", metadata("\"a\""), BAD_FIELD),
        case("metadata with something behind it", metadata("{} {}"), BAD_FIELD),
        case("metadata with a number that is none", metadata("{\"a\": NaN}"), BAD_FIELD),
        case("metadata with a NUL", metadata("{\"a\": \"\0\"}"), BAD_FIELD),
        case("metadata that is deep", metadata(&deep), BAD_FIELD),
        case("metadata of no UTF-8", scene.upload(with_bytes), BAD_FIELD),
        case("metadata twice", scene.upload(words().field("metadata", "{}").field("metadata", "{}")), BAD_FIELD),
        case(
            "metadata of 2 MiB",
            metadata(&format!("{{\"a\": \"{}\"}}", "a".repeat(2 << 20))),
            Problem(413, "field_too_large"),
        ),
        case("2,000 fields", scene.upload(many), Problem(413, "too_many_fields")),
        case("a field and no file", scene.upload(Form::new().field("a", "b")), Problem(400, "no_files")),
        case(
            "a file that holds a boundary",
            scene.upload(Form::new().file("a.txt", format!("a\r\n--{BOUNDARY}\r\nb"))),
            MALFORMED,
        ),
    ]
}
