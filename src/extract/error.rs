//! Why there is no text: each reason with a code that never changes.

use derive_more::{Display, Error};

/// Why there is no text. All of them are the file's own fault and will not pass with time.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq)]
pub enum ExtractError {
    #[display("files of this type cannot be read")]
    UnsupportedType,
    #[display("the file needs a password")]
    PasswordProtected,
    /// The reason is for the log only: it may quote the file.
    #[display("the file is damaged")]
    Parse(#[error(not(source))] String),
    #[display("the text is larger than the limit")]
    TextTooLarge,
    #[display("the file unpacks to more than the limit")]
    ExpandsTooFar,
    #[display("the file holds more files than the limit")]
    TooManyEntries,
    #[display("files stand inside files deeper than the limit")]
    NestedTooDeep,
    #[display("the sheets have more cells than the limit")]
    TooManyCells,
    #[display("the document has more elements than the limit")]
    TooManyElements,
    #[display("the document has more pages than the limit")]
    TooManyPages,
    #[display("the picture has more pixels than the limit")]
    ImageTooLarge,
}

impl ExtractError {
    pub(super) fn parse(reason: impl Into<String>) -> Self {
        Self::Parse(reason.into())
    }

    /// The code by which programs know the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedType => "unsupported_type",
            Self::PasswordProtected => "password_protected",
            Self::Parse(_) => "parse_error",
            Self::TextTooLarge => "text_too_large",
            Self::ExpandsTooFar => "expands_too_far",
            Self::TooManyEntries => "too_many_entries",
            Self::NestedTooDeep => "nested_too_deep",
            Self::TooManyCells => "too_many_cells",
            Self::TooManyElements => "too_many_elements",
            Self::TooManyPages => "too_many_pages",
            Self::ImageTooLarge => "image_too_large",
        }
    }

    /// Whether the file was stopped by a limit, so that what was read before it still counts.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        !matches!(self, Self::UnsupportedType | Self::PasswordProtected | Self::Parse(_))
    }
}
