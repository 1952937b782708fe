//! What a start is held to: every promise kept, every outcome as it was, every byte in its place, and nothing else there.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::findings::Fault;
use super::ledger::{Ledger, Record, Standing};
use super::peer::Peer;
use super::plan::{Key, Plan};
use crate::support::{Batch, FileStatus, Server, sha256};

/// How long a start may take to bring all files to their ends.
const COMPLETED_WITHIN: Duration = Duration::from_mins(2);

/// Clients that look or remove at the same time.
const CLIENTS: usize = 8;

/// Files of a batch whose texts, and whose bytes, are read when it is looked at for the first time, and later.
const FIRST_SAMPLE: usize = 30;
const LATER_SAMPLE: usize = 2;

/// Files of an upload that is sent again when its batch is looked at for the first time.
const SENT_AGAIN_FILES_MAX: usize = 10;

/// Which batches are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that have not been checked yet.
    New,
    All,
}

/// Everything that is said of a running server without a load.
pub struct Audit<'a> {
    pub ledger: &'a Ledger,
    pub server: &'a Server,
    pub seed: u64,
}

impl Audit<'_> {
    /// Holds the server to its promises; says how long it took to bring all files to their ends.
    pub fn run(&self, scope: Scope) -> Duration {
        let begun = Instant::now();
        self.compare_lists();
        let is_due =
            |record: &Record| record.standing == Standing::Promised && (scope == Scope::All || !record.is_checked);
        let due = self.ledger.keys(is_due);
        let peer = Peer::steady(self.server);
        for (_, id) in &due {
            let left = COMPLETED_WITHIN.saturating_sub(begun.elapsed()).as_secs();
            peer.get(&format!("/batches/{id}?wait={left}&limit=1")).expect("the server lives");
        }
        let took = begun.elapsed();
        self.with_all(due, |peer, key, id| self.check(peer, key, id));
        took
    }

    /// Removes every batch.
    pub fn remove_all(&self) {
        let promised = self.ledger.keys(|record| record.standing == Standing::Promised);
        self.with_all(promised, |peer, key, id| {
            let status = peer.delete(&format!("/batches/{id}")).expect("the server lives").status;
            if status != 204 {
                self.ledger.findings.note(Fault::Wrong, format!("{key}: {status} to its removal"));
            }
            self.ledger.with(key, |record, _| record.standing = Standing::Gone);
        });
    }

    /// Has several clients do something with each batch.
    fn with_all(&self, batches: Vec<(Key, String)>, act: impl Fn(&Peer, Key, &str) + Sync) {
        let queue = Mutex::new(batches.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let peer = Peer::steady(self.server);
                    let next = || queue.lock().expect("nobody panics with the queue in hand").next();
                    while let Some((key, id)) = next() {
                        act(&peer, key, &id);
                    }
                });
            }
        });
    }

    /// Compares what the server lists with what it was sent, and settles what was in doubt.
    fn compare_lists(&self) {
        let findings = &self.ledger.findings;
        let mut listed: Vec<Key> = Vec::new();
        for batch in self.list() {
            let (id, said) = (batch["id"].as_str().unwrap_or_default(), batch["metadata"]["key"].as_str());
            let Some(key) = said.and_then(Key::parse) else {
                findings.note(Fault::Orphan, format!("a batch that nobody sent: {batch}"));
                continue;
            };
            listed.push(key);
            let known = self.ledger.with(key, |record, tally| {
                match record.standing {
                    Standing::Nothing => findings.note(Fault::Torn, format!("{key}: kept, although it broke off")),
                    Standing::Gone => findings.note(Fault::Orphan, format!("{key}: came back")),
                    Standing::Unanswered => {
                        record.is_unanswered = true;
                        tally.kept_unanswered += 1;
                    }
                    Standing::Promised | Standing::Leaving => {}
                }
                if record.id.get_or_insert_with(|| id.to_owned()) != id {
                    findings.note(Fault::Duplicated, format!("{key}: there under another id, {id}"));
                }
                record.standing = Standing::Promised;
            });
            if known.is_none() {
                findings.note(Fault::Orphan, format!("a batch that nobody sent: {batch}"));
            }
        }
        listed.sort_unstable();
        for pair in listed.windows(2).filter(|pair| pair[0] == pair[1]) {
            findings.note(Fault::Duplicated, format!("{}: there twice", pair[0]));
        }
        self.settle_those_not_listed(&listed);
    }

    fn settle_those_not_listed(&self, listed: &[Key]) {
        self.ledger.with_each(|key, record, tally| {
            if listed.binary_search(&key).is_ok() {
                return;
            }
            record.standing = match record.standing {
                Standing::Nothing | Standing::Unanswered => Standing::Nothing,
                Standing::Gone => Standing::Gone,
                Standing::Leaving => {
                    tally.removed += 1;
                    Standing::Gone
                }
                Standing::Promised => {
                    self.ledger.findings.note_many(Fault::Lost, record.files, format!("{key}: the batch is gone"));
                    Standing::Gone
                }
            };
        });
    }

    /// All batches, page by page.
    fn list(&self) -> Vec<Value> {
        let peer = Peer::steady(self.server);
        let mut batches = Vec::new();
        let mut next = Some("/batches".to_owned());
        while let Some(path) = next {
            let mut page = peer.get(&path).expect("the server lives").json();
            next = page["links"]["next"].as_str().map(str::to_owned);
            batches.append(page["batches"].as_array_mut().expect("a list of batches"));
        }
        batches
    }

    fn check(&self, peer: &Peer, key: Key, id: &str) {
        let plan = Plan::of(self.seed, key);
        let reply = peer.get(&format!("/batches/{id}")).expect("the server lives");
        if reply.status != 200 {
            let what = format!("{key}: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
            return self.ledger.findings.note_many(Fault::Lost, plan.files.len(), what);
        }
        let batch = self.ledger.look(&plan, &reply.json());
        if batch.state != "completed" || batch.files.len() != plan.files.len() {
            let pending = usize::try_from(batch.summary.pending).expect("a batch is small");
            return self.ledger.findings.note_many(Fault::Lost, pending, format!("{key}: not completed in time"));
        }
        let was_checked = self.ledger.with(key, |record, _| std::mem::replace(&mut record.is_checked, true));
        self.check_bytes(peer, &plan, &batch, was_checked == Some(true));
        if was_checked != Some(true) {
            self.send_again(peer, &plan, id);
            self.ledger.complete(key);
        }
    }

    /// Sends a small upload again under its idempotency key, and is to be told of the batch that is there.
    fn send_again(&self, peer: &Peer, plan: &Plan, id: &str) {
        if plan.files.len() > SENT_AGAIN_FILES_MAX {
            return;
        }
        let reply = peer.upload(&plan.key.to_string(), &plan.form().finish()).expect("the server lives");
        if reply.status != 202 || reply.json()["id"] != id {
            let what = format!("{}: sent again, {} {}", plan.key, reply.status, String::from_utf8_lossy(&reply.body));
            self.ledger.findings.note(Fault::Duplicated, what);
        }
    }

    /// Compares sizes and digests, and a sample of texts and contents, with what was sent.
    fn check_bytes(&self, peer: &Peer, plan: &Plan, batch: &Batch, was_checked: bool) {
        let sample = if was_checked { LATER_SAMPLE } else { FIRST_SAMPLE };
        // Another part of it each time, and all of it in a small batch.
        let step = plan.files.len().div_ceil(sample);
        let first = if was_checked { (plan.files.len() - 1) % step } else { 0 };
        for (index, (file, planned)) in batch.files.iter().zip(&plan.files).enumerate() {
            let is_sampled = index >= first && (index - first) % step == 0;
            if was_checked && !is_sampled {
                // Its digest was compared, and what was said of it has not changed since.
                continue;
            }
            let bytes = planned.bytes();
            let digest = file.sha256.as_ref().map(|digest| *digest == sha256(&bytes));
            if digest.is_some_and(|is_same| !is_same) || file.size.is_some_and(|size| size != bytes.len() as u64) {
                self.torn(plan, file, "other bytes than were sent");
            }
            if is_sampled && file.state == "succeeded" {
                self.check_get(peer, plan, file, &format!("{}/text", file.path()), &bytes);
            }
            // The blocks of a damaged file are given back. Whether it may be damaged, the ledger has said.
            if is_sampled && planned.has_content() && file.code() != Some("damaged") {
                self.check_get(peer, plan, file, &format!("{}/content", file.path()), &bytes);
            }
        }
    }

    fn check_get(&self, peer: &Peer, plan: &Plan, file: &FileStatus, path: &str, expected: &[u8]) {
        let reply = peer.get(path).expect("the server lives");
        if reply.status != 200 || reply.body != expected {
            let what = format!("{} {path}, {} bytes of {}", reply.status, reply.body.len(), expected.len());
            self.torn(plan, file, &what);
        }
    }

    fn torn(&self, plan: &Plan, file: &FileStatus, what: &str) {
        self.ledger.findings.note(Fault::Torn, format!("{} {}: {what}", plan.key, file.index));
    }
}
