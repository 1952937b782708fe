//! A batch with all of its files, however many pages they come on, and how one is shown.

use std::process::ExitCode;

use serde_json::Value;

use super::CliError;
use super::error::SOME_FAILED;
use super::table::{Table, counted, harmless, print, print_json};
use crate::batch::BatchId;
use crate::client::{Api, Batch, ClientError, File, Summary};

/// Seconds that one request waits; the next goes on.
const WAIT_SECONDS: u32 = 20;

/// A batch's id on the command line.
pub fn batch_id(text: &str) -> Result<BatchId, &'static str> {
    BatchId::parse(text).ok_or("a batch's id is like 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000; `consign list` shows them")
}

/// A batch with all files of these states, or with all, as the server says it: its `files` are one list.
pub fn whole_batch(api: &Api, batch: BatchId, states: &[String]) -> Result<Value, ClientError> {
    let query = if states.is_empty() { String::new() } else { format!("?files={}", states.join(",")) };
    let mut whole: Value = api.get(&format!("/batches/{batch}{query}"))?;
    let mut next = whole["links"]["next"].take();
    while let Some(path) = next.as_str() {
        let mut page: Value = api.get(path)?;
        next = page["links"]["next"].take();
        if let (Some(files), Some(more)) = (whole["files"].as_array_mut(), page["files"].as_array_mut()) {
            files.append(more);
        }
    }
    Ok(whole)
}

/// Waits until nothing more will happen to a batch.
pub fn await_end(api: &Api, batch: BatchId) -> Result<(), ClientError> {
    while !api.batch(batch, &format!("?limit=1&wait={WAIT_SECONDS}"))?.is_completed() {}
    Ok(())
}

/// Shows a batch, for programs or for people; returns how the program ends.
pub fn show(batch: &Value, as_json: bool) -> Result<ExitCode, CliError> {
    let typed = <Batch as serde::Deserialize>::deserialize(batch).map_err(|error| CliError::Output(error.into()))?;
    if as_json {
        print_json(batch)?;
    } else {
        let state = typed.outcome.as_deref().unwrap_or(&typed.state);
        let created = &typed.created_at;
        print(&format!("batch {}  {state}  of {created}\n\n{}", typed.id, files_table(&typed.files).text()))?;
        print(&format!("\n{}\n", in_words(&typed.summary)))?;
    }
    Ok(if typed.has_failures() { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}

/// Files, with what became of each.
fn files_table(files: &[File]) -> Table<5> {
    let mut table = Table::new(["STATE", ">BYTES", ">TOKENS", "FILE", "REASON"]);
    for file in files {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let reason = file.error.as_ref().map(|error| format!("{} ({})", error.message, error.code));
        let name = harmless(&file.name);
        table.row([file.state.to_string(), number(file.size), number(file.tokens()), name, reason.unwrap_or_default()]);
    }
    table
}

/// `4 files: 3 succeeded, 1 rejected`.
pub fn in_words(summary: &Summary) -> String {
    let &Summary { total, succeeded, failed, rejected, cancelled, pending } = summary;
    let parts = [
        (succeeded, "succeeded"),
        (failed, "failed"),
        (rejected, "rejected"),
        (cancelled, "cancelled"),
        (pending, "pending"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    format!("{}: {}", counted(total, "file"), parts.collect::<Vec<_>>().join(", "))
}
