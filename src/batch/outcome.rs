//! How a file ended, and what is known of its text.

use derive_more::Display;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FileError, FileEvent, FileState};

/// The vocabulary that tokens are counted with.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default, ToSchema)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum Tokenizer {
    #[default]
    #[serde(rename = "cl100k_base")]
    #[display("cl100k_base")]
    Cl100kBase,
    #[serde(rename = "o200k_base")]
    #[display("o200k_base")]
    O200kBase,
}

/// What is known of an extracted text besides the text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextInfo {
    /// Unicode scalar values in the text.
    pub chars: u64,
    /// Tokens in the whole text; special-token text counts as text.
    pub tokens: u64,
    pub tokenizer: Tokenizer,
    pub pages: Option<u32>,
    pub title: Option<String>,
    pub author: Option<String>,
    /// When the document was made, as it says itself.
    pub created: Option<String>,
    /// The text's language (ISO 639), as the document says or as it was guessed.
    pub language: Option<String>,
    /// Whether a limit ended the reading; the warnings say which.
    pub truncated: bool,
    /// What was skipped or could not be read, a sentence each, beginning with a code: `no_text: …`.
    pub warnings: Vec<String>,
    /// The library that read the file and its version: `hayro 0.9.0`.
    pub engine: String,
}

/// How a file ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Succeeded(TextInfo),
    Failed(FileError),
    Rejected(FileError),
    Cancelled,
}

impl Outcome {
    /// The event by which a file ends so.
    #[must_use]
    pub const fn event(&self) -> FileEvent {
        match self {
            Self::Succeeded(_) => FileEvent::Succeeded,
            Self::Failed(_) => FileEvent::Failed,
            Self::Rejected(_) => FileEvent::Rejected,
            Self::Cancelled => FileEvent::Cancelled,
        }
    }

    /// The terminal state that a file with this outcome is in.
    #[must_use]
    pub const fn state(&self) -> FileState {
        match self {
            Self::Succeeded(_) => FileState::Succeeded,
            Self::Failed(_) => FileState::Failed,
            Self::Rejected(_) => FileState::Rejected,
            Self::Cancelled => FileState::Cancelled,
        }
    }

    /// Why there is no result, where that was an error.
    #[must_use]
    pub const fn error(&self) -> Option<&FileError> {
        match self {
            Self::Failed(error) | Self::Rejected(error) => Some(error),
            Self::Succeeded(_) | Self::Cancelled => None,
        }
    }
}
