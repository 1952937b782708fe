//! The program: reads the command line and does what it says.

use std::process::ExitCode;

use consign::cli::{self, CliError};

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("consign: {error}");
        error.exit_code()
    })
}

fn run() -> Result<ExitCode, CliError> {
    cli::command()?.map_or(Ok(ExitCode::SUCCESS), cli::Command::run)
}
