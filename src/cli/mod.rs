//! The command line: which subcommands and flags there are, and how the program ends. One file or folder per subcommand.

mod act;
mod allocator;
mod completions;
mod config;
mod doctor;
mod error;
mod extract;
mod health;
mod key;
mod list;
mod logging;
mod man;
mod pages;
mod push;
mod remote;
mod results;
mod serve;
mod settings;
mod status;
mod table;
mod texts;
mod watch;
mod webhook;

use std::{env, process::ExitCode};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};

pub use self::error::CliError;
use self::settings::SettingsArguments;
use crate::worker;

const EXAMPLES: &str = "\
Examples:
  consign                                             Serve on 127.0.0.1:8080, keeping everything in ./data
  consign key new ann                                 Make a key, so that others may be served
  consign --listen 0.0.0.0:80 --data-dir /srv/files   Serve other machines from another directory
  consign --set limits.file_bytes_max=1GiB            Take larger files
  CONSIGN_WORKER_PROCESSES=2 consign                  Every setting is also an environment variable
  consign config > consign.toml                       Write the settings in force, to be edited
  consign doctor                                      See whether ./data is sound, and what mends it
  consign push --out texts reports                    Send a folder's files to a server, and fetch their texts
  curl -F files=@report.pdf http://127.0.0.1:8080/batches";

/// Takes custody of files: upload many in one request, and learn what became of each.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

/// What the program is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until SIGTERM or SIGINT; also what `consign` alone does.
    #[command(after_help = EXAMPLES)]
    Serve(ServeArguments),
    /// Print the settings in force as TOML, each with where it came from.
    #[command(after_help = config::EXAMPLES)]
    Config(SettingsArguments),
    /// Say whether the data directory is sound, and mend it.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArguments),
    /// Ask the server with these settings whether it can take work.
    #[command(after_help = health::EXAMPLES)]
    Health(health::HealthArguments),
    /// Make API keys, and say which there are.
    #[command(subcommand, after_help = key::EXAMPLES)]
    Key(key::KeyCommand),
    /// Make the secret that webhooks are signed with.
    #[command(subcommand, after_help = webhook::EXAMPLES)]
    Webhook(webhook::WebhookCommand),
    /// Send files to a server, and learn what became of each.
    #[command(after_help = push::EXAMPLES)]
    Push(push::PushArguments),
    /// Say what became of a batch and of each of its files.
    #[command(after_help = status::EXAMPLES)]
    Status(status::StatusArguments),
    /// Fetch the texts of a batch.
    #[command(after_help = results::EXAMPLES)]
    Results(results::ResultsArguments),
    /// List batches, newest first.
    #[command(after_help = list::EXAMPLES)]
    List(list::ListArguments),
    /// Watch what happens, while it happens.
    #[command(after_help = watch::EXAMPLES)]
    Watch(watch::WatchArguments),
    /// Try anew what has failed.
    #[command(after_help = act::RETRY_EXAMPLES)]
    Retry(act::RetryArguments),
    /// End what has no outcome yet.
    #[command(after_help = act::CANCEL_EXAMPLES)]
    Cancel(act::CancelArguments),
    /// Cancel batches, and remove all trace of them.
    #[command(after_help = act::DELETE_EXAMPLES)]
    Delete(act::DeleteArguments),
    /// Read the text of files here, without a server.
    #[command(after_help = extract::EXAMPLES)]
    Extract(extract::ExtractArguments),
    /// Print what lets a shell complete this command line.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArguments),
    /// Print the manual page, or write those of all subcommands.
    #[command(after_help = man::EXAMPLES)]
    Man(man::ManArguments),
    /// Read files for a server that started this process.
    #[command(hide = true)]
    Worker {
        /// Become the OCR engine of this plan instead
        #[arg(long, value_name = "PLAN")]
        ocr: Option<String>,
    },
}

/// The flags of a server.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Take requests on the socket that standard input is, as with systemd's StandardInput=socket; `listen` must name it
    #[arg(long)]
    listener_on_stdin: bool,
}

/// The subcommands that call a server, or do what one does, and whose exit code 2 says that files have failed.
const CALLERS: [&str; 9] = ["push", "status", "results", "list", "watch", "retry", "cancel", "delete", "extract"];

