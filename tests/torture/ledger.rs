//! What the server has promised and what it has said since: every upload, how it stands, and each outcome that was seen.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use super::findings::{Fault, Findings};
use super::plan::{Key, Plan};
use crate::support::Batch;

/// How an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its body broke off, or a start has shown that it was not kept: it may never be there.
    Nothing,
    /// Its answer was not seen: it is there whole, or not at all.
    Unanswered,
    /// Its 202 was read to the end, or the server has shown it after a start: it is there for good.
    Promised,
    /// Its removal was asked for, and the answer not seen: it is there as it was, or gone for good.
    Leaving,
    /// It is gone, or was found lost.
    Gone,
}

/// An upload.
#[derive(Debug)]
pub struct Record {
    pub id: Option<String>,
    pub standing: Standing,
    pub files: usize,
    /// Whether everything about it was compared with what was sent, at its end.
    pub is_checked: bool,
    /// Whether it is there although its answer was not seen.
    pub is_unanswered: bool,
    /// A fingerprint of all that was said of each file, once it had ended.
    ends: Vec<Option<u64>>,
}

/// All uploads.
#[derive(Debug)]
pub struct Ledger {
    pub findings: Findings,
    /// Whether files of an upload whose answer was not seen may have lost their bytes, and have ended as damaged.
    may_lose_unanswered: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: BTreeMap<Key, Record>,
    /// Batches whose end was seen; those that have gone since are still among them.
    completed: Vec<Key>,
    tally: Tally,
}

/// What was done, for the table.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub acknowledged_batches: usize,
    pub acknowledged_files: usize,
    pub broken_off: usize,
    /// Sent whole, their answers not seen, and there after the next start.
    pub kept_unanswered: usize,
    /// Files of theirs that had lost their bytes, and were said to have.
    pub damaged_unanswered: usize,
    pub removed: usize,
}

impl Ledger {
    pub fn new(may_lose_unanswered: bool) -> Self {
        Self { may_lose_unanswered, findings: Findings::default(), inner: Mutex::default() }
    }

    /// Notes an upload before its first byte is sent.
    pub fn open(&self, plan: &Plan, standing: Standing) {
        let ends = vec![None; plan.files.len()];
        let files = plan.files.len();
        let record = Record { id: None, standing, files, is_checked: false, is_unanswered: false, ends };
        let mut inner = self.lock();
        inner.tally.broken_off += usize::from(standing == Standing::Nothing);
        inner.records.insert(plan.key, record);
    }

    /// Notes a 202 that was read to its end.
    pub fn acknowledge(&self, plan: &Plan, status: &Value) -> String {
        let id = Batch::of(status).id;
        let mut inner = self.lock();
        inner.tally.acknowledged_batches += 1;
        inner.tally.acknowledged_files += plan.files.len();
        let record = inner.records.get_mut(&plan.key).expect("an upload is opened before it is sent");
        record.id = Some(id.clone());
        record.standing = Standing::Promised;
        id
    }

    /// Compares a status with what was said before and with what must come of the upload.
    pub fn look(&self, plan: &Plan, status: &Value) -> Batch {
        let batch = Batch::of(status);
        if batch.files.len() != plan.files.len() || batch.summary.total != plan.files.len() as u64 {
            self.findings
                .note(Fault::Torn, format!("{}: {} files of {}", plan.key, batch.files.len(), plan.files.len()));
            return batch;
        }
        let mut inner = self.lock();
        let Inner { records, tally, .. } = &mut *inner;
        let record = records.get_mut(&plan.key).expect("an upload is opened before it is looked at");
        for (index, (file, planned)) in batch.files.iter().zip(&plan.files).enumerate() {
            let told = |what: &str| format!("{} {index}: {what}: {}", plan.key, status["files"][index]);
            let id = format!("{}{:04x}", &batch.id[..batch.id.len() - 4], index + 1);
            if file.index != index as u64 || file.id != id || file.name != planned.name {
                self.findings.note(Fault::Duplicated, told("another file in its place"));
            }
            let end = file.is_terminal().then(|| fingerprint(&status["files"][index]));
            if record.ends[index].is_some() && end != record.ends[index] {
                self.findings.note(Fault::Duplicated, told("it had ended otherwise"));
            }
            let is_new = end.is_some() && record.ends[index].is_none();
            record.ends[index] = record.ends[index].or(end);
            if file.code() == Some("damaged") && record.is_unanswered && self.may_lose_unanswered {
                tally.damaged_unanswered += usize::from(is_new);
            } else if file.is_terminal() && (file.state.as_str(), file.code()) != planned.end() {
                self.findings.note(Fault::Lost, told("a wrong end"));
            }
            if batch.state == "completed" && !file.is_terminal() {
                self.findings.note(Fault::Lost, told("no end"));
            }
        }
        drop(inner);
        self.look_at_sums(plan, &batch);
        batch
    }

    /// A batch that is completed says the same in sum as file by file.
    fn look_at_sums(&self, plan: &Plan, batch: &Batch) {
        if batch.state != "completed" {
            return;
        }
        let count = |state: &str| batch.files.iter().filter(|file| file.state == state).count() as u64;
        let counted = ["succeeded", "failed", "rejected", "cancelled"].map(count);
        let summary = &batch.summary;
        let said = [summary.succeeded, summary.failed, summary.rejected, summary.cancelled];
        if said != counted || summary.pending != 0 || batch.progress.files_done != batch.progress.files_total {
            self.findings.note(Fault::Duplicated, format!("{}: {counted:?} counted, {summary:?}", plan.key));
        }
    }

    /// Notes that a batch has ended, and so may be removed.
    pub fn complete(&self, key: Key) {
        self.lock().completed.push(key);
    }

    /// Some completed batch that is to be removed now.
    pub fn take_completed(&self, chance: &mut StdRng) -> Option<(Key, String)> {
        let mut inner = self.lock();
        while !inner.completed.is_empty() {
            let at = chance.random_range(0..inner.completed.len());
            let key = inner.completed.swap_remove(at);
            let record = inner.records.get_mut(&key).expect("a completed batch has a record");
            if record.standing == Standing::Promised {
                record.standing = Standing::Leaving;
                return Some((key, record.id.clone().expect("a promised batch has an id")));
            }
        }
        None
    }

    /// Changes an upload's record.
    pub fn with<T>(&self, key: Key, change: impl FnOnce(&mut Record, &mut Tally) -> T) -> Option<T> {
        let Inner { records, tally, .. } = &mut *self.lock();
        records.get_mut(&key).map(|record| change(record, tally))
    }

    /// All uploads that have an id and are `wanted`, oldest first.
    pub fn keys(&self, wanted: impl Fn(&Record) -> bool) -> Vec<(Key, String)> {
        let inner = self.lock();
        let wanted = inner.records.iter().filter(|(_, record)| wanted(record));
        wanted.filter_map(|(key, record)| Some((*key, record.id.clone()?))).collect()
    }

    /// Changes every upload's record.
    pub fn with_each(&self, mut change: impl FnMut(Key, &mut Record, &mut Tally)) {
        let Inner { records, tally, .. } = &mut *self.lock();
        for (key, record) in records {
            change(*key, record, tally);
        }
    }

    pub fn tally(&self) -> Tally {
        self.lock().tally
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics with the ledger in hand")
    }
}

/// Everything that was said of a file, in a number.
fn fingerprint(file: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.to_string().hash(&mut hasher);
    hasher.finish()
}
