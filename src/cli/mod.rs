//! The command line: which subcommands and flags there are, and how the program ends. One file per subcommand.

pub mod config;
pub mod doctor;
pub mod key;
mod logging;
pub mod serve;
pub mod webhook;

use std::{env, io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, error::ErrorKind};
use derive_more::{Display, Error, From};

use crate::{
    config::{self as settings, Config, ConfigError, Effective, Flag, Sources},
    doctor::DoctorError,
    server::ServeError,
};

const EXAMPLES: &str = "\
Examples:
  consign                                             Serve on 127.0.0.1:8080, keeping everything in ./data
  consign key new ann                                 Make a key, so that others may be served
  consign --listen 0.0.0.0:80 --data-dir /srv/files   Serve other machines from another directory
  consign --set limits.file_bytes_max=1GiB            Take larger files
  CONSIGN_WORKER_PROCESSES=2 consign                  Every setting is also an environment variable
  consign config > consign.toml                       Write the settings in force, to be edited
  consign doctor                                      See whether ./data is sound, and what mends it
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
    Config(SettingsArguments),
    /// Say whether the data directory is sound, and mend it.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArguments),
    /// Make API keys, and say which there are.
    #[command(subcommand, after_help = key::EXAMPLES)]
    Key(key::KeyCommand),
    /// Make the secret that webhooks are signed with.
    #[command(subcommand, after_help = webhook::EXAMPLES)]
    Webhook(webhook::WebhookCommand),
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
    /// Take requests on the socket that standard input is
    #[arg(long, hide = true)]
    listener_on_stdin: bool,
}

/// The flags from which settings come.
#[derive(Debug, Default, Clone, Args)]
pub struct SettingsArguments {
    /// The settings file [default: consign.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to take requests; port 0 takes any free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Serve everybody who reaches the address, although there are no keys
    #[arg(long)]
    insecure_no_keys: bool,
    /// Serve over TLS with this certificate, a PEM file; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Where to keep everything [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Change any setting that `consign config` lists; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

/// Why the program ends otherwise than well. Each is one sentence without its full stop.
#[derive(Debug, Display, Error, From)]
pub enum CliError {
    /// The command line makes no sense.
    #[display("{_0}")]
    #[from(ignore)]
    Usage(#[error(not(source))] String),
    Settings(ConfigError),
    Serve(ServeError),
    Doctor(DoctorError),
    #[display("the output cannot be written: {_0}")]
    Output(io::Error),
}

impl CliError {
    /// 2 where the caller has to ask differently, 1 where the program failed; the doctor's 1 says that it found something,
    /// so its failure is 3.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Settings(_) => ExitCode::from(2),
            Self::Serve(_) | Self::Output(_) => ExitCode::from(1),
            Self::Doctor(_) => ExitCode::from(3),
        }
    }
}

/// Reads the command line; where it asks for help or the version, prints that and leaves no command.
///
/// # Errors
/// [`CliError::Usage`] when it makes no sense.
pub fn command() -> Result<Option<Command>, CliError> {
    match Arguments::try_parse() {
        Ok(Arguments { command, serve }) => Ok(Some(command.unwrap_or(Command::Serve(serve)))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.print()?;
            Ok(None)
        }
        Err(error) => Err(CliError::Usage(one_sentence(&error.to_string()))),
    }
}

impl SettingsArguments {
    /// The settings file that is read under these flags, if one is.
    #[must_use]
    pub fn file_in_force(&self) -> Option<PathBuf> {
        settings::file_in_force(self.config.clone())
    }

    /// The settings in force under these flags and the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] when there are none to work with.
    pub fn load(self) -> Result<Effective, ConfigError> {
        let Self { config, listen, insecure_no_keys, tls_cert, tls_key, data_dir, set } = self;
        let set = set.into_iter().map(|(key, value)| Flag { name: "--set", key, value });
        let insecure_no_keys = insecure_no_keys.then(|| true.to_string());
        let named = [
            ("--listen", "listen", listen),
            ("--insecure-no-keys", "insecure_no_keys", insecure_no_keys),
            ("--tls-cert", "tls.cert", tls_cert),
            ("--tls-key", "tls.key", tls_key),
            ("--data-dir", "data_dir", data_dir),
        ];
        let named =
            named.into_iter().filter_map(|(name, key, value)| Some(Flag { name, key: key.to_owned(), value: value? }));
        Config::load(Sources { file: config, environment: env::vars_os(), flags: set.chain(named).collect() })
    }
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE, such as limits.file_bytes_max=1GiB")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// What clap says over several lines as one sentence, without the usage that `--help` shows better.
fn one_sentence(message: &str) -> String {
    let message = message.trim_start_matches("error: ");
    let message = message.split("\n\nUsage:").next().unwrap_or(message);
    let message = message.split("\n\nFor more information").next().unwrap_or(message);
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{}; `consign --help` shows what there is", lines.join("; "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::try_parse_from(words).map_err(|error| one_sentence(&error.to_string()))
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
        assert!(!help.contains("worker"), "{help}");
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
        ] {
            let message = parse(&words).unwrap_err();
            assert!(message.contains(named) && !message.contains('\n') && !message.contains("error:"), "{message}");
        }
    }

    #[test]
    fn settings_and_usage_exit_2_and_failures_1() {
        assert_eq!(CliError::Usage(String::new()).exit_code(), ExitCode::from(2));
        assert_eq!(CliError::from(io::Error::other("full")).exit_code(), ExitCode::from(1));
        let settings = SettingsArguments { data_dir: Some(String::new()), ..SettingsArguments::default() };
        assert_eq!(CliError::from(settings.load().unwrap_err()).exit_code(), ExitCode::from(2));
    }
}
