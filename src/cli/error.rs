//! Why the program ends otherwise than well, and by which exit code it says so.

use std::{io, path::PathBuf, process::ExitCode};

use derive_more::{Display, Error, From};

use crate::client::ClientError;
use crate::config::ConfigError;
use crate::doctor::DoctorError;
use crate::server::ServeError;

/// Files were given, and not all of them have a text.
pub const SOME_FAILED: u8 = 2;
/// A command that calls a server, or reads files without one, makes no sense (`EX_USAGE` of sysexits.h): 2 is taken.
const CALL_MAKES_NO_SENSE: u8 = 64;
/// There is no server to be had (`EX_UNAVAILABLE`).
const NO_SERVER: u8 = 69;

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
    /// The command line of a caller makes no sense.
    #[display("{_0}")]
    #[from(ignore)]
    Call(#[error(not(source))] String),
    #[display("{}", told(_0))]
    Client(ClientError),
    /// A file that the caller asked for.
    #[display("{} cannot be written: {error}", path.display())]
    Written {
        path: PathBuf,
        error: io::Error,
    },
    /// There is no child that reads files.
    #[display("{_0}")]
    #[from(ignore)]
    Worker(#[error(not(source))] String),
    #[display("the output cannot be written: {_0}")]
    Output(io::Error),
}

/// A client's failure. What is not there is mostly what the caller has named.
fn told(error: &ClientError) -> String {
    if error.is_not_found() {
        return "the server has no such batch or file, or it is somebody else's (not_found)".to_owned();
    }
    error.to_string()
}

impl CliError {
    /// 2 where the caller has to ask differently, 1 where the program failed; the doctor's 1 says that it found something,
    /// so its failure is 3. What calls a server has codes of its own for these, since 2 is some
    /// files' failure.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Settings(_) => ExitCode::from(2),
            Self::Call(_) => ExitCode::from(CALL_MAKES_NO_SENSE),
            Self::Client(ClientError::Unreachable { .. }) => ExitCode::from(NO_SERVER),
            Self::Serve(_) | Self::Output(_) | Self::Client(_) | Self::Written { .. } | Self::Worker(_) => {
                ExitCode::from(1)
            }
            Self::Doctor(_) => ExitCode::from(3),
        }
    }
}
