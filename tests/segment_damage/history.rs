//! A sound directory with a history, and all that a server tells of it.

use std::collections::BTreeMap;
use std::io::Read;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::support::client::agent;
use crate::support::server::Setting;
use crate::support::{DataDir, Form, Server};

/// Segments far smaller than usual, so that a short history fills many, and one child, since nothing is to be hurried.
pub const SETTINGS: [Setting<'_>; 5] = [
    ("SPOOL_SEGMENT_BYTES", "96 KiB"),
    ("SPOOL_SMALL_BATCH_BYTES_MAX", "64 KiB"),
    ("SPOOL_STOCK_SEGMENTS", "1"),
    ("LIMITS_EXTRACT_BYTES_MAX", "150 KiB"),
    ("WORKER_PROCESSES", "1"),
];

/// What came back, and whether all of it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub status: u16,
    pub body: Vec<u8>,
    pub is_whole: bool,
}

impl Served {
    /// The code of a problem, or nothing.
    pub fn code(&self) -> Option<String> {
        let problem: Value = serde_json::from_slice(&self.body).ok()?;
        Some(problem["code"].as_str()?.to_owned())
    }

    /// The same but for the request's id, which is never the same.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.status, self.is_whole) == (other.status, other.is_whole)
            && if self.status == 200 { self.body == other.body } else { self.code() == other.code() }
    }
}

/// What a server tells of one file.
#[derive(Debug, Clone)]
pub struct SeenFile {
    pub status: Value,
    pub content: Served,
    pub text: Served,
}

/// What a server tells of one batch.
#[derive(Debug, Clone)]
pub struct SeenBatch {
    /// Without metadata and files, which stand apart.
    pub status: Value,
    pub metadata: Value,
    pub files: BTreeMap<String, SeenFile>,
}

/// All that a server tells, by batch; an error in place of a batch whose status is none.
pub type Seen = BTreeMap<String, Result<SeenBatch, Served>>;

/// Makes the directory: two runs, so that segments lie before the checkpoint and behind it; batches that share segments
/// and one that has its own; files that succeed, fail and are refused.
pub fn make(data: &DataDir) {
    let mut chance = StdRng::seed_from_u64(0);
    for run in 0..2 {
        let mut server = data.serve(&SETTINGS);
        for number in 0..9 {
            let form = Form::new().field("metadata", &format!("{{\"run\": {run}, \"number\": {number}}}"));
            let form = (0..chance.random_range(1..5)).fold(form, |form, file| {
                let bytes = if chance.random_range(0..4) == 0 { 12_000 } else { 700 };
                form.file(&format!("{run}-{number}-{file}.txt"), words(&mut chance, bytes))
            });
            let form = if number % 4 == 0 { form.file("refused.exe", "MZ").file("empty.txt", "") } else { form };
            let form = if number % 4 == 1 { form.file("belied.pdf", program()) } else { form };
            server.process(form);
        }
        if run == 1 {
            let form = Form::new().file("large.txt", words(&mut chance, 100_000));
            server.process(form.file("larger.txt", words(&mut chance, 200_000)).file("last.txt", "the last words"));
        }
        assert!(server.terminate().success());
    }
}

/// A batch that keeps a child busy without end.
#[cfg(feature = "test-hooks")]
pub fn hung() -> Form {
    Form::new().file("hung.txt", "consign-test-hook: hang\n")
}

/// A batch of six files of this size.
#[cfg(feature = "test-hooks")]
pub fn numbered(name: &str, bytes: usize) -> Form {
    let mut chance = StdRng::seed_from_u64(bytes as u64);
    Form::new().files((0..6).map(|number| (format!("{name}-{number}.txt"), words(&mut chance, bytes))))
}

/// Words of this many bytes, in lines.
fn words(chance: &mut StdRng, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        let word: String =
            (0..chance.random_range(2..9)).map(|_| char::from(chance.random_range(b'a'..=b'z'))).collect();
        text.push_str(&word);
        text.push(if chance.random_range(0..10) == 0 { '\n' } else { ' ' });
    }
    text
}

/// Content that no name of a document may have.
pub fn program() -> Vec<u8> {
    [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9000]].concat()
}

/// The batches that a server lists.
pub fn listed(server: &Server) -> Vec<String> {
    let list = server.list("?limit=100");
    assert!(list.links.next.is_none(), "the history fits one page");
    list.batches.into_iter().map(|batch| batch.id).collect()
}

/// Asks a server for all that it tells of these batches.
pub fn see<'a>(server: &Server, batches: impl IntoIterator<Item = &'a String>) -> Seen {
    batches.into_iter().map(|id| (id.clone(), see_batch(server, id))).collect()
}

fn see_batch(server: &Server, id: &str) -> Result<SeenBatch, Served> {
    let told = fetch(server, &format!("/batches/{id}"));
    if told.status != 200 {
        return Err(told);
    }
    let mut status: Value = serde_json::from_slice(&told.body).expect("a status is JSON");
    let files = status["files"].take();
    let files = files.as_array().expect("a batch has files").iter().map(|file| {
        let of =
            |what: &str| fetch(server, &format!("/batches/{id}/files/{}/{what}", file["id"].as_str().expect("an id")));
        let seen = SeenFile { status: file.clone(), content: of("content"), text: of("text") };
        (file["id"].as_str().expect("an id").to_owned(), seen)
    });
    let files = files.collect();
    Ok(SeenBatch { metadata: status["metadata"].take(), status, files })
}

/// A request whose answer may break off, and has no status where not even that came.
fn fetch(server: &Server, path: &str) -> Served {
    let mut body = Vec::new();
    let Ok(answer) = agent().get(server.url(path)).call() else { return Served { status: 0, body, is_whole: false } };
    let status = answer.status().as_u16();
    let is_whole = answer.into_body().into_with_config().limit(u64::MAX).reader().read_to_end(&mut body).is_ok();
    Served { status, body, is_whole }
}
