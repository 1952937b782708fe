//! The page at `/` as it is handed out: what it is made of, and which of its two forms a batch's address gives to whom.
//! How it does in a browser is told in `tests/browser.rs`.

mod support;

use std::collections::BTreeSet;

use support::client::{GZIP, gunzipped};
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
    let compressed = |path: &str| server.request("GET", path, &[GZIP]).body.len();
    let mut gzipped = compressed("/");
    let (mut due, mut seen) = (begun.clone(), BTreeSet::new());
    while let Some(path) = due.pop_first() {
        let part = server.ok(&path);
        gzipped += compressed(&path);
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

/// What an answer depends on, by its headers.
fn varies_by(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.iter().filter(|(name, _)| name == "vary").flat_map(|(_, value)| value.split(", "));
    all.collect()
}

#[test]
fn what_the_page_is_made_of_is_compressed_for_who_accepts_that() {
    let server = Server::start(&[]);
    for path in ["/", "/page/page.js", "/page/page.css", "/page/icon.svg", "/docs", "/openapi.json"] {
        let plain = server.ok(path);
        let gzipped = server.request("GET", path, &[GZIP]);
        assert_eq!((plain.find_header("content-encoding"), gzipped.header("content-encoding")), (None, "gzip"));
        assert_eq!(gunzipped(&gzipped), plain.body, "{path}");
        assert!(gzipped.body.len() < plain.body.len(), "{path}");
        assert_eq!((varies_by(&plain), varies_by(&gzipped)), (vec!["Accept-Encoding"], vec!["Accept-Encoding"]));
        // Who has one of them has not got the other.
        let [plain, gzipped] = [plain, gzipped].map(|answer| ("if-none-match", answer.header("etag").to_owned()));
        let status = |(name, tag): &(&str, String), more: &[(&str, &str)]| {
            server.request("GET", path, &[&[(*name, tag.as_str())], more].concat()).status
        };
        assert_eq!([status(&plain, &[]), status(&gzipped, &[GZIP])], [304, 304], "{path}");
        assert_eq!([status(&plain, &[GZIP]), status(&gzipped, &[])], [200, 200], "{path}");
    }
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
        assert_eq!(varies_by(&status), ["Accept"], "a cache keeps them apart");
    }
    assert!(varies_by(&page).contains(&"Accept"), "{page:?}");
    let gzipped = server.request("GET", &path, &[BROWSER, GZIP]);
    assert_eq!((gzipped.header("content-encoding"), gunzipped(&gzipped)), ("gzip", page.body));
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
