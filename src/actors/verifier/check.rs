//! One look at a stored file: is it there, whole, the same, and of the type that its name says?

use crate::batch::{FileError, FileErrorCode};
use crate::custody::Custody;
use crate::extract::media::{self, Judged};
use crate::joblog::BatchRecord;
use crate::spool::{SealedFile, SpoolError};

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
}

/// Looks at a file. Blocking.
pub fn check(custody: &Custody, record: &BatchRecord, sealed: &SealedFile) -> Checked {
    let content = match custody.content(record, sealed) {
        Ok(content) => content,
        Err(error) => return not_yet(error),
    };
    match content.sha256() {
        Ok(found) if found == sealed.sha256 => {}
        Ok(_) => return Checked::Lost(FileErrorCode::Damaged.into()),
        Err(error) => return not_yet(SpoolError::from_io(&error)),
    }
    match media::judge(&sealed.name, content) {
        Ok(judged) => of_type(judged),
        Err(error) => not_yet(SpoolError::from_io(&error)),
    }
}

fn of_type(judged: Judged) -> Checked {
    let sound = |media_type, warnings| Checked::Sound(Sound { media_type, warnings });
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
