//! The messages: what server and child tell each other, without how it is carried.

use serde::{Deserialize, Serialize};

#[cfg(not(feature = "test-hooks"))]
use super::super::room;
use super::super::room::Wall;
#[cfg(doc)]
use super::LOG_BYTES_MAX;
use crate::batch::{FileErrorCode, FileId, TextInfo, Tokenizer};
use crate::extract::Limits;

/// How the child is to work, said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The address space that the child allows itself.
    pub memory_bytes: u64,
    /// How much of a file is read, and the longest text that is an answer.
    pub limits: Limits,
    pub tokenizer: Tokenizer,
    /// How long one file may take: so much processor time the child allows itself for it, and anew after each image.
    pub wall_ms: u64,
    /// The engine that recognises text in images, if there is one to ask, as in `tesseract 5.3.0`.
    pub ocr: Option<String>,
    /// Which walls of its room the child puts up. In a release it puts up all of them and is not asked.
    #[cfg(feature = "test-hooks")]
    pub walls: Vec<Wall>,
}

impl Setup {
    /// The walls that the child is to put up.
    #[cfg(feature = "test-hooks")]
    #[must_use]
    pub fn walls(&self) -> &[Wall] {
        &self.walls
    }

    /// The walls that the child is to put up.
    #[cfg(not(feature = "test-hooks"))]
    #[must_use]
    #[expect(clippy::unused_self, reason = "with the tests' hooks it is the setup that says so")]
    pub fn walls(&self) -> &[Wall] {
        room::WALLS
    }
}

/// One file to read. Its bytes follow in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub file: FileId,
    pub media_type: String,
    /// The file's length in bytes.
    pub length: u64,
}

/// The child is set up and waits for jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    pub version: u16,
    /// What this machine's kernel cannot keep the child from: one sentence each, for the server's log.
    pub gaps: Vec<String>,
}

/// The answer for a file that has a text. The text follows in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractedText {
    pub file: FileId,
    pub info: TextInfo,
    pub text_bytes: u64,
}

/// The answer for a file that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    pub file: FileId,
    pub fault: Fault,
    /// What a parser or a panic said: for the server's log, never for a user. At most [`LOG_BYTES_MAX`].
    pub log: String,
}

/// What a child can say of a file; all other codes are the server's to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    UnsupportedType,
    PasswordProtected,
    ParseError,
    TextTooLarge,
    ExpandsTooFar,
    TooManyEntries,
    NestedTooDeep,
    TooManyCells,
    TooManyElements,
    TooManyPages,
    ImageTooLarge,
    OutOfMemory,
    Panicked,
}

impl From<Fault> for FileErrorCode {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::UnsupportedType => Self::UnsupportedType,
            Fault::PasswordProtected => Self::PasswordProtected,
            Fault::ParseError => Self::ParseError,
            Fault::TextTooLarge => Self::TextTooLarge,
            Fault::ExpandsTooFar => Self::ExpandsTooFar,
            Fault::TooManyEntries => Self::TooManyEntries,
            Fault::NestedTooDeep => Self::NestedTooDeep,
            Fault::TooManyCells => Self::TooManyCells,
            Fault::TooManyElements => Self::TooManyElements,
            Fault::TooManyPages => Self::TooManyPages,
            Fault::ImageTooLarge => Self::ImageTooLarge,
            Fault::OutOfMemory => Self::OutOfMemory,
            Fault::Panicked => Self::Panicked,
        }
    }
}

/// An image in which the child wants text recognised. Its bytes follow in blocks, and nothing else is said until the
/// server has answered with [`Recognised`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub file: FileId,
    /// The encoded image's length in bytes.
    pub length: u64,
    /// Whether it is the whole file, so that what befalls the engine befalls the file. Else it costs only its page.
    pub is_file: bool,
}

/// What was recognised in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recognised {
    /// The text's length in bytes; it follows in blocks.
    Text(u64),
    /// The engine cannot read the image, and why: for the server's log. At most [`LOG_BYTES_MAX`].
    Unreadable(String),
}
