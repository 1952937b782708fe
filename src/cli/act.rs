//! `consign retry`, `consign cancel` and `consign delete`: what is done to batches that are there.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::CliError;
use super::pages::{await_end, batch_id, show, whole_batch};
use super::remote::RemoteArguments;
use super::table::{print, print_json};
use crate::batch::{BatchId, FileId};
use crate::client::Api;

/// What `--help` says below the flags.
pub const RETRY_EXAMPLES: &str = "\
Examples:
  consign retry 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000           Try all that has failed
  consign retry --wait 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000    And wait for how it ends
  consign retry --file 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0003 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000";

/// What `--help` says below the flags.
pub const CANCEL_EXAMPLES: &str = "\
Examples:
  consign cancel 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000
  consign cancel --wait --json 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000 | jq .summary";

/// What `--help` says below the flags.
pub const DELETE_EXAMPLES: &str = "\
Examples:
  consign delete 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000
  consign list --json --outcome failed | jq -r '.[].id' | xargs consign delete";

/// What is shown when a batch has been told to do something.
#[derive(Debug, Args)]
struct AfterArguments {
    /// Wait until the batch is completed
    #[arg(long)]
    wait: bool,
    /// Print the status as the server gives it, with all files
    #[arg(long)]
    json: bool,
}

/// The flags of `consign retry`.
#[derive(Debug, Args)]
pub struct RetryArguments {
    /// The batch's id
    #[arg(value_parser = batch_id)]
    id: BatchId,
    /// Only this file
    #[arg(long, value_name = "FILE_ID", value_parser = file_id)]
    file: Option<FileId>,
    #[command(flatten)]
    after: AfterArguments,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// The flags of `consign cancel`.
#[derive(Debug, Args)]
pub struct CancelArguments {
    /// The batch's id
    #[arg(value_parser = batch_id)]
    id: BatchId,
    #[command(flatten)]
    after: AfterArguments,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// The flags of `consign delete`.
#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// The batches' ids
    #[arg(value_parser = batch_id, required = true)]
    ids: Vec<BatchId>,
    /// Print the ids of what was removed as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Tries anew what has failed; returns how the program ends.
pub fn retry(arguments: &RetryArguments) -> Result<ExitCode, CliError> {
    let RetryArguments { id, file, after, remote } = arguments;
    let query = file.map(|file| format!("?file={file}")).unwrap_or_default();
    let api = remote.connect_plainly();
    let _: Value = api.post(&format!("/batches/{id}/retry{query}"))?;
    show_after(&api, *id, after)
}

/// Ends what has no outcome yet; returns how the program ends. That files were cancelled is what was wanted.
pub fn cancel(arguments: &CancelArguments) -> Result<ExitCode, CliError> {
    let CancelArguments { id, after, remote } = arguments;
    let api = remote.connect_plainly();
    let _: Value = api.post(&format!("/batches/{id}/cancel"))?;
    show_after(&api, *id, after)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes batches, one after the other, up to the first that cannot be.
pub fn delete(arguments: &DeleteArguments) -> Result<(), CliError> {
    let DeleteArguments { ids, json, remote } = arguments;
    let api = remote.connect_plainly();
    for id in ids {
        api.delete(*id)?;
        if !json {
            print(&format!("removed {id}\n"))?;
        }
    }
    if *json { print_json(&json!({"removed": ids})) } else { Ok(()) }
}

fn show_after(api: &Api, batch: BatchId, after: &AfterArguments) -> Result<ExitCode, CliError> {
    if after.wait {
        await_end(api, batch)?;
    }
    show(&whole_batch(api, batch, &[])?, after.json)
}

fn file_id(text: &str) -> Result<FileId, &'static str> {
    FileId::parse(text)
        .ok_or("a file's id is like 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001; `consign status --json` shows them")
}
