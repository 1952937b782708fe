//! API keys: who has none is turned away, and nobody learns anything of another's batches.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use support::server::write_file;
use support::wire::{self, Wire};
use support::{Batch, DataDir, Form, Key, Server, wait_until};

/// Every route that names a batch, with `{batch}` and `{file}` to be filled in.
const ROUTES: [(&str, &str); 13] = [
    ("GET", "/batches/{batch}"),
    ("HEAD", "/batches/{batch}"),
    ("GET", "/batches/{batch}?wait=20&files=failed"),
    ("GET", "/batches/{batch}?wait=many"),
    ("GET", "/batches/{batch}/results"),
    ("HEAD", "/batches/{batch}/results"),
    ("GET", "/batches/{batch}/files/{file}"),
    ("GET", "/batches/{batch}/files/{file}/text"),
    ("HEAD", "/batches/{batch}/files/{file}/text"),
    ("GET", "/batches/{batch}/files/{file}/content"),
    ("POST", "/batches/{batch}/cancel"),
    ("POST", "/batches/{batch}/cancel?wait=20"),
    ("DELETE", "/batches/{batch}"),
];

fn upload(server: &Server, key: &Key, name: &str) -> Batch {
    server.post_with(Form::new().file(name, "some words"), &[key.header()]).accepted()
}

fn completed(server: &Server, key: &Key, batch: &Batch) -> Batch {
    let answer = server.request("GET", &format!("/batches/{}?wait=60", batch.id), &[key.header()]);
    let batch = Batch::of(&answer.json());
    assert_eq!(batch.state, "completed", "{batch:?}");
    batch
}

fn path(route: &str, batch: &str) -> String {
    let file = format!("{}0001", &batch[..batch.len() - 4]);
    route.replace("{batch}", batch).replace("{file}", &file)
}

#[test]
fn a_list_shows_and_counts_only_the_callers_batches() {
    let dir = DataDir::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let mut bobs = Vec::new();
    for round in 0..3 {
        for at in 0..5 {
            upload(&server, &ann, &format!("{round}-{at}.txt"));
        }
        bobs.push(upload(&server, &bob, "b.txt").id);
    }
    bobs.reverse();

    let page = |key: &Key, path: &str| server.request("GET", path, &[key.header()]).json();
    let ids = |page: &Value| -> Vec<String> {
        page["batches"].as_array().unwrap().iter().map(|batch| batch["id"].as_str().unwrap().to_owned()).collect()
    };
    let whole = page(&bob, "/batches");
    assert_eq!((ids(&whole), &whole["links"]["next"]), (bobs.clone(), &Value::Null));

    let mut next = Some("/batches?limit=1".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next.take() {
        let page = page(&bob, &path);
        found.extend(ids(&page));
        next = page["links"]["next"].as_str().map(str::to_owned);
        if let Some(next) = &next {
            let last = found.last().expect("no page before the last is empty");
            assert!(next.contains(&format!("cursor={last}")), "{next} names a batch of bob's");
        }
    }
    assert_eq!(found, bobs);

    let anns = ids(&page(&ann, "/batches"));
    assert_eq!(anns.len(), 15);
    let behind = page(&bob, &format!("/batches?cursor={}", anns[0]));
    assert_eq!(ids(&behind), bobs[1..], "anybody's id is a point in time and no more");
    assert_eq!(ids(&page(&eve, "/batches")), [""; 0]);
}

#[test]
fn who_shows_no_key_or_two_is_turned_away_from_everything() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let batch = completed(&server, &ann, &upload(&server, &ann, "a.txt"));
    let stranger = DataDir::new().new_key("ann", "");

    let shown: [&[(&str, &str)]; 7] = [
        &[],
        &[stranger.header()],
        &[("x-api-key", &stranger.secret)],
        &[("authorization", &ann.secret)],
        &[("authorization", "Basic YW5uOmFubg==")],
        &[ann.header(), ("x-api-key", &bob.secret)],
        &[ann.header(), ("x-api-key", "")],
    ];
    let other = [("GET", "/batches"), ("GET", "/metrics"), ("GET", "/no/such/thing"), ("PATCH", "/healthz/")];
    for headers in shown {
        for (method, route) in ROUTES.into_iter().chain(other) {
            if method != "HEAD" {
                let refused = server.request(method, &path(route, &batch.id), headers);
                refused.assert_problem(401, "unauthorized");
                assert_eq!(refused.header("www-authenticate"), "Bearer");
            }
        }
        let head = server.request("HEAD", &path("/batches/{batch}", &batch.id), headers);
        assert_eq!((head.status, head.header("www-authenticate")), (401, "Bearer"));
        server.post_with(Form::new().file("b.txt", "words"), headers).assert_problem(401, "unauthorized");
    }
    for open in ["/healthz", "/readyz", "/limits"] {
        assert_eq!(server.request("GET", open, &[stranger.header()]).status, 200, "{open}");
    }
    for headers in
        [[("x-api-key", &*ann.secret), ann.header()], [("authorization", "Basic YTpi"), ("x-api-key", &ann.secret)]]
    {
        assert_eq!(server.request("GET", "/batches", &headers).status, 200, "{headers:?}");
        assert!(server.request("GET", "/metrics", &headers).text().contains("consign_"));
    }
    assert_eq!(server.request("GET", &path("/batches/{batch}", &batch.id), &[ann.header()]).status, 200);
}

