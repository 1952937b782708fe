//! `consign webhook`: makes the secret that deliveries are signed with.

use std::io::{self, Write as _};

use clap::Subcommand;

use super::CliError;
use crate::webhooks::Secret;

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Examples:
  consign webhook secret    Make a secret; it goes into consign.toml as webhook.secret, and to the receivers";

/// What is to be done for webhooks.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum WebhookCommand {
    /// Make a secret and print it.
    Secret,
}

/// Does it, and prints what comes of it.
///
/// # Errors
/// [`CliError`] when there is no randomness, or the output cannot be written.
pub fn run(command: WebhookCommand) -> Result<(), CliError> {
    let WebhookCommand::Secret = command;
    let secret = Secret::new().map_err(|error| CliError::Output(io::Error::other(error)))?;
    Ok(writeln!(io::stdout(), "{}", secret.in_full())?)
}
