//! Taking over: a file whose bytes have been read already, or are being read, gets that text and no attempt of its own.

use std::sync::Arc;

use super::check::{Sound, kin};
use super::leads::{Bytes, Part};
use super::turn::WaitingFile;
use super::{Duty, Work};
use crate::actors::aggregator::EndedFile;
use crate::actors::{FileBytes, Slot};
use crate::batch::{FileEvent, FileId, Outcome};
use crate::custody::Twin;
use crate::joblog::BatchRecord;
use crate::spool::{SealedFile, Timings};

impl Work {
    /// The twin whose text the file takes over. None when it has to be read: the file leads those with the same bytes
    /// then, as long as its slot is held, or they have failed before it, which frees all to try for themselves.
    pub(super) async fn twin(&self, file: &Arc<WaitingFile>, sound: &Sound, slot: &Slot) -> Option<Twin> {
        let (made_with, sealed) = (self.options.made_with?, file.sealed.as_ref()?);
        if !sound.kin.is_empty()
            && let Some(twin) = self.twin_now(file, None, made_with).await
        {
            return Some(twin);
        }
        match self.leads.take(bytes(&file.record, sealed), file.id) {
            Part::Leads(lead) => {
                slot.lead(lead);
                // One that led until now may have ended since the first look.
                if sound.kin.is_empty() { None } else { self.twin_now(file, None, made_with).await }
            }
            Part::Follows { leader, mut end } => {
                tokio::select! {
                    _ = end.changed() => self.twin_now(file, Some(leader), made_with).await,
                    () = self.custody.joblog.cancelled(file.id.batch()) => None,
                }
            }
        }
    }

    /// Whether a file is to be read, for all that a look at it shows: there is no other with its bytes. It leads those that
    /// come then.
    pub(super) fn is_first(&self, file: &WaitingFile, sound: &Sound, slot: &Slot) -> bool {
        let Some(sealed) = file.sealed.as_ref().filter(|_| self.options.made_with.is_some()) else { return true };
        if !sound.kin.is_empty() {
            return false;
        }
        match self.leads.take(bytes(&file.record, sealed), file.id) {
            Part::Leads(lead) => {
                slot.lead(lead);
                true
            }
            Part::Follows { .. } => false,
        }
    }

    /// A twin that has ended. Of many files with the same bytes only some are looked at, and the one that led first.
    async fn twin_now(&self, file: &Arc<WaitingFile>, leader: Option<FileId>, made_with: u32) -> Option<Twin> {
        let (custody, file, id) = (Arc::clone(&self.custody), Arc::clone(file), file.id);
        let look = move || {
            let kin: Vec<FileId> = leader.into_iter().chain(kin(&custody, &file)).collect();
            custody.twin(&kin, &file.record.owner, file.sealed.as_ref()?, made_with).transpose()
        };
        match self.off_thread(Duty::Twin, look).await.flatten()? {
            Ok(twin) => Some(twin),
            Err(error) => {
                log::error!("file {id}: its twin cannot be read: {error}");
                None
            }
        }
    }

    /// Ends a file with its twin's text.
    pub(super) async fn take_over(&self, file: &WaitingFile, twin: Twin, timings: Timings, slot: Slot) {
        let Twin { file: other, info, text } = twin;
        if let Err(error) = self.custody.joblog.apply(file.id, FileEvent::Verified) {
            log::error!("file {}: {error}", file.id);
            return;
        }
        log::debug!("file {}: the text of file {other} is taken over", file.id);
        self.custody.metrics.count_verified(None);
        self.custody.metrics.files_deduplicated.inc();
        let dead_bytes: Option<FileBytes> = if self.options.keeps_originals { None } else { file.bytes() };
        let ended = EndedFile {
            file: file.id,
            attempts: file.attempts,
            outcome: Outcome::Succeeded(info),
            text: text.into(),
            is_deduplicated: true,
            timings,
            dead_bytes,
            slot,
        };
        self.hand_over(ended).await;
    }
}

/// What files must have in common with this one for its text.
fn bytes(record: &BatchRecord, sealed: &SealedFile) -> Bytes {
    Bytes { owner: record.owner.clone(), sha256: sealed.sha256, media_type: sealed.media_type.clone() }
}
