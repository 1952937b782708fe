//! What the doctor must say of a damage, and must not.

use std::collections::BTreeSet;

use consign::doctor;
use serde_json::Value;

use super::damage::Damage;
use super::places::{Part, Place};
use crate::support::DataDir;
use crate::support::custody::config;

/// What the doctor found.
pub struct Told {
    pub is_sound: bool,
    findings: Vec<Value>,
}

impl Told {
    /// Runs `consign doctor --deep`; an error says how it failed to examine.
    pub fn of(data: &DataDir) -> Result<Self, String> {
        let output = data.doctor(&["--json", "--deep"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {stderr}"))?;
        let is_sound = report["is_sound"] == true;
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        if stderr.contains("panicked") || output.status.code() != Some(i32::from(!is_sound)) {
            return Err(format!("the doctor ended with {}: {stderr}", output.status));
        }
        Ok(Self { is_sound, findings })
    }

    /// The same without a process of its own.
    pub fn in_process(data: &DataDir) -> Result<Self, String> {
        let report = doctor::examine(&config(&data.path()), true).map_err(|error| error.to_string())?;
        let findings = serde_json::to_value(&report.findings).expect("a report is JSON");
        Ok(Self { is_sound: report.is_sound, findings: findings.as_array().cloned().expect("findings are a list") })
    }

    /// What is wrong with what the doctor said: something hit is not named, or something else is.
    pub fn complaints(&self, damage: &Damage) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.is_sound != damage.hits.is_empty() {
            complaints.push(format!("the doctor says sound: {}, of {:?}", self.is_sound, damage.hits));
        }
        let missed = damage.hits.iter().filter(|hit| !self.names(hit, damage));
        complaints.extend(missed.map(|hit| format!("the doctor does not name {hit:?}, but: {}", self.messages())));
        let accused = self.findings.iter().filter(|finding| !is_of(finding, damage));
        complaints.extend(accused.map(|finding| format!("the doctor names what is well: {finding:#}")));
        complaints
    }

    /// What is wrong with what the doctor says when nothing that was hit is left: it may name the segment, which is kept if
    /// its header was hit.
    pub fn complaints_of_left(&self, damage: &Damage) -> Vec<String> {
        let headers: Vec<_> = damage.hits.iter().filter(|hit| hit.part == Part::SegmentHeader).collect();
        let is_header = |finding: &&Value| headers.iter().any(|hit| message(finding).starts_with(&hit.told_segment()));
        let left = self.findings.iter().filter(|finding| !is_header(finding));
        left.map(|finding| format!("the doctor names what was removed, or is well: {finding:#}")).collect()
    }

    fn names(&self, hit: &Place, damage: &Damage) -> bool {
        match hit.part {
            Part::SegmentHeader => {
                let is_named = |finding: &Value| message(finding).starts_with(&hit.told_segment());
                let named: BTreeSet<_> = self.findings.iter().filter_map(|finding| finding["batch"].as_str()).collect();
                let all = !hit.batches.is_empty() && hit.batches.iter().all(|batch| named.contains(batch.as_str()));
                self.findings.iter().any(is_named) || all
            }
            Part::Seal => hit.batches.iter().all(|batch| self.any(|finding| finding["batch"] == **batch)),
            Part::Entry | Part::Content | Part::Results | Part::Text => {
                let is_named = |file: &String| {
                    let kinds = kinds(file, damage);
                    self.any(|finding| {
                        finding["file"] == **file && kinds.contains(&finding["kind"].as_str().unwrap_or(""))
                    })
                };
                hit.files.iter().all(is_named)
            }
        }
    }

    fn messages(&self) -> String {
        self.findings.iter().map(message).collect::<Vec<_>>().join(" ")
    }

    fn any(&self, is_wanted: impl Fn(&Value) -> bool) -> bool {
        self.findings.iter().any(is_wanted)
    }
}

/// What the doctor must call the damage to a file: what is lost for good comes before what another record still holds.
fn kinds(file: &str, damage: &Damage) -> &'static [&'static str] {
    if damage.hits_file(Part::Entry, file) {
        &["torn_record"]
    } else if damage.hits_file(Part::Content, file) || damage.hits_file(Part::Text, file) {
        &["digest_mismatch", "records_without_bytes"]
    } else {
        &["torn_record"]
    }
}

/// Whether a finding is about something that was hit.
fn is_of(finding: &Value, damage: &Damage) -> bool {
    let is_hit = |hit: &Place| match (finding["file"].as_str(), finding["batch"].as_str()) {
        (Some(file), Some(batch)) if hit.part == Part::SegmentHeader => !file.is_empty() && hit.batches.contains(batch),
        (Some(file), _) => hit.files.contains(file),
        (None, Some(batch)) => hit.batches.contains(batch),
        (None, None) => message(finding).starts_with(&hit.told_segment()),
    };
    damage.hits.iter().any(is_hit)
}

fn message(finding: &Value) -> &str {
    finding["message"].as_str().unwrap_or("")
}