impl Command {
    /// Does it; returns how the program ends.
    ///
    /// # Errors
    /// [`CliError`] when it cannot be done.
    pub fn run(self) -> Result<ExitCode, CliError> {
        match self {
            Self::Serve(arguments) => serve::run(arguments)?,
            Self::Config(arguments) => config::run(arguments)?,
            Self::Key(command) => key::run(command)?,
            Self::Webhook(command) => webhook::run(command)?,
            Self::Completions(arguments) => completions::run(&arguments)?,
            Self::Man(arguments) => man::run(&arguments)?,
            Self::List(arguments) => list::run(&arguments)?,
            Self::Delete(arguments) => act::delete(&arguments)?,
            Self::Doctor(arguments) => return doctor::run(arguments),
            Self::Health(arguments) => return health::run(arguments),
            Self::Push(arguments) => return push::run(&arguments),
            Self::Status(arguments) => return status::run(&arguments),
            Self::Results(arguments) => return results::run(&arguments),
            Self::Watch(arguments) => return watch::run(&arguments),
            Self::Retry(arguments) => return act::retry(&arguments),
            Self::Cancel(arguments) => return act::cancel(&arguments),
            Self::Extract(arguments) => return extract::run(arguments),
            Self::Worker { ocr: None } => return Ok(worker::run()),
            Self::Worker { ocr: Some(plan) } => return Ok(worker::become_engine(&plan)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads the command line; where it asks for help or the version, prints that and leaves no command.
///
/// # Errors
/// [`CliError::Usage`], or of a caller [`CliError::Call`], when it makes no sense.
pub fn command() -> Result<Option<Command>, CliError> {
    match Arguments::try_parse() {
        Ok(Arguments { command, serve }) => Ok(Some(command.unwrap_or(Command::Serve(serve)))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.print()?;
            Ok(None)
        }
        Err(error) => {
            let word = env::args().nth(1).filter(|word| Arguments::command().find_subcommand(word).is_some());
            let sentence = one_sentence(&error.to_string(), word.as_deref());
            let is_caller = word.is_some_and(|word| CALLERS.contains(&word.as_str()));
            Err(if is_caller { CliError::Call(sentence) } else { CliError::Usage(sentence) })
        }
    }
}

/// What clap says over several lines as one sentence, without the usage that `--help` shows better.
fn one_sentence(message: &str, subcommand: Option<&str>) -> String {
    let message = message.trim_start_matches("error: ");
    let message = message.split("\n\nUsage:").next().unwrap_or(message);
    let message = message.split("\n\nFor more information").next().unwrap_or(message);
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let command = subcommand.map(|word| format!("{word} ")).unwrap_or_default();
    format!("{}; `consign {command}--help` shows what there is", lines.join("; ").replace(":; ", ": "))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::config::Config;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::try_parse_from(words).map_err(|error| one_sentence(&error.to_string(), None))
    }

    #[test]
    fn command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_shows_the_real_defaults_and_hides_the_worker() {
        let help = Arguments::command().render_long_help().to_string();
        let Config { listen, data_dir, .. } = Config::default();
        assert!(help.contains(&format!("[default: {listen}]")), "{help}");
        assert!(help.contains(&format!("[default: {}]", data_dir.display())), "{help}");
        assert!(!help.contains("consign worker") && !help.contains("started this process"), "{help}");
    }

    #[test]
    fn flags_of_serve_work_with_and_without_the_word() {
        let bare = parse(&["consign", "--listen", "[::1]:0", "--set", "attempts.max=1"]).unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.serve.settings.listen.as_deref(), Some("[::1]:0"));

        let worded = parse(&["consign", "serve", "--listen", "[::1]:0", "--set", "attempts.max=1"]).unwrap();
        let Some(Command::Serve(ServeArguments { settings, listener_on_stdin: false })) = worded.command else {
            panic!("the word says serve")
        };
        assert_eq!(settings.listen.as_deref(), Some("[::1]:0"));
        assert_eq!(settings.set, [("attempts.max".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn usage_errors_are_one_sentence_that_names_the_word() {
        for (words, named) in [
            (["consign", "--lissten", "x"], "--listen"),
            (["consign", "serv", "x"], "serve"),
            (["consign", "--set", "limits"], "KEY=VALUE"),
            (["consign", "push", "--quiet"], "not provided: <PATH>"),
        ] {
            let message = parse(&words).unwrap_err();
            assert!(message.contains(named) && !message.contains('\n') && !message.contains("error:"), "{message}");
        }
    }

    #[test]
    fn every_caller_is_a_command() {
        let program = Arguments::command();
        assert!(CALLERS.iter().all(|word| program.find_subcommand(word).is_some()));
    }

    #[test]
    fn settings_and_usage_exit_2_and_failures_1() {
        assert_eq!(CliError::Usage(String::new()).exit_code(), ExitCode::from(2));
        assert_eq!(CliError::from(io::Error::other("full")).exit_code(), ExitCode::from(1));
        let settings = SettingsArguments { data_dir: Some(String::new()), ..SettingsArguments::default() };
        assert_eq!(CliError::from(settings.load().unwrap_err()).exit_code(), ExitCode::from(2));
    }
}
