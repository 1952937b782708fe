//! `consign completions`: what lets a shell complete the command line, made from its own description.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::table::print;
use super::{Arguments, CliError};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Examples:
  consign completions bash > ~/.local/share/bash-completion/completions/consign
  consign completions zsh > /usr/local/share/zsh/site-functions/_consign
  consign completions fish > ~/.config/fish/completions/consign.fish";

/// The flags of `consign completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Prints them.
pub fn run(arguments: &CompletionsArguments) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "consign", &mut text);
    print(&String::from_utf8_lossy(&text))
}
