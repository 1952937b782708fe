//! What happens to attachments, in the words of DocsGPT's stream: a record for each file, without an event's name.
//!
//! An id is the millisecond and a number within it, as Redis writes those of a stream. What is not durable has none, and
//! neither have all but the last of the records that tell of one batch, so that a client goes on before or behind all.

use serde::Serialize;

use super::streams::CountedStream;
use super::task::{ExtractionStatus, mime_type};
use crate::batch::{BatchId, FileError, FileErrorCode, FileId, FileState, Outcome};
use crate::custody::FileStatus;
use crate::http::events::Wording;
use crate::http::view::{BatchView, now, timestamp};
use crate::joblog::{BatchChange, EVENT_IDS_PER_MS_BITS};

/// The words for one reader.
pub struct Records {
    /// Who hears them.
    pub user: String,
    /// Whether the reader wanted to go on behind a record that is not there.
    pub is_place_lost: bool,
    /// The reader's stream counts for as long as it is told something.
    pub _counted: CountedStream,
}

#[derive(Serialize)]
struct Record<'a, P> {
    r#type: &'static str,
    ts: String,
    user_id: &'a str,
    topic: String,
    scope: Scope,
    payload: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

#[derive(Serialize)]
struct Scope {
    kind: &'static str,
    id: FileId,
}

/// What is told of an attachment beside its id and name.
#[derive(Serialize)]
struct Payload {
    attachment_id: FileId,
    filename: String,
    #[serde(flatten)]
    more: More,
}

