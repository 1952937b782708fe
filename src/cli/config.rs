//! `consign config`: prints the settings in force, a valid `consign.toml` in which comments say where each came from.

use std::io::{self, ErrorKind, Write as _};

use super::{CliError, SettingsArguments};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Examples:
  consign config > consign.toml                      Write the settings in force, to be edited
  consign config | grep -v 'from default'            See what was changed, and where
  consign config --set limits.file_bytes_max=1GiB    See whether a setting is taken, and what comes of it";

/// Prints the settings under these flags to standard output. A reader who has seen enough and left is no failure.
///
/// # Errors
/// [`CliError`] when the settings are none to work with, or the output cannot be written.
pub fn run(settings: SettingsArguments) -> Result<(), CliError> {
    let effective = settings.load()?;
    match write!(io::stdout(), "{effective}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
