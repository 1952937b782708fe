//! `consign watch`: what happens to a batch, or to all, while it happens. Goes on where it was when the server comes back.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::CliError;
use super::error::SOME_FAILED;
use super::pages::batch_id;
use super::remote::RemoteArguments;
use super::table::harmless;
use crate::batch::BatchId;
use crate::client::Event;

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Without an id it goes on until it is interrupted. With one it ends with the batch: 0 if every file succeeded, or else 2.

Examples:
  consign watch                                           What happens to all batches, from now on
  consign watch 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000      One batch, from its beginning to its end
  consign watch --json | jq -c 'select(.event == \"file\") | .data.file | {name, state}'";

/// The flags of `consign watch`.
#[derive(Debug, Args)]
pub struct WatchArguments {
    /// The batch's id [default: all batches]
    #[arg(value_parser = batch_id)]
    id: Option<BatchId>,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Watches; returns how the program ends.
pub fn run(arguments: &WatchArguments) -> Result<ExitCode, CliError> {
    let WatchArguments { id, json, remote } = arguments;
    let api = remote.connect_plainly();
    let mut last_id = None;
    let mut end = None;
    // A stream ends with its batch, with the server, or with the way to it; whoever asks once more is told which it was.
    while let Some(mut events) = api.events(*id, last_id.as_deref())? {
        while let Ok(Some(event)) = events.next_event() {
            let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
            if event.name == "batch" && data["change"] == "completed" {
                end = Some(data["outcome"] == "succeeded");
            }
            let line = if *json { in_json(&event, &data) } else { in_words(&event, &data) };
            match io::stdout().write_all(line.as_bytes()) {
                // Who has seen enough left, and there is no other end.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                written => written?,
            }
            if id.is_some() && event.name == "removed" {
                return Ok(ExitCode::from(SOME_FAILED));
            }
        }
        last_id = events.last_id().map(str::to_owned).or(last_id);
    }
    let has_succeeded = match (end, id) {
        (None, Some(id)) => !api.batch(*id, "?limit=1")?.has_failures(),
        (end, _) => end.unwrap_or(false),
    };
    Ok(if has_succeeded { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}

fn in_json(event: &Event, data: &Value) -> String {
    format!("{}\n", json!({"event": event.name, "id": event.id, "data": data}))
}

/// A line for a person; what this program does not know is named and no more.
fn in_words(event: &Event, data: &Value) -> String {
    let text = |value: &Value| harmless(value.as_str().unwrap_or_default());
    match event.name.as_str() {
        "file" => {
            let file = &data["file"];
            let told = match (file["result"]["tokens"].as_u64(), file["error"]["message"].as_str()) {
                (Some(1), _) => "  1 token".to_owned(),
                (Some(tokens), _) => format!("  {tokens} tokens"),
                (None, Some(message)) => format!("  {}", harmless(message)),
                (None, None) => String::new(),
            };
            format!("{:<10}  {}{told}\n", text(&file["state"]), text(&file["name"]))
        }
        "batch" => {
            let outcome = data["outcome"].as_str().map(|outcome| format!("  {outcome}")).unwrap_or_default();
            format!("{:<10}  batch {}{outcome}\n", text(&data["change"]), text(&data["id"]))
        }
        name => format!("{:<10}  batch {}\n", harmless(name), text(&data["batch"])),
    }
}
