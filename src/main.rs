//! The program: arguments, then settings and log where the subcommand has them, then the subcommand.

use std::process::ExitCode;

use consign::{
    cli::{self, CliError, Command},
    worker,
};

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("consign: {error}");
        error.exit_code()
    })
}

fn run() -> Result<ExitCode, CliError> {
    match cli::command()? {
        Some(Command::Serve(settings)) => cli::serve::run(settings)?,
        Some(Command::Config(settings)) => cli::config::run(settings)?,
        Some(Command::Key(command)) => cli::key::run(command)?,
        Some(Command::Webhook(command)) => cli::webhook::run(command)?,
        Some(Command::Doctor(arguments)) => return cli::doctor::run(arguments),
        Some(Command::Worker { ocr: None }) => return Ok(worker::run()),
        Some(Command::Worker { ocr: Some(plan) }) => return Ok(worker::become_engine(&plan)),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}
