//! Addresses: tricks with paths, batches of others, ids, cursors and parameters that are none.

use super::case::{Case, Problem, Scene, Status, case};

const NOT_FOUND: super::case::Expected = Problem(404, "not_found");
const INVALID: super::case::Expected = Problem(400, "invalid_parameter");

pub fn cases(scene: &Scene) -> Vec<Case> {
    [paths(scene), batches_of_others(scene), ids(scene), forms(scene), queries(scene)].into_iter().flatten().collect()
}

fn paths(scene: &Scene) -> Vec<Case> {
    let found_nowhere: [&[u8]; 22] = [
        b"/..",
        b"/../../etc/passwd",
        b"/batches/../../etc/passwd",
        b"/batches/..%2f..%2fetc%2fpasswd",
        b"/batches/%2e%2e/%2e%2e/etc/passwd",
        b"/batches/..\\..\\consign.toml",
        b"/docs/../batches",
        b"/docs/%2e%2e/batches",
        b"/docs//docs.js",
        b"/docs/docs.js/",
        b"//batches",
        b"/batches/",
        b"/BATCHES",
        b"/batches;x=1",
        b"/batches/%00",
        b"/batches/%",
        b"/batches/%zz",
        b"/batches/%ff%fe",
        b"/batches/%0d%0aX-Injected:%20yes",
        b"/.git/config",
        b"/consign.toml",
        b"/data/spool",
    ];
    let mut cases: Vec<_> = found_nowhere
        .map(|path| case(format!("GET {}", String::from_utf8_lossy(path)), scene.get(path), NOT_FOUND))
        .into();
    let long = |length: usize| format!("/batches/{}", "a".repeat(length));
    cases.push(case("a path of 8 KiB", scene.get(long(8 << 10)), NOT_FOUND));
    cases.push(case("a path of 100 KiB", scene.get(long(100 << 10)), Status(400)));
    cases.push(case("a path of 300 KiB", scene.get(long(300 << 10)), Status(431)));
    cases.push(case("10,000 segments", scene.get("/a".repeat(10_000)), NOT_FOUND));
    cases.push(case("bytes that are no UTF-8 in a path", scene.get(b"/batches/\xff\xfe"), Status(400)));
    cases.push(case("a NUL in a path", scene.get(b"/batches/\0"), Status(400)));
    cases.push(case("a space in a path", scene.get(b"/batches /x"), Status(400)));
    cases.push(case("a tab in a path", scene.get(b"/batches\t/x"), Status(400)));
    cases.push(case("no path", scene.get(b""), Status(400)));
    cases
}

