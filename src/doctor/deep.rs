//! All bytes against what was said of them when they were stored: SHA-256 for files, CRC-32 for texts.

use super::report::{Finding, Kind, Remedy};
use super::{DoctorError, is_lost};
use crate::custody::{Custody, FileStatus};
use crate::joblog::BatchRecord;
use crate::spool::SpoolError;

/// Compares a file's bytes and its text.
pub fn compare(custody: &Custody, record: &BatchRecord, file: &FileStatus) -> Result<Option<Finding>, DoctorError> {
    if file.has_content() {
        let content = custody.content(record, &file.sealed);
        let found = content.and_then(|content| content.sha256().map_err(|error| SpoolError::from_io(&error)));
        match found {
            Ok(found) if found == file.sealed.sha256 => {}
            Ok(_) => return Ok(Some(mismatch(file, "its bytes are not those that were stored"))),
            Err(error) if is_lost(error) => return Ok(Some(mismatch(file, "its bytes are gone"))),
            Err(error) => return Err(error.into()),
        }
    }
    let Some(end) = file.end.as_ref().filter(|end| end.text_length > 0) else { return Ok(None) };
    match custody.text(end) {
        Ok(_) => Ok(None),
        Err(error) if is_lost(error) => Ok(Some(mismatch(file, "its text is not the one that was read"))),
        Err(error) => Err(error.into()),
    }
}

fn mismatch(file: &FileStatus, what: &str) -> Finding {
    about(file, Kind::DigestMismatch, Remedy::Upload, what)
}

/// A finding about one file.
pub fn about(file: &FileStatus, kind: Kind, remedy: Remedy, what: &str) -> Finding {
    let name = if file.is_readable { format!(" {:?}", file.sealed.name) } else { String::new() };
    let message = format!("File {}{name} of batch {}: {what}.", file.id, file.id.batch());
    let (batch, name) = (Some(file.id.batch()), file.is_readable.then(|| file.sealed.name.clone()));
    Finding { batch, file: Some(file.id), name, bytes: Some(file.sealed.length), ..Finding::new(kind, remedy, message) }
}
