//! `consign man`: the manual pages, made from the command line's own description.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::table::print;
use super::texts;
use super::{Arguments, CliError};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Examples:
  consign man | man -l -                       Read the page of the program
  consign man --out /usr/local/share/man/man1  Write the pages of the program and of each subcommand";

/// The flags of `consign man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// Write the pages of all subcommands into this directory
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the page of the program, or writes all.
pub fn run(arguments: &ManArguments) -> Result<(), CliError> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let Some(directory) = &arguments.out else { return print(&String::from_utf8_lossy(&page(&program)?)) };
    for command in every(&program) {
        let path = directory.join(format!("{}.1", command.get_display_name().unwrap_or("consign")));
        texts::write_whole(&path, &page(command)?)?;
    }
    Ok(())
}

/// A command and all below it that are shown.
fn every(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set()).flat_map(every);
    std::iter::once(command).chain(below).collect()
}

fn page(command: &Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    // `consign-push`, as its page is called.
    let name = command.get_display_name().unwrap_or("consign").to_owned();
    Man::new(command.clone().name(name)).render(&mut page)?;
    Ok(page)
}