#[derive(Serialize)]
#[serde(untagged)]
enum More {
    Queued {},
    Progress { current: u32, stage: &'static str },
    Completed { token_count: u64, mime_type: String, extraction_status: ExtractionStatus },
    Failed { error: String, code: &'static str },
}

#[derive(Serialize)]
struct Truncated {
    r#type: &'static str,
    payload: OldestRetained,
}

#[derive(Serialize)]
struct OldestRetained {
    oldest_retained_id: &'static str,
}

impl Wording for Records {
    fn opening(&self, _: Option<u64>) -> Vec<u8> {
        let mut opening = b": connected\n\n".to_vec();
        if self.is_place_lost {
            let payload = OldestRetained { oldest_retained_id: "" };
            opening.extend(frame(None, &Truncated { r#type: "backlog.truncated", payload }));
        }
        opening
    }

    fn heartbeat(&self) -> &'static [u8] {
        b": keepalive\n\n"
    }

    fn batch(&self, _: Option<u64>, _: BatchChange, _: BatchView) -> Vec<u8> {
        Vec::new()
    }

    fn is_file_by_file(&self) -> bool {
        true
    }

    fn file(&self, id: Option<u64>, file: FileStatus) -> Vec<u8> {
        let (r#type, more) = match (file.state, file.end.as_ref().map(|end| &end.outcome)) {
            (FileState::Stored, _) => ("attachment.queued", More::Queued {}),
            (FileState::Processing, _) if file.is_read => {
                ("attachment.progress", More::Progress { current: 80, stage: "storing" })
            }
            (FileState::Processing, _) => ("attachment.progress", More::Progress { current: 30, stage: "processing" }),
            (FileState::Succeeded, Some(Outcome::Succeeded(info))) => {
                let mime_type = mime_type(file.sealed.media_type.clone());
                let extraction_status = ExtractionStatus::of(info.chars);
                let completed = More::Completed { token_count: info.tokens, mime_type, extraction_status };
                ("attachment.completed", completed)
            }
            (FileState::Failed | FileState::Rejected, Some(Outcome::Failed(error) | Outcome::Rejected(error))) => {
                let code = code(error, &file.sealed.media_type);
                ("attachment.failed", More::Failed { error: error.message(), code })
            }
            (FileState::Cancelled, _) => {
                let error = "Reading the file was cancelled.".to_owned();
                ("attachment.failed", More::Failed { error, code: "processing_failed" })
            }
            // What was refused while it arrived is no attachment.
            _ => return Vec::new(),
        };
        let payload = Payload { attachment_id: file.id, filename: file.sealed.name, more };
        let id = id.map(Id::of);
        let record = Record {
            r#type,
            ts: id.map_or_else(now, |id| timestamp(id.ms)),
            user_id: &self.user,
            topic: format!("user:{}", self.user),
            scope: Scope { kind: "attachment", id: file.id },
            payload,
            id: id.map(Id::text),
        };
        frame(record.id.as_deref(), &record)
    }

    fn removed(&self, _: BatchId) -> Vec<u8> {
        Vec::new()
    }
}

/// The id of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id {
    ms: i64,
    sequence: u64,
}

impl Id {
    const fn of(event: u64) -> Self {
        let ms = event >> EVENT_IDS_PER_MS_BITS;
        Self { ms: ms.cast_signed(), sequence: event - (ms << EVENT_IDS_PER_MS_BITS) }
    }

    fn text(self) -> String {
        format!("{}-{}", self.ms, self.sequence)
    }

    /// The event that an id stands for; none for what is no id.
    pub fn event(text: &str) -> Option<u64> {
        let (ms, sequence) = text.split_once('-').unwrap_or((text, "0"));
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
        let (ms, sequence) = (number(ms)?, number(sequence)?);
        let fits = sequence >> EVENT_IDS_PER_MS_BITS == 0 && ms <= u64::MAX >> EVENT_IDS_PER_MS_BITS;
        fits.then_some(ms << EVENT_IDS_PER_MS_BITS | sequence)
    }
}

fn frame(id: Option<&str>, data: &impl Serialize) -> Vec<u8> {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    // JSON that is written here has no line breaks.
    let data = serde_json::to_string(data).expect("a record is plain data, which JSON can hold");
    format!("{id}data: {data}\n\n").into_bytes()
}

/// What DocsGPT calls the reason why a file has no text. What was tried until no attempt was left has a code of its own.
fn code(error: &FileError, media_type: &str) -> &'static str {
    use FileErrorCode as Code;
    let is_archive = ["application/zip", "application/x-tar", "application/gzip"].contains(&media_type);
    match error.code {
        Code::UnsupportedType | Code::TypeMismatch => "unsupported_type",
        Code::FileTooLarge
        | Code::TooLargeToExtract
        | Code::TooLargeToScan
        | Code::TextTooLarge
        | Code::ExpandsTooFar
        | Code::TooManyEntries
        | Code::TooManyCells
        | Code::TooManyElements
        | Code::TooManyPages
        | Code::ImageTooLarge => "too_large",
        Code::NestedTooDeep => "archive_unreadable",
        Code::Timeout | Code::Stalled => "timeout",
        Code::Missing | Code::Damaged | Code::Unreadable => "storage",
        Code::ParseError | Code::PasswordProtected if is_archive => "archive_unreadable",
        Code::ParseError | Code::PasswordProtected if media_type.starts_with("image/") => "image_unreadable",
        Code::ParseError | Code::PasswordProtected => "parse_failed",
        Code::NameEmpty | Code::NameTooLong | Code::DigestMismatch | Code::MalwareFound => "rejected",
        Code::OutOfMemory | Code::Crashed => "repeated_failures",
        Code::Panicked | Code::ScanUnavailable => "processing_failed",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_id_stands_for_no_event() {
        assert_eq!(Id::event("1718900000000-0"), Some(1_718_900_000_000 << EVENT_IDS_PER_MS_BITS));
        assert_eq!(Id::event("1718900000000"), Id::event("1718900000000-0"));
        for text in ["", "-", "1-", "-1", "1-1024", "+1-0", "1-0-0", "a-1", "99999999999999999999-0", "1 -0"] {
            assert_eq!(Id::event(text), None, "{text:?}");
        }
    }

    #[test]
    fn codes_follow_the_reason_and_what_the_file_is() {
        let told = |of: FileErrorCode, media_type| code(&of.into(), media_type);
        assert_eq!(told(FileErrorCode::ParseError, "application/zip"), "archive_unreadable");
        assert_eq!(told(FileErrorCode::ParseError, "image/png"), "image_unreadable");
        assert_eq!(told(FileErrorCode::ParseError, "application/pdf"), "parse_failed");
        assert_eq!(told(FileErrorCode::Stalled, "application/pdf"), "timeout");
        assert_eq!(told(FileErrorCode::Crashed, ""), "repeated_failures");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_id_is_read_as_it_was_written_and_grows_with_its_event(event in any::<u64>()) {
            let id = Id::of(event);
            prop_assert_eq!(Id::event(&id.text()), Some(event));
            let next = Id::of(event.saturating_add(1));
            prop_assert!((id.ms, id.sequence) <= (next.ms, next.sequence));
        }
    }
}
