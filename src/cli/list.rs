//! `consign list`: the batches of a server, newest first.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::CliError;
use super::remote::RemoteArguments;
use super::table::{Table, print, print_json};
use crate::client::{Api, Batch, ClientError, percent_encoded};

/// Batches on one page of the server's list.
const PAGE_MAX: usize = 100;

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Examples:
  consign list
  consign list --state processing
  consign list --outcome partial --limit 5
  consign list --name minutes
  consign list --json --limit 1 | jq -r '.[0].id'";

/// The flags of `consign list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only batches in this state
    #[arg(long, value_parser = PossibleValuesParser::new(["processing", "completed"]))]
    state: Option<String>,
    /// Only batches that ended so
    #[arg(long, value_parser = PossibleValuesParser::new(["succeeded", "partial", "failed", "cancelled"]))]
    outcome: Option<String>,
    /// Only batches that came after this time, such as 2026-11-24T12:00:00Z
    #[arg(long, value_name = "TIME")]
    created_after: Option<jiff::Timestamp>,
    /// Only batches with a file that has this in its name, in whatever case
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// How many, at most
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Print them as the server gives them, as one list
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Shows them.
pub fn run(arguments: &ListArguments) -> Result<(), CliError> {
    let batches = batches(&arguments.remote.connect_plainly(), arguments)?;
    if arguments.json {
        return print_json(&batches);
    }
    let mut table = Table::new(["ID", "CREATED", "STATE", ">FILES", ">SUCCEEDED", ">PENDING"]);
    for batch in batches {
        let batch: Batch = serde_json::from_value(batch).map_err(|error| CliError::Output(error.into()))?;
        let state = batch.outcome.as_deref().unwrap_or(&batch.state).to_owned();
        let [total, succeeded, pending] =
            [batch.summary.total, batch.summary.succeeded, batch.summary.pending].map(|count| count.to_string());
        table.row([batch.id.to_string(), batch.created_at, state, total, succeeded, pending]);
    }
    print(&table.text())
}

/// As many as are wanted, page by page. A page may be empty and not be the last.
fn batches(api: &Api, arguments: &ListArguments) -> Result<Vec<Value>, ClientError> {
    let ListArguments { state, outcome, created_after, name, limit, json: _, remote: _ } = arguments;
    let mut path = format!("/batches?limit={}", (*limit).clamp(1, PAGE_MAX));
    for (parameter, value) in [
        ("state", state.clone()),
        ("outcome", outcome.clone()),
        ("created_after", created_after.map(|t| t.to_string())),
        ("name", name.clone()),
    ] {
        if let Some(value) = value {
            path.extend(["&", parameter, "=", &percent_encoded(&value)]);
        }
    }
    let mut batches = Vec::new();
    while batches.len() < *limit {
        let mut page: Value = api.get(&path)?;
        batches.append(page["batches"].as_array_mut().unwrap_or(&mut Vec::new()));
        match page["links"]["next"].take() {
            Value::String(next) => path = next,
            _ => break,
        }
    }
    batches.truncate(*limit);
    Ok(batches)
}
