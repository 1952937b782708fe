//! `consign push`: sends files to a server and says what became of each.
//!
//! The files are found (`sources`) and digested (`digests`); the server is asked which it has, and the others are cut into
//! batches within its limits (`plan`), sent over several connections (`send`) and followed to their ends (`follow`), whose
//! texts are fetched (`fetch`). What is known of each file stands in one `ledger`, from which the `report` is made. A push
//! that broke off is run again: what the server has by then is followed and not sent.

mod bars;
mod digests;
mod fetch;
mod fields;
mod follow;
mod ledger;
mod plan;
mod report;
mod run;
mod send;
mod sources;
mod stop;

use std::ffi::OsString;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use self::fields::FieldArguments;
pub use self::run::run;
use super::remote::RemoteArguments;

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Folders are walked to the bottom; what is hidden is passed over, and so are links. A file that the server has, by its
digest, is not sent again, unless it failed there: run a push that broke off again, and it goes on.

Exit codes: 0 every file succeeded (without --wait and --out: was accepted); 2 some did not; 64 the command makes no
sense, or nothing is there to be sent; 69 the server does not answer; 1 it refuses, or a text cannot be written.

Examples:
  consign push report.pdf minutes.docx                  Send two files; exit once they are durable
  consign push --wait reports                           Send a folder, and wait for what becomes of its files
  consign push --out texts reports                      reports/a/b.pdf becomes texts/reports/a/b.pdf.md
  consign push --exclude '*.tmp' --exclude old 'in/**/*.{pdf,docx}'
  consign push --metadata '{\"case\": \"2026-17\"}' --webhook https://example.org/consign reports
  curl -s https://example.org/a.pdf | consign push --stdin-name a.pdf -
  consign push --wait --json reports | jq '.files[] | select(.state != \"succeeded\")'";

/// The flags of `consign push`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct PushArguments {
    /// Files, folders, patterns such as 'docs/**/*.pdf', and - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<OsString>,
    /// Wait until every file has an outcome
    #[arg(long)]
    wait: bool,
    /// Write each text below this directory, as FILE.md at its file's path; waits, too
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Of what is found in folders, take only what matches; a pattern with a / is of the whole path
    #[arg(long, value_name = "PATTERN", help_heading = "Which files")]
    include: Vec<String>,
    /// Of what is found in folders, leave out what matches, whole folders too
    #[arg(long, value_name = "PATTERN", help_heading = "Which files")]
    exclude: Vec<String>,
    /// Take what is hidden, too
    #[arg(long, help_heading = "Which files")]
    hidden: bool,
    /// Follow symbolic links in folders
    #[arg(long, help_heading = "Which files")]
    follow_links: bool,
    /// The name under which standard input is sent
    #[arg(long, value_name = "NAME", default_value = "stdin", help_heading = "Which files")]
    stdin_name: String,
    /// Send everything, also what the server has
    #[arg(long, help_heading = "Which files")]
    again: bool,
    /// How many batches are sent at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32), help_heading = "How they are sent")]
    connections: u8,
    /// Files in one batch, at most; the server's own limit holds, too
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..), help_heading = "How they are sent")]
    batch_files: u32,
    /// Bytes in one batch, at most: what breaks off is sent again from its batch's beginning
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = bytes, help_heading = "How they are sent")]
    batch_bytes: ByteSize,
    #[command(flatten)]
    fields: FieldArguments,
    /// Print what became of each file as JSON
    #[arg(long)]
    json: bool,
    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

fn bytes(text: &str) -> Result<ByteSize, &'static str> {
    text.parse().map_err(|_| "a size is like 64MiB or 1GB")
}
