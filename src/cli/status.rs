//! `consign status`: what became of a batch and of each of its files.

use std::process::ExitCode;

use clap::Args;

use super::CliError;
use super::pages::{await_end, batch_id, show, whole_batch};
use super::remote::RemoteArguments;
use crate::batch::BatchId;

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Exit codes: 0 nothing has failed so far; 2 the batch is completed and some file has no text; 64 the command makes no
sense; 69 the server does not answer; 1 anything else, such as a batch that there is not.

Examples:
  consign status 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000
  consign status --wait --files failed,rejected 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000
  consign status --json 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000 | jq .summary";

/// The flags of `consign status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The batch's id
    #[arg(value_parser = batch_id)]
    id: BatchId,
    /// Wait until the batch is completed
    #[arg(long)]
    wait: bool,
    /// Show only files in these states, with commas between them
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    files: Vec<String>,
    /// Print the status as the server gives it, with all files
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Shows it; returns how the program ends.
pub fn run(arguments: &StatusArguments) -> Result<ExitCode, CliError> {
    let StatusArguments { id, wait, files, json, remote } = arguments;
    let api = remote.connect_plainly();
    if *wait {
        await_end(&api, *id)?;
    }
    show(&whole_batch(&api, *id, files)?, *json)
}
