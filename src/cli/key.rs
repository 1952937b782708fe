//! `consign key`: makes API keys, and says which there are.

use std::io::{self, ErrorKind, Write as _};

use clap::Subcommand;

use super::{CliError, SettingsArguments};
use crate::config::{KeyDigest, is_key_name};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Examples:
  consign key new ann >> ann.txt    Make a key; its lines go into consign.toml, and only its holder keeps the key
  consign key list                  See the names of the keys in force
  curl -H \"Authorization: Bearer $KEY\" http://127.0.0.1:8080/batches";

/// What is to be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key, print it once, and the lines of consign.toml that let it in.
    #[command(after_help = EXAMPLES)]
    New {
        /// Whose it is: up to 64 letters, digits, - and _; batches are kept under this name
        #[arg(value_parser = key_name)]
        name: String,
    },
    /// Print the names of the keys in force.
    #[command(after_help = EXAMPLES)]
    List(SettingsArguments),
}

/// Does it, and prints what comes of it. A reader who has seen enough and left is no failure.
///
/// # Errors
/// [`CliError`] when the settings are none to work with, there is no randomness, or the output cannot be written.
pub fn run(command: KeyCommand) -> Result<(), CliError> {
    let text = match command {
        KeyCommand::New { name } => {
            let (key, digest) = KeyDigest::of_new_key().map_err(|error| CliError::Output(io::Error::other(error)))?;
            introduction(&name, &key, digest)
        }
        KeyCommand::List(settings) => {
            let keys = settings.load()?.config.keys;
            if keys.is_empty() {
                eprintln!("consign: there are no keys; `consign key new NAME` makes one");
            }
            keys.keys().flat_map(|name| [name.as_str(), "\n"]).collect()
        }
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// The key alone on the first line, for a program; then what a person does with it.
fn introduction(name: &str, key: &str, digest: KeyDigest) -> String {
    let digest = digest.in_full();
    format!(
        "{key}\n\n# The line above is the key, and nobody can show it again. These go into consign.toml:\n[keys.{name}]\n\
         sha256 = \"{digest}\"\n"
    )
}

fn key_name(text: &str) -> Result<String, &'static str> {
    is_key_name(text).then(|| text.to_owned()).ok_or("a name is up to 64 letters, digits, - and _, such as scanner-2")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn what_is_printed_below_the_key_is_a_settings_file_that_lets_it_in() {
        let (key, digest) = KeyDigest::of_new_key().unwrap();
        let printed = introduction("ann", &key, digest);
        let (first, rest) = printed.split_once('\n').unwrap();
        assert_eq!(first, key);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("consign.toml");
        std::fs::write(&file, rest).unwrap();
        let sources = Sources { file: Some(file), environment: Vec::new(), flags: Vec::new() };
        assert_eq!(Config::load(sources).unwrap().config.keys["ann"].sha256, digest);
    }

    #[test]
    fn a_name_that_no_section_can_have_is_refused() {
        assert_eq!(key_name("scanner-2"), Ok("scanner-2".to_owned()));
        for wrong in ["", "a b", "a.b", "ä", "../x", "a]"] {
            assert!(key_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
