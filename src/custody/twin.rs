//! A file's twin: another one of the same owner with the same bytes, whose text was made as the file's would be.

use super::{Custody, CustodyError};
use crate::batch::{FileId, Outcome, TextInfo};
use crate::spool::{SealedFile, SpoolError};

/// What can be taken over from a twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    pub file: FileId,
    pub info: TextInfo,
    /// UTF-8.
    pub text: Vec<u8>,
}

impl Custody {
    /// The files that may be a file's twin.
    ///
    /// # Errors
    /// When the job log cannot be read.
    pub fn kin(&self, file: FileId, owner: &str, sealed: &SealedFile) -> Result<Vec<FileId>, CustodyError> {
        Ok(self.joblog.files_with(owner, &sealed.sha256, Some(file))?)
    }

    /// The first of `kin` that is a file's twin, if its text was made with what `made_with` stands for. Blocking.
    ///
    /// # Errors
    /// When the job log or a seal cannot be read.
    pub fn twin(
        &self,
        kin: &[FileId],
        owner: &str,
        sealed: &SealedFile,
        made_with: u32,
    ) -> Result<Option<Twin>, CustodyError> {
        for other in kin {
            let Some((_, same)) = self.same_bytes(*other, owner, &sealed.sha256)? else { continue };
            let Some(end) = self.joblog.file(*other)?.end.filter(|end| end.made_with == made_with) else { continue };
            let Outcome::Succeeded(info) = &end.outcome else { continue };
            // With the same bytes and the same type by name the type by content is the same.
            if same.media_type != sealed.media_type {
                continue;
            }
            match self.text(&end).and_then(|text| text.read_all().map_err(|error| SpoolError::from_io(&error))) {
                Ok(text) => return Ok(Some(Twin { file: *other, info: info.clone(), text })),
                Err(error) => log::warn!("file {other}: its text is not taken over: {error}"),
            }
        }
        Ok(None)
    }
}
