//! Files as JSON: the status of one, why one has no result, and what a line of the results holds.

use serde::Serialize;
use utoipa::ToSchema;

use crate::batch::{FileError, FileErrorCode, FileId, FileState, Outcome, TextInfo, Tokenizer};
use crate::custody::FileStatus;
use crate::http::ErrorCode;
use crate::joblog::FileEnd;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub struct FileView {
    id: FileId,
    /// Its place in the batch, from 0.
    index: usize,
    /// The name that the client gave, as it was given.
    name: String,
    /// Its bytes; null of a file that was refused while it arrived.
    #[schema(required)]
    size: Option<u64>,
    /// Its digest, as `sha256sum` prints it.
    #[schema(required, pattern = "^[0-9a-f]{64}$")]
    sha256: Option<String>,
    /// What its name and its content say it is; null where they say nothing.
    #[schema(required)]
    media_type: Option<String>,
    state: FileState,
    /// How often it was to be tried anew after it had failed.
    retries: u32,
    /// Attempts since then.
    attempts: u32,
    /// Whether its text was taken over from another file of the caller's with the same bytes.
    deduplicated: bool,
    /// Why there is no result; null where that is no error.
    #[schema(required)]
    error: Option<ErrorView>,
    /// What is known of its text; null until it has succeeded.
    #[schema(required)]
    result: Option<ResultView>,
    timings: TimingsView,
    links: FileLinks,
}

/// Where more is to be had of a file, as paths.
#[derive(Debug, Serialize, ToSchema)]
struct FileLinks {
    #[serde(rename = "self")]
    this: String,
    /// The bytes that the client sent; null when they are not kept.
    #[schema(required)]
    content: Option<String>,
}

/// Why a file has no result.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = FileError)]
pub struct ErrorView {
    code: FileErrorCode,
    /// A sentence that a person can act on.
    message: String,
    /// Whether another attempt may end better.
    retryable: bool,
}

/// What is known of a text besides the text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TextResult)]
struct ResultView {
    /// Where the text is, as a path.
    text_url: String,
    /// Unicode scalar values in the text.
    chars: u64,
    /// Tokens in the whole text; special-token text counts as text.
    tokens: u64,
    tokenizer: Tokenizer,
    /// Null of a document that has no pages.
    #[schema(required)]
    pages: Option<u32>,
    /// Whether a limit ended the reading; the warnings say which.
    truncated: bool,
    metadata: ResultMetadata,
    /// What was skipped or could not be read, a sentence each, beginning with a code: `no_text: …`.
    warnings: Vec<String>,
    /// The library that read the file and its version: `hayro 0.9.0`.
    engine: String,
}

/// What a document says of itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TextMetadata)]
struct ResultMetadata {
    #[schema(required)]
    title: Option<String>,
    #[schema(required)]
    author: Option<String>,
    /// When the document was made, as it says itself.
    #[schema(required)]
    created: Option<String>,
    /// The text's language (ISO 639), as the document says or as it was guessed.
    #[schema(required)]
    language: Option<String>,
}

/// How long what took, in milliseconds; null for what has not ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timings)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in a name")]
struct TimingsView {
    upload_ms: u32,
    #[schema(required)]
    verify_ms: Option<u32>,
    #[schema(required)]
    queued_ms: Option<u32>,
    #[schema(required)]
    process_ms: Option<u32>,
}

/// A refused file of a request that became no batch.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RefusedFile)]
pub struct RefusedFileView {
    /// Its place in the request, from 0.
    pub index: usize,
    pub name: String,
    pub error: ErrorView,
}

/// A line of the results: a file's status, and its text if it succeeded. Described here, written piece by piece.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultLine {
    #[serde(flatten)]
    file: FileView,
    /// The text of a file that has succeeded; null when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Why the text of a file that has succeeded is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text_error: Option<TextError>,
}

/// Why a line has no text although its file succeeded: what the answer to the file's `/text` would say.
#[derive(Debug, Serialize, ToSchema)]
pub struct TextError {
    pub code: ErrorCode,
    /// A sentence that a person can act on.
    pub message: String,
}

impl From<&FileError> for ErrorView {
    fn from(error: &FileError) -> Self {
        Self { code: error.code, message: error.message(), retryable: error.code.retryable() }
    }
}

impl From<FileStatus> for FileView {
    fn from(status: FileStatus) -> Self {
        let this = format!("/batches/{}/files/{}", status.id.batch(), status.id);
        let error = status.error().map(ErrorView::from);
        let content = status.has_content().then(|| format!("{this}/content"));
        let FileStatus { id, sealed, is_readable, state, retries, attempts, is_read: _, end } = status;
        let is_measured = is_readable && sealed.refused.is_none();
        let timings = end.as_ref().map(|end| end.timings);
        Self {
            id,
            index: id.index(),
            name: sealed.name,
            size: is_measured.then_some(sealed.length),
            sha256: is_measured.then(|| hex::encode(sealed.sha256)),
            media_type: Some(sealed.media_type).filter(|media_type| !media_type.is_empty()),
            state,
            retries,
            attempts,
            deduplicated: end.as_ref().is_some_and(|end| end.is_deduplicated),
            error,
            result: end.and_then(|end| result(end, &this)),
            timings: TimingsView {
                upload_ms: sealed.upload_ms,
                verify_ms: timings.map(|timings| timings.verify_ms),
                queued_ms: timings.map(|timings| timings.queued_ms),
                process_ms: timings.map(|timings| timings.process_ms),
            },
            links: FileLinks { this, content },
        }
    }
}

fn result(end: FileEnd, file: &str) -> Option<ResultView> {
    let Outcome::Succeeded(info) = end.outcome else { return None };
    let TextInfo { chars, tokens, tokenizer, pages, title, author, created, language, truncated, warnings, engine } =
        info;
    let metadata = ResultMetadata { title, author, created, language };
    Some(ResultView {
        text_url: format!("{file}/text"),
        chars,
        tokens,
        tokenizer,
        pages,
        truncated,
        metadata,
        warnings,
        engine,
    })
}
