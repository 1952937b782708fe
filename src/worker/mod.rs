//! The disposable child that reads files, and the server's hold on it.
//!
//! A file's bytes are parsed in another process (`consign worker`, the same binary), so that a parser that hangs,
//! leaks, overflows its stack or is killed costs that file only. The server sends a job and its bytes over the child's
//! stdin and hears progress and one answer over its stdout; `protocol` has the words. [`run`] is the child's side,
//! [`Child`] the server's: it feeds, listens, limits and, where no answer comes, says exactly why.
//! Text in images is recognised by a program of its own, found by [`OcrEngine`], in another child.
//! Before it is given a file the child locks itself into its [`room`].
//! Knows of no actor and no HTTP; `batch` has the nouns and `extract` the parsers.

mod child;
mod engine;
mod examine;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod handle;
#[cfg(feature = "test-hooks")]
mod hooks;
mod ocr;
pub mod protocol;
mod recognise;
pub mod room;
mod settings;
mod stream;
mod talk;
pub mod tokens;
mod verdict;

pub use child::run;
pub use engine::become_engine;
#[cfg(any(test, feature = "fuzzing"))]
pub use fuzz::child_protocol;
pub use handle::Child;
pub use ocr::OcrEngine;
pub use protocol::Job;
#[cfg(feature = "test-hooks")]
pub use settings::PROGRAM_VARIABLE;
pub use settings::{AttemptFailure, OWN_PROGRAM, SpawnError, WorkerSettings};
pub use talk::Extraction;
