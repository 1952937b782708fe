//! Why a file has no result: stable codes, and sentences that a user can act on.

use derive_more::{Display, Error};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a file has no result. The text form of a code is stable; programs match on it.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum FileErrorCode {
    NameEmpty,
    NameTooLong,
    FileTooLarge,
    UnsupportedType,
    TypeMismatch,
    DigestMismatch,
    Missing,
    Damaged,
    Unreadable,
    TooLargeToExtract,
    TextTooLarge,
    ExpandsTooFar,
    TooManyEntries,
    NestedTooDeep,
    TooManyCells,
    TooManyElements,
    TooManyPages,
    ImageTooLarge,
    Timeout,
    Stalled,
    OutOfMemory,
    Crashed,
    Panicked,
    ParseError,
    PasswordProtected,
    MalwareFound,
    ScanUnavailable,
    TooLargeToScan,
}

impl FileErrorCode {
    /// What the user is told: one sentence, nothing of paths or parsers.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NameEmpty => "The file has no name; send it with one.",
            Self::NameTooLong => "The file's name is longer than this server takes; shorten it.",
            Self::FileTooLarge => "The file is larger than this server takes.",
            Self::UnsupportedType => "Text cannot be read from files of this type.",
            Self::TypeMismatch => "The file's content is not of the type that its name says.",
            Self::DigestMismatch => "The file is not the one that its Content-Digest names; send it again.",
            Self::Missing => "The stored file is gone; upload it again.",
            Self::Damaged => "The stored file no longer matches its digest; upload it again.",
            Self::Unreadable => "The stored file could not be read; try again when the server's disk is well.",
            Self::TooLargeToExtract => "The file is kept, but it is too large for its text to be read.",
            Self::TextTooLarge => "The file's text is larger than this server takes.",
            Self::ExpandsTooFar => "The file unpacks to more than this server takes.",
            Self::TooManyEntries => "The archive has more members than this server reads.",
            Self::NestedTooDeep => "Files stand inside files deeper than this server reads.",
            Self::TooManyCells => "The sheets have more cells than this server reads.",
            Self::TooManyElements => "The document has more elements than this server reads.",
            Self::TooManyPages => "The document has more pages than this server reads.",
            Self::ImageTooLarge => "The picture has more pixels than this server reads.",
            Self::Timeout => "Reading the file took too long and was stopped.",
            Self::Stalled => "Reading the file came to a standstill and was stopped.",
            Self::OutOfMemory => "Reading the file needed more memory than it may have.",
            Self::Crashed => "Reading the file crashed its parser.",
            Self::Panicked => "Reading the file failed inside its parser.",
            Self::ParseError => "The file is damaged, or not what its type says.",
            Self::PasswordProtected => "The file is protected by a password; remove it and upload the file again.",
            Self::MalwareFound => "Malware was found in the file; it is not kept.",
            Self::ScanUnavailable => {
                "The file is kept, but it could not be scanned for malware; try again when the scanner is well."
            }
            Self::TooLargeToScan => "The file is kept, but it is too large for the malware scanner to read whole.",
        }
    }

    /// Whether another attempt may end better: true for what time, memory, a killed child or the way here may have caused,
    /// false for what lies in the file itself.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::DigestMismatch
                | Self::Unreadable
                | Self::Timeout
                | Self::Stalled
                | Self::OutOfMemory
                | Self::Crashed
                | Self::ScanUnavailable
        )
    }
}

/// Why one file has no result.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[display("{code}{}", detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
pub struct FileError {
    pub code: FileErrorCode,
    /// A word that makes the code exact, such as `SIGSEGV` or the name of a signature; never a parser's.
    pub detail: Option<String>,
}

impl FileError {
    #[must_use]
    pub fn with_detail(code: FileErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }

    /// The code's sentence, with the detail where there is one.
    #[must_use]
    pub fn message(&self) -> String {
        let sentence = self.code.message();
        match &self.detail {
            Some(detail) => format!("{} ({detail}).", sentence.trim_end_matches('.')),
            None => sentence.to_owned(),
        }
    }
}

impl From<FileErrorCode> for FileError {
    fn from(code: FileErrorCode) -> Self {
        Self { code, detail: None }
    }
}