/// All that can be done with a batch, with somebody else's.
fn batches_of_others(scene: &Scene) -> Vec<Case> {
    let (batch, file) = (&scene.other.id, &scene.other.files[0].id);
    let of_batch = [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/events")];
    let of_file = ["", "/text", "/content"].map(|end| ("GET", format!("/files/{file}{end}")));
    let of_batch = of_batch.into_iter().chain([("GET", "/results")]).map(|(method, end)| (method, end.to_owned()));
    let of_another = of_batch.chain(of_file).map(|(method, end)| (method, format!("/batches/{batch}{end}")));
    let beside_own =
        ["", "/text", "/content"].map(|end| ("GET", format!("/batches/{}/files/{file}{end}", scene.own.id)));
    let retried = ("POST", format!("/batches/{}/retry?file={file}", scene.own.id));
    let all = of_another.chain(beside_own).chain([retried]);
    all.map(|(method, path)| {
        case(format!("{method} {path}, which is another's"), scene.request(method, path, ""), NOT_FOUND)
    })
    .collect()
}

fn ids(scene: &Scene) -> Vec<Case> {
    let own = &scene.own.id;
    let ids = [
        "no-uuid".to_owned(),
        own.replace('-', ""),
        format!("%7B{own}%7D"),
        format!("urn:uuid:{own}"),
        format!("{own}0"),
        own[1..].to_owned(),
        scene.own.files[0].id.clone(),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
        "a".repeat(4096),
    ];
    let mut cases: Vec<_> =
        ids.map(|id| case(format!("a batch {id:.50}"), scene.get(format!("/batches/{id}")), NOT_FOUND)).into();
    for id in ["no-uuid", own.as_str(), "%00", "..", "1"] {
        cases.push(case(format!("a file {id}"), scene.get(format!("/batches/{own}/files/{id}")), NOT_FOUND));
    }
    cases
}

/// Targets that are no path (RFC 9112, section 3.2).
fn forms(scene: &Scene) -> Vec<Case> {
    vec![
        case("absolute-form", scene.get("http://consign.test/healthz"), Status(200)),
        case("absolute-form of nothing", scene.get("http://consign.test/etc/passwd"), NOT_FOUND),
        case("absolute-form with a user", scene.get("http://user:secret@consign.test/nowhere"), NOT_FOUND),
        case("absolute-form of a file", scene.get("file:///etc/passwd"), Status(400)),
        case("absolute-form of a private address", scene.get("http://169.254.169.254/latest"), NOT_FOUND),
        case("authority-form without CONNECT", scene.get("consign.test:80"), NOT_FOUND),
        case("CONNECT", scene.request("CONNECT", "consign.test:80", ""), NOT_FOUND),
        case("asterisk-form", scene.request("OPTIONS", "*", ""), NOT_FOUND),
        case("asterisk-form of GET", scene.get("*"), NOT_FOUND),
    ]
}

fn queries(scene: &Scene) -> Vec<Case> {
    let own = format!("/batches/{}", scene.own.id);
    let of_list = [
        "cursor=",
        "cursor=nonsense",
        "cursor=%00",
        "cursor=%ff%fe",
        "cursor=../..",
        "limit=0",
        "limit=-1",
        "limit=101",
        "limit=99999999999999999999",
        "limit=1e2",
        "limit=%31%00",
        "limit=1&limit=1",
        "state=",
        "state=COMPLETED",
        "outcome=nonsense",
        "created_after=yesterday",
        "created_after=2026-13-01T00:00:00Z",
        "state=processing'--",
    ];
    let of_batch = [
        "wait=-1",
        "wait=soon",
        "wait=1000001",
        "wait=18446744073709551616",
        "wait=1&wait=1",
        "wait=0x10",
        "after=65536",
        "after=-1",
        "limit=1001",
        "files=",
        "files=nonsense",
        "files=failed,,rejected",
        "files=failed%00",
    ];
    let of_events = [
        "last_event_id=-1",
        "last_event_id=18446744073709551615",
        "last_event_id=1e3",
        "last_event_id=1&last_event_id=1",
    ];
    let gets = of_list.into_iter().map(|query| format!("/batches?{query}"));
    let gets = gets.chain(of_batch.into_iter().map(|query| format!("{own}?{query}")));
    let gets = gets.chain(of_events.into_iter().map(|query| format!("/events?{query}")));
    let mut cases: Vec<_> = gets.map(|target| case(format!("GET {target}"), scene.get(&target), INVALID)).collect();
    for target in [format!("{own}/retry?file=nonsense"), format!("{own}/cancel?wait=x"), "/retention?dry_run=1".into()]
    {
        cases.push(case(format!("POST {target}"), scene.request("POST", &target, ""), INVALID));
    }
    let long = format!("/batches?cursor={}", "a".repeat(30_000));
    cases.push(case("a cursor of 30 KB", scene.get(long), INVALID));
    let many = format!("/batches?{}", "state=failed&".repeat(3_000));
    cases.push(case("3,000 parameters", scene.get(many), INVALID));
    cases.push(case("bytes that are no UTF-8 in a query", scene.get(b"/batches?cursor=\xff"), Status(400)));
    cases.push(case("a parameter without a name", scene.get("/batches?&&==&=1&%ff=%ff"), Status(200)));
    cases
}
