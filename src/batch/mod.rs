//! The nouns: batch, file, state, outcome, error, and the one function that decides every transition.
//!
//! No I/O and no dependency on any other module of ours. What lies on the disk, travels between actors or leaves as
//! JSON is built from these.

mod error;
mod id;
mod outcome;
mod state;
mod tally;

pub use self::error::{FileError, FileErrorCode};
pub use self::id::{BATCH_FILES_LIMIT, BatchId, FileId};
pub use self::outcome::{Outcome, TextInfo, Tokenizer};
pub use self::state::{FileEvent, FileState, IllegalEvent};
pub use self::tally::{BatchOutcome, Tally};
