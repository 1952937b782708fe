//! `consign results`: the texts of a batch, each as a file below a directory, or all as the server gives them.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::CliError;
use super::error::SOME_FAILED;
use super::pages::{await_end, batch_id};
use super::remote::RemoteArguments;
use super::table::{Table, counted, harmless, print};
use super::texts::{self, Texts};
use crate::batch::{BatchId, FileState};
use crate::client::{ClientError, ResultLine};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Exit codes: 0 every file that has ended has its text; 2 some have none; others as of `consign status`.

Examples:
  consign results --wait -o texts 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000    report.pdf becomes texts/report.pdf.md
  consign results --json 0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000 | jq -r 'select(.text).text'";

/// The flags of `consign results`.
#[derive(Debug, Args)]
pub struct ResultsArguments {
    /// The batch's id
    #[arg(value_parser = batch_id)]
    id: BatchId,
    /// Write each text below this directory, under its file's name
    #[arg(short, long, value_name = "DIR", required_unless_present = "json")]
    out: Option<PathBuf>,
    /// Wait until the batch is completed
    #[arg(long)]
    wait: bool,
    /// Print a line of JSON for each file, with its text, as the server gives it
    #[arg(long, conflicts_with = "out")]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Fetches them; returns how the program ends.
pub fn run(arguments: &ResultsArguments) -> Result<ExitCode, CliError> {
    let ResultsArguments { id, out, wait, json: _, remote } = arguments;
    let api = remote.connect_plainly();
    if *wait {
        await_end(&api, *id)?;
    }
    let mut texts = out.as_deref().map(Texts::below);
    let mut table = Table::new(["STATE", "FILE", "TEXT"]);
    let (mut count, mut has_failures) = (0, false);
    let mut lines = api.results(*id)?;
    let mut line = String::new();
    while next_line(&mut lines, &mut line)? {
        let result: ResultLine = serde_json::from_str(&line).map_err(|error| broken(&error))?;
        let (state, name) = (result.file.state, harmless(&result.file.name));
        count += usize::from(result.text.is_some());
        has_failures |= state != FileState::Succeeded || result.text.is_none();
        let Some(texts) = &mut texts else {
            print(&line)?;
            continue;
        };
        let told = match result.text {
            Some(text) => {
                let path = texts.place(&result.file.name);
                texts::write_whole(&path, text.as_bytes())?;
                path.display().to_string()
            }
            None => result.text_error.or(result.file.error).map(|error| error.message).unwrap_or_default(),
        };
        table.row([state.to_string(), name, told]);
    }
    if texts.is_some() {
        print(&format!("{}\n{}\n", table.text(), counted(count, "text")))?;
    }
    Ok(if has_failures { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}

/// Reads the next line; whether there was one.
pub fn next_line(lines: &mut impl BufRead, line: &mut String) -> Result<bool, ClientError> {
    line.clear();
    match lines.read_line(line) {
        Ok(0) => Ok(false),
        Ok(_) if line.ends_with('\n') => Ok(true),
        Ok(_) => Err(broken(&"the results broke off")),
        Err(error) => Err(broken(&error)),
    }
}

fn broken(why: &dyn std::fmt::Display) -> ClientError {
    ClientError::Unreachable { server: "the server".into(), reason: format!("its results are not whole: {why}") }
}
