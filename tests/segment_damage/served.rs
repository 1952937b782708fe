//! What a server must still tell on a damaged directory: all that was not hit, as before, and of what was hit nothing that
//! is wrong and looks right.

use std::collections::BTreeSet;

use serde_json::Value;

use super::damage::Damage;
use super::history::{Seen, SeenBatch, SeenFile};
use super::places::Part;
use crate::support::sha256;

/// What is wrong with what a server told, and the files that it wrongs.
#[derive(Default)]
pub struct Judgement {
    pub complaints: Vec<String>,
    pub wronged: BTreeSet<String>,
}

/// Compares what a server told before the damage and after it.
pub fn compare(before: &Seen, after: &Seen, damage: &Damage) -> Judgement {
    let mut judgement = Judgement::default();
    for (id, before) in before {
        let before = before.as_ref().expect("a sound directory serves every batch");
        match after.get(id).expect("each batch was asked for") {
            Ok(after) => judgement.compare_batch(id, before, after, damage),
            Err(served) => {
                let told = String::from_utf8_lossy(&served.body);
                judgement.complaints.push(format!("batch {id}: its status is {} {told}", served.status));
                judgement.wronged.extend(before.files.keys().cloned());
            }
        }
    }
    judgement
}

impl Judgement {
    fn compare_batch(&mut self, id: &str, before: &SeenBatch, after: &SeenBatch, damage: &Damage) {
        if before.status != after.status || before.files.len() != after.files.len() {
            self.complaints.push(format!("batch {id}: {:#} has become {:#}", before.status, after.status));
        }
        let may_lose_metadata = damage.hits_seal(id);
        if before.metadata != after.metadata && !(may_lose_metadata && after.metadata.is_null()) {
            self.complaints.push(format!("batch {id}: metadata {} has become {}", before.metadata, after.metadata));
        }
        for ((file, before), after) in before.files.iter().zip(after.files.values()) {
            let wrongs = wrongs_of(file, before, after, damage);
            if !wrongs.is_empty() {
                self.wronged.insert(file.clone());
                self.complaints.extend(wrongs.into_iter().map(|wrong| format!("file {file}: {wrong}")));
            }
        }
    }
}

fn wrongs_of(file: &str, before: &SeenFile, after: &SeenFile, damage: &Damage) -> Vec<String> {
    let hits = |part| damage.hits_file(part, file);
    let status = format!("status {:#} has become {:#}", before.status, after.status);
    let content = format!("content has become {} {:?}", after.content.status, after.content.code());
    let text = format!("text has become {} {:?}", after.text.status, after.text.code());
    let is_status_right =
        if hits(Part::Entry) { is_unreadable(&before.status, &after.status) } else { before.status == after.status };
    let is_content_right = if hits(Part::Entry) {
        (after.content.status, after.content.code().as_deref()) == (410, Some("content_gone"))
    } else if hits(Part::Content) {
        is_content_told_wrong(after)
    } else {
        before.content.is_like(&after.content)
    };
    let is_text_right = if hits(Part::Text) {
        (after.text.status, after.text.code().as_deref()) == (500, Some("storage_failed"))
    } else {
        before.text.is_like(&after.text)
    };
    let judged = [(is_status_right, status), (is_content_right, content), (is_text_right, text)];
    judged.into_iter().filter(|(is_right, _)| !is_right).map(|(_, wrong)| wrong).collect()
}

/// Whether the status says nothing of what an entry of a seal said, and the same of all else.
fn is_unreadable(before: &Value, after: &Value) -> bool {
    let is_silent =
        after["name"] == "" && ["size", "sha256", "media_type"].iter().all(|member| after[member].is_null());
    is_silent
        && after["links"]["content"].is_null()
        && ["id", "index", "state", "attempts", "result"].iter().all(|member| before[member] == after[member])
}

/// Whether a client can see that the bytes are not those that were stored: they break off, or their digest is not that of
/// the status, which is the client's own to compare.
fn is_content_told_wrong(after: &SeenFile) -> bool {
    let told = after.status["sha256"].as_str().expect("a stored file has a digest");
    match after.content.status {
        200 => !after.content.is_whole || sha256(&after.content.body) != told,
        status => (status, after.content.code().as_deref()) == (500, Some("storage_failed")),
    }
}
