//! The page at `/` as it is handed out: what it is made of, and which of its two forms a batch's address gives to whom.
//! How it does in a browser is told in `tests/browser.rs`.

mod support;

use std::collections::BTreeSet;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use support::{Answer, DataDir, Form, Server};

/// What a browser sends when somebody follows a link.
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

const GZIPPED_BYTES_MAX: usize = 100 << 10;

/// The paths below `/page/` that a text names in double quotes.
fn named(text: &str) -> BTreeSet<String> {
    let paths = text.split('"').filter(|word| word.starts_with("/page/"));
    paths.filter_map(|path| path.split('#').next()).map(str::to_owned).collect()
}

#[test]
fn the_page_is_small_whole_and_asks_nobody_else() {
    let server = Server::start(&[]);
    let page = server.ok("/");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), "no-cache");
    let text = page.text();
    for inline in ["style=", "<style", "onclick", "<script>", "javascript:"] {
        assert!(!text.contains(inline), "{inline} is nothing that the policy lets in");
    }

    let begun = named(&text);
    let mut gzipped = gzipped_length(&page);
    let (mut due, mut seen) = (begun.clone(), BTreeSet::new());
    while let Some(path) = due.pop_first() {
        let part = server.ok(&path);
        gzipped += gzipped_length(&part);
        let text = part.text();
        for door in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "@import"]
        {
            assert!(!text.contains(door), "{path} uses {door}");
        }
        // The name of a vocabulary, which nobody asks for, is the only address.
        let addresses = text.replace("http://www.w3.org/2000/svg", "").replace("https?://", "");
        assert!(!addresses.contains("://"), "{path} names an address");
        seen.insert(path);
        due.extend(named(&text).difference(&seen).cloned());
    }
    assert_eq!(begun, seen, "what the page names (left) is all that is loaded (right), so that nothing loads in steps");
    assert!(gzipped < GZIPPED_BYTES_MAX, "{gzipped} bytes");
    eprintln!("{} parts, {gzipped} bytes when gzipped one by one", seen.len() + 1);
}

fn gzipped_length(answer: &Answer) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&answer.body).expect("memory can be written");
    encoder.finish().expect("memory can be written").len()
}

#[test]
fn an_address_of_a_batch_is_a_page_for_browsers_and_json_for_programs() {
    let server = Server::start(&[]);
    let batch = server.process(Form::new().file("a.txt", "some words"));
    let path = format!("/batches/{}", batch.id);
    let page = server.request("GET", &path, &[BROWSER]);
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert!(page.header("content-security-policy").contains("script-src 'self'"), "{page:?}");
    assert_eq!(page.body, server.ok("/").body);
    assert_eq!(server.request("HEAD", &path, &[BROWSER]).header("content-type"), page.header("content-type"));

    let programs: [&[(&str, &str)]; 3] = [&[], &[("accept", "*/*")], &[("accept", "application/json")]];
    for headers in programs {
        let status = server.request("GET", &path, headers);
        assert_eq!(status.header("content-type"), "application/json");
        assert_eq!(status.json()["id"], batch.id.as_str());
        assert_eq!(status.header("vary"), "Accept", "a cache keeps them apart");
    }
    assert_eq!(page.header("vary"), "Accept");
    let nowhere = server.get("/batches/x");
    nowhere.assert_problem(404, "not_found");
    assert_eq!(nowhere.header("vary"), "Accept");

    // Nothing else has two forms.
    for path in [format!("{path}/results"), "/batches".to_owned(), format!("{}/text", batch.files[0].path())] {
        let answer = server.request("GET", &path, &[BROWSER]);
        assert!(!answer.header("content-type").starts_with("text/html"), "{answer:?}");
        assert_eq!(answer.find_header("vary"), None, "{answer:?}");
    }
}

#[test]
fn the_page_needs_no_key_and_tells_nothing_without_one() {
    let data = DataDir::new();
    let key = data.new_key("ann", "");
    let server = data.serve(&[]);
    for path in ["/", "/page/page.js", "/page/page.css", "/page/icon.svg"] {
        server.ok(path);
    }
    let nowhere = "/batches/01a20d85-d8c2-7640-9224-c6095bbf0000";
    let page = server.request("GET", nowhere, &[BROWSER]);
    assert_eq!((page.status, &page.body), (200, &server.ok("/").body), "whether there is a batch or not");
    server.get(nowhere).assert_problem(401, "unauthorized");
    server.request("GET", nowhere, &[key.header()]).assert_problem(404, "not_found");
    server.request("DELETE", nowhere, &[BROWSER]).assert_problem(401, "unauthorized");
    server.request("GET", &format!("{nowhere}/results"), &[BROWSER]).assert_problem(401, "unauthorized");
}
