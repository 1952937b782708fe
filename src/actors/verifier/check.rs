//! One look at a stored file: is it there, whole, the same, and of the type that its name says?

use std::io::{self, Cursor};

use sha2::{Digest, Sha256};

use super::turn::WaitingFile;
use crate::batch::{FileError, FileErrorCode, FileId};
use crate::custody::Custody;
use crate::extract::media::{self, Judged};
use crate::joblog::BatchRecord;
use crate::spool::{Content, SealedFile, SpoolError};

/// A file up to this size is read once: finding out its type piece by piece takes ten more calls than its digest does.
pub const READ_ONCE_BYTES_MAX: u64 = 64 << 10;

/// What a look at a file showed.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// The file is what its seal promises.
    Sound(Sound),
    /// May be better at the next look.
    NotYet(FileError),
    /// The bytes are there, and not those that were acknowledged.
    Lost(FileError),
    /// Sound as far as it can be told without a scanner's verdict; the bytes are kept.
    Unscanned(FileError),
    /// The client's own doing: malware, content that does not fit the name, or that no text can be read from.
    Refused(FileError),
}

/// A file that may be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Sound {
    /// The type by content first, and by name second.
    pub media_type: String,
    /// What is odd about the file, for its result.
    pub warnings: Vec<String>,
    /// Other files that may have the same bytes; none where no text is taken over.
    pub kin: Vec<FileId>,
}

/// Looks at a file, and for others with the same bytes if their text would do. Blocking.
pub fn check(custody: &Custody, file: &WaitingFile, takes_over: bool) -> Checked {
    let Some(sealed) = &file.sealed else { return Checked::Lost(FileErrorCode::Damaged.into()) };
    match check_bytes(custody, &file.record, sealed) {
        Checked::Sound(sound) if takes_over => Checked::Sound(Sound { kin: kin(custody, file), ..sound }),
        checked => checked,
    }
}

/// The files that may have the same bytes. Blocking.
pub fn kin(custody: &Custody, file: &WaitingFile) -> Vec<FileId> {
    let Some(sealed) = &file.sealed else { return Vec::new() };
    custody.kin(file.id, &file.record.owner, sealed).unwrap_or_else(|error| {
        log::error!("file {}: its twins are not looked for: {error}", file.id);
        Vec::new()
    })
}

fn check_bytes(custody: &Custody, record: &BatchRecord, sealed: &SealedFile) -> Checked {
    let content = match custody.content(record, sealed) {
        Ok(content) => content,
        Err(error) => return not_yet(error),
    };
    let looked =
        if content.length() <= READ_ONCE_BYTES_MAX { look_once(sealed, &content) } else { look_twice(sealed, content) };
    match looked {
        Ok(Some(judged)) => of_type(judged),
        Ok(None) => Checked::Lost(FileErrorCode::Damaged.into()),
        Err(error) => not_yet(SpoolError::from_io(&error)),
    }
}

/// What a small file's content shows, read with one call; none when it has another digest.
fn look_once(sealed: &SealedFile, content: &Content) -> io::Result<Option<Judged>> {
    let bytes = content.read_all()?;
    let is_same = *Sha256::digest(&bytes) == sealed.sha256;
    is_same.then(|| media::judge(&sealed.name, Cursor::new(bytes))).transpose()
}

/// The same of a file that is not held in memory.
fn look_twice(sealed: &SealedFile, content: Content) -> io::Result<Option<Judged>> {
    let is_same = content.sha256()? == sealed.sha256;
    is_same.then(|| media::judge(&sealed.name, content)).transpose()
}

fn of_type(judged: Judged) -> Checked {
    let sound = |media_type, warnings| Checked::Sound(Sound { media_type, warnings, kin: Vec::new() });
    match judged {
        Judged::Agreed(media_type) => sound(media_type, Vec::new()),
        Judged::Differs { media_type, .. } => {
            let warning = format!("type_differs: the content is {media_type}, which is not what the name says");
            sound(media_type, vec![warning])
        }
        Judged::Mismatch => Checked::Refused(FileErrorCode::TypeMismatch.into()),
        Judged::Unsupported => Checked::Refused(FileErrorCode::UnsupportedType.into()),
    }
}

fn not_yet(error: SpoolError) -> Checked {
    let code = match error {
        SpoolError::Missing => FileErrorCode::Missing,
        SpoolError::Damaged => FileErrorCode::Damaged,
        SpoolError::Full | SpoolError::Closed | SpoolError::NotEntered | SpoolError::InDoubt | SpoolError::Io(_) => {
            FileErrorCode::Unreadable
        }
    };
    Checked::NotYet(code.into())
}
