//! What a push says when it is over: for people a table, in which what has no text stands last, and for programs JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ledger::{Entry, Standing};
use crate::batch::BatchId;
use crate::cli::CliError;
use crate::cli::table::{Table, counted, harmless, print, print_json};

/// What is told to programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    summary: BTreeMap<String, usize>,
    batches: Vec<BatchId>,
    files: &'a [Entry],
}

/// Whether each file came as far as was wanted.
pub fn is_well(entries: &[Entry], is_patient: bool) -> bool {
    entries.iter().all(|entry| match entry.state {
        Standing::Succeeded => true,
        Standing::Accepted => !is_patient,
        Standing::Failed | Standing::Rejected | Standing::Cancelled | Standing::Removed | Standing::NotSent => false,
    })
}

/// Tells programs.
pub fn tell_programs(entries: &[Entry]) -> Result<(), CliError> {
    let counts = counts(entries).into_iter().map(|(state, count)| (state.to_string(), count));
    let summary = [("total".to_owned(), entries.len())].into_iter().chain(counts).collect();
    print_json(&Report { summary, batches: batches(entries), files: entries })
}

/// Tells people.
pub fn tell_people(entries: &[Entry]) -> Result<(), CliError> {
    let mut table = Table::new(["STATE", ">TOKENS", "FILE", "REASON"]);
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.state);
    for entry in sorted {
        let tokens = entry.result.as_ref().and_then(|result| result["tokens"].as_u64());
        let reason = entry.error.as_ref().map(|error| format!("{} ({})", error.message, error.code));
        let tokens = tokens.map(|tokens| tokens.to_string()).unwrap_or_default();
        table.row([entry.state.to_string(), tokens, harmless(&entry.name), reason.unwrap_or_default()]);
    }
    let counts =
        counts(entries).into_iter().map(|(state, count)| format!("{count} {}", state.to_string().replace('_', " ")));
    let batches: Vec<_> = batches(entries).iter().map(|batch| format!("\nbatch {batch}")).collect();
    let counts = counts.collect::<Vec<_>>().join(", ");
    print(&format!("{}\n{}: {counts}{}\n", table.text(), counted(entries.len(), "file"), batches.concat()))
}

fn counts(entries: &[Entry]) -> BTreeMap<Standing, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.state).or_default() += 1;
    }
    counts
}

/// The batches that have the files, oldest first.
fn batches(entries: &[Entry]) -> Vec<BatchId> {
    let mut batches: Vec<_> = entries.iter().filter_map(|entry| entry.batch_id).collect();
    batches.sort_unstable();
    batches.dedup();
    batches
}