#[test]
fn a_stranger_is_answered_before_the_body_is_sent() {
    let dir = DataDir::new();
    dir.new_key("ann", "");
    let server = dir.serve(&[]);
    let mut wire = Wire::open(server.addr);
    wire.send(&wire::upload_head(1 << 30));
    wire.answer().assert_problem(401, "unauthorized");
}

#[test]
fn pages_are_asked_for_no_key_in_their_preflights_and_may_read_that_they_lack_one() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "");
    let server = dir.serve(&[("CORS_ORIGINS", "https://chat.example.org")]);
    let origin = ("origin", "https://chat.example.org");
    let preflight = server.request("OPTIONS", "/batches", &[origin, ("access-control-request-method", "POST")]);
    assert_eq!(preflight.status, 200, "{preflight:?}");
    let refused = server.request("GET", "/batches", &[origin]);
    refused.assert_problem(401, "unauthorized");
    let listed = server.request("GET", "/batches", &[origin, ann.header()]);
    for answer in [refused, listed] {
        assert_eq!(answer.header("access-control-allow-origin"), "https://chat.example.org");
    }
}

#[test]
fn a_batch_stays_its_owners_after_a_kill_and_with_a_job_log_made_anew() {
    let dir = DataDir::new();
    let [ann, bob] = ["ann", "bob"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let batches = [upload(&server, &ann, "a.txt"), upload(&server, &bob, "b.txt"), upload(&server, &ann, "c.txt")];
    let dir = server.kill();

    let assert_owned = |server: &Server| {
        for (key, own) in [(&ann, vec![2, 0]), (&bob, vec![1])] {
            let own: Vec<&str> = own.into_iter().map(|at: usize| batches[at].id.as_str()).collect();
            let list = server.request("GET", "/batches", &[key.header()]).json();
            let listed: Vec<_> = list["batches"].as_array().unwrap().iter().map(|batch| batch["id"].clone()).collect();
            assert_eq!(listed, own);
            for batch in &batches {
                let expected = if own.contains(&batch.id.as_str()) { 200 } else { 404 };
                let answer = server.request("GET", &format!("/batches/{}", batch.id), &[key.header()]);
                assert_eq!(answer.status, expected, "{}", answer.lossy());
            }
        }
    };
    let mut server = dir.serve(&[]);
    assert_owned(&server);
    assert!(server.terminate().success());
    let rebuilt = dir.doctor(&["--rebuild"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_owned(&dir.serve(&[]));
}

#[test]
fn what_was_sent_before_there_were_keys_is_that_of_the_key_named_local() {
    let dir = DataDir::new();
    let mut server = dir.serve(&[]);
    let batch = server.process(Form::new().file("a.txt", "some words"));
    assert!(server.terminate().success());
    let [ann, local] = ["ann", "local"].map(|name| dir.new_key(name, ""));
    let server = dir.serve(&[]);
    let status = |key: &Key| server.request("GET", &format!("/batches/{}", batch.id), &[key.header()]).status;
    assert_eq!((status(&ann), status(&local)), (404, 200));
}

#[test]
fn a_key_is_kept_and_shown_nowhere() {
    let dir = DataDir::new();
    let ann = dir.new_key("ann", "");
    let bob = dir.new_key("bob", "");
    assert_ne!(ann.secret, bob.secret);
    let mut server = dir.serve(&[]);
    completed(&server, &ann, &upload(&server, &ann, "a.txt"));
    assert!(server.terminate().success());
    assert!(server.log().contains("by ann answered 202"), "the log says whose request it was");
    let random = ann.secret.strip_prefix("consign_").expect("a key says what it is for");
    assert!(!support::process::any_file_holds(dir.scratch(), random));

    let listed = dir.run(&["key", "list"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "ann\nbob\n");
    let shown = String::from_utf8(dir.run(&["config"]).stdout).unwrap();
    let line = shown.split("[keys.ann]\n").nth(1).expect("the key has its section");
    assert!(line.starts_with("sha256 = \"") && line.contains("…\"  # from consign.toml"), "{shown}");
    let digest = support::sha256(ann.secret.as_bytes());
    assert!(shown.contains(&digest[..8]) && !shown.contains(&digest), "{shown}");
    let wrong = dir.run(&["key", "new", "no name"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn without_keys_only_this_machine_is_served_unless_that_is_meant() {
    let dir = DataDir::new();
    let serve = |words: &[&str]| {
        let data = dir.path();
        let data = data.to_str().expect("a temporary path is text");
        dir.run(&[&["serve", "--data-dir", data, "--listen"], words].concat())
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let refused = serve(&[address]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("consign: listen = {address} (from --listen) is not loopback")), "{said}");
        assert!(said.contains("consign key new NAME") && said.contains("--insecure-no-keys"), "{said}");
    }
    assert!(!dir.path().exists(), "nothing was begun");
}

#[test]
fn others_are_served_where_there_are_keys_or_no_keys_are_meant() {
    let meant = DataDir::on_every_address().serve(&[("INSECURE_NO_KEYS", "true")]);
    assert_eq!(meant.get("/batches").status, 200);
    assert!(meant.log().contains("there are no keys: everybody who reaches"), "{}", meant.log());

    let dir = DataDir::on_every_address();
    let ann = dir.new_key("ann", "");
    let server = dir.serve(&[]);
    assert_eq!(server.request("GET", "/batches", &[ann.header()]).status, 200);
    assert_eq!(server.get("/batches").status, 401);
}

#[test]
fn keys_are_taken_over_by_sighup_but_never_all_taken_away() {
    let dir = DataDir::new();
    let settings = dir.scratch().join("consign.toml");
    let ann = dir.new_key("ann", "bytes_stored_max = 1");
    let server = dir.serve(&[]);
    let status = |key: &Key| server.request("GET", "/batches", &[key.header()]).status;
    let upload = || server.post_with(Form::new().file("a.txt", "words"), &[ann.header()]).status;
    assert_eq!((status(&ann), upload()), (200, 429));

    let with_ann = std::fs::read_to_string(&settings).expect("the settings can be read");
    write_file(&settings, with_ann.replace("bytes_stored_max = 1", "bytes_stored_max = 5").as_bytes());
    let bob = dir.new_key("bob", "");
    assert_eq!(status(&bob), 401);
    server.signal(Signal::HUP);
    wait_until("bob's key", || status(&bob) == 200);
    assert_eq!((upload(), upload()), (202, 429));

    for (file, said) in [
        ("", "whether there are keys at all changes with a restart alone"),
        ("[keys.ann]", "the server goes on with the keys that it has"),
        ("[keys", "the server goes on with the keys that it has: line 1"),
    ] {
        write_file(&settings, file.as_bytes());
        server.signal(Signal::HUP);
        wait_until(said, || server.log().contains(said));
        assert_eq!((status(&ann), status(&bob), server.get("/batches").status), (200, 200, 401));
    }

    write_file(&settings, b"");
    let [new_ann, eve] = ["ann", "eve"].map(|name| dir.new_key(name, ""));
    server.signal(Signal::HUP);
    wait_until("eve's key", || status(&eve) == 200);
    assert_eq!((status(&ann), status(&bob), status(&new_ann)), (401, 401, 200));
    let list = server.request("GET", "/batches", &[new_ann.header()]).json();
    assert_eq!(list["batches"].as_array().map(Vec::len), Some(1), "the name has its batches");
}
