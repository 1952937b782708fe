//! `consign doctor`: whether a data directory is sound, and what mends it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::logging::start_log;
use super::{CliError, SettingsArguments};
use crate::doctor::{self, Treatment};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Exit codes: 0 sound; 1 something was found, and each finding says what mends it; 2 flags or settings make no sense;
3 not examined, since a server has the directory, it is not there, or the disk fails.

Examples:
  consign doctor                           Examine ./data; changes nothing
  consign doctor --deep                    Also compare all bytes with their digests
  consign doctor --repair                  Do what a start does, and give back what nobody owns
  consign doctor --rebuild                 Make a job log that is damaged anew; the old one is kept
  consign doctor --json --data-dir /srv/files | jq .findings";

/// The flags of `consign doctor`.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct DoctorArguments {
    /// Compare the bytes of all files and texts with their digests; reads everything
    #[arg(long)]
    deep: bool,
    /// Enter what the job log lacks and give back what nobody owns, then examine
    #[arg(long, conflicts_with = "rebuild")]
    repair: bool,
    /// Put the job log aside and make it anew from seals and results, then examine
    #[arg(long)]
    rebuild: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// Examines the data directory under these flags, prints what was found, and says whether that is nothing.
///
/// # Errors
/// [`CliError`] when the settings are none to work with, the directory cannot be examined, or the output not written.
pub fn run(arguments: DoctorArguments) -> Result<ExitCode, CliError> {
    let DoctorArguments { deep, repair, rebuild, json, settings } = arguments;
    let settings_file = settings.file_in_force();
    let config = settings.load()?.config;
    start_log("off", &config.log);
    let treatment = match (repair, rebuild) {
        (false, false) => Treatment::None,
        (true, _) => Treatment::Repair,
        (false, true) => Treatment::Rebuild,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Output)?;
    let mut report = runtime.block_on(doctor::run(&config, treatment, deep))?;
    if let Some(machine) = &mut report.machine {
        machine.settings_file = settings_file.map(|path| path.display().to_string());
    }
    let text = if json {
        serde_json::to_string_pretty(&report).map_err(|error| CliError::Output(error.into()))?
    } else {
        report.to_string()
    };
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(if report.is_sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
