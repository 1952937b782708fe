//! How children are run, and how that may fail.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use derive_more::{Display, Error};

use super::ocr::OcrEngine;
use super::protocol::Setup;
#[cfg(feature = "test-hooks")]
use super::room::Wall;
use crate::batch::{FileError, Tokenizer};
use crate::extract::Limits;

/// The program that is running, even when its file has been replaced since.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// The environment variable by which a test names another.
#[cfg(feature = "test-hooks")]
pub const PROGRAM_VARIABLE: &str = "CONSIGN_WORKER_PROGRAM";

/// How children are run.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// What is run with the argument `worker`: [`OWN_PROGRAM`], except in tests.
    pub program: PathBuf,
    /// How long one file may take, from its first byte to its answer or to a picture in which text is to be recognised;
    /// how long that may take; and how long it goes on from there.
    pub wall: Duration,
    /// How long a child may give no sign of life while it has a file, or before it is ready.
    pub silence: Duration,
    /// A child's address space.
    pub memory_bytes: u64,
    /// How much of a file is read, and the longest text that is an answer.
    pub limits: Limits,
    /// After so many files a child is spent.
    pub files_max: u32,
    pub tokenizer: Tokenizer,
    /// What recognises text in images; without it they have none.
    pub ocr: Option<OcrEngine>,
    /// Which walls of its room a child puts up: tests take some away to see what holds without them.
    #[cfg(feature = "test-hooks")]
    pub walls: Vec<Wall>,
}

impl WorkerSettings {
    /// What a text depends on besides its file: a checksum over this build's version and the settings that the child has.
    #[must_use]
    pub fn made_with(&self) -> u32 {
        let Self { limits, tokenizer, ocr, .. } = self;
        let ocr = ocr.as_ref().map(|engine| (&engine.name, &engine.arguments));
        crc32fast::hash(format!("{} {limits:?} {tokenizer:?} {ocr:?}", env!("CARGO_PKG_VERSION")).as_bytes())
    }

    /// What a child is told of them.
    pub(super) fn setup(&self) -> Setup {
        Setup {
            memory_bytes: self.memory_bytes,
            limits: self.limits.clone(),
            tokenizer: self.tokenizer,
            ocr: self.ocr.as_ref().map(|engine| engine.name.clone()),
            wall_ms: u64::try_from(self.wall.as_millis()).unwrap_or(u64::MAX),
            #[cfg(feature = "test-hooks")]
            walls: self.walls.clone(),
        }
    }
}

/// Why there is no child. All the caller can do is wait and try again.
#[derive(Debug, Display, Error)]
pub enum SpawnError {
    #[display("cannot start a worker: {_0}")]
    Start(io::Error),
    #[display("a worker was not ready in time: {last_words}")]
    Silent { last_words: String },
    #[display("a worker spoke out of turn before it was ready")]
    OutOfTurn,
    #[display("a worker ended before it was ready: {error}: {last_words}")]
    Ended { error: FileError, last_words: String },
}

impl SpawnError {
    /// The same for whoever asks from outside: last words may name paths, and stay in the log.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Start(error) => format!("it cannot be started: {error}"),
            Self::Silent { .. } => "it was not ready in time".into(),
            Self::OutOfTurn => "it spoke out of turn before it was ready".into(),
            Self::Ended { error, .. } => {
                let how = error.detail.as_deref().unwrap_or("without a word");
                format!("it ended before it was ready ({how})")
            }
        }
    }
}

/// An attempt that gave no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFailure {
    pub error: FileError,
    /// What the child, its parser or its runtime said, in one line: for the server's log, never for a user.
    pub log: String,
}
