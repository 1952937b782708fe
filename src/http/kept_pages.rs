//! Pages of completed batches, as they were sent: who looks at the same ones again, as an open browser does, need not have
//! a thousand files read and made into JSON again.
//!
//! What has become of a completed batch's files changes with its record and not without it, so that a page is right as long
//! as the record is what it was. A retry leaves a trace there, and the place of each retry's order is another one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use actix_web::web::Bytes;

use super::page::Page;
use crate::batch::BatchId;
use crate::joblog::BatchRecord;

/// Bytes of all pages that are kept: those of four thousand files.
const BYTES_MAX: usize = 4 << 20;

/// What is shorter is soon made again.
const BYTES_MIN: usize = 32 << 10;

/// The pages that were sent last.
#[derive(Default)]
pub struct KeptPages(Mutex<VecDeque<KeptPage>>);

struct KeptPage {
    batch: BatchId,
    after: Option<usize>,
    limit: usize,
    /// The batch's record as it was before the page was made, and after.
    record: BatchRecord,
    json: Bytes,
}

impl KeptPages {
    /// Whether a page of a batch with this record is one of those that are kept.
    pub fn takes(record: &BatchRecord, page: &Page, json: &Bytes) -> bool {
        is_kept_kind(record, page) && (BYTES_MIN..=BYTES_MAX).contains(&json.len())
    }

    /// The page of a batch with this record, if it is kept.
    pub fn get(&self, batch: BatchId, record: &BatchRecord, page: &Page) -> Option<Bytes> {
        if !is_kept_kind(record, page) {
            return None;
        }
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pages.iter().position(|kept| kept.is_of(batch, page))?;
        let kept = pages.remove(at).filter(|kept| kept.record == *record)?;
        let json = kept.json.clone();
        pages.push_back(kept);
        Some(json)
    }

    /// Keeps a page that was made between two looks at the batch's record which found it to be this one.
    pub fn keep(&self, batch: BatchId, record: BatchRecord, page: &Page, json: &Bytes) {
        if !Self::takes(&record, page, json) {
            return;
        }
        let &Page { after, limit, .. } = page;
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|kept| !kept.is_of(batch, page));
        pages.push_back(KeptPage { batch, after, limit, record, json: json.clone() });
        let mut bytes: usize = pages.iter().map(|kept| kept.json.len()).sum();
        while bytes > BYTES_MAX
            && let Some(oldest) = pages.pop_front()
        {
            bytes -= oldest.json.len();
        }
    }

    /// Forgets what is kept of a batch that goes.
    pub fn forget(&self, batch: BatchId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|kept| kept.batch != batch);
    }
}

/// Whether nothing changes on such a page without the record, and it is asked for as often as others.
const fn is_kept_kind(record: &BatchRecord, page: &Page) -> bool {
    record.finished_ms.is_some() && page.states.is_none()
}

impl KeptPage {
    fn is_of(&self, batch: BatchId, page: &Page) -> bool {
        (self.batch, self.after, self.limit) == (batch, page.after, page.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{FrameRef, SealHeader, SealedBatch, SealedFile};

    fn record(finished_ms: Option<i64>) -> BatchRecord {
        let seal = FrameRef { segment: 1, region: 4096, frame: 8192, length: 100, header_length: 10, entries: 1 };
        let header = SealHeader::plain(BatchId::from_bytes([1; 16]), "local");
        let sealed = SealedBatch { header, seal, files: vec![SealedFile::default()] };
        BatchRecord { finished_ms, ..BatchRecord::of(&sealed) }
    }

    fn json(bytes: usize) -> Bytes {
        Bytes::from(vec![b' '; bytes])
    }

    #[test]
    fn a_page_is_sent_again_as_long_as_its_batch_is_completed_and_the_same() {
        let (pages, id, done) = (KeptPages::default(), BatchId::new(), record(Some(5)));
        pages.keep(id, record(None), &Page::FIRST, &json(BYTES_MIN));
        assert_eq!(pages.get(id, &record(None), &Page::FIRST), None, "it is not completed");
        pages.keep(id, done.clone(), &Page::FIRST, &json(BYTES_MIN - 1));
        assert_eq!(pages.get(id, &done, &Page::FIRST), None, "it is short");
        pages.keep(id, done.clone(), &Page::FIRST, &json(BYTES_MIN));
        assert_eq!(pages.get(id, &done, &Page::FIRST), Some(json(BYTES_MIN)));
        assert_eq!(pages.get(id, &done, &Page { after: Some(9), ..Page::FIRST }), None, "it is another page");
        assert_eq!(pages.get(BatchId::new(), &done, &Page::FIRST), None, "it is another batch");
        assert_eq!(pages.get(id, &record(Some(6)), &Page::FIRST), None, "the batch has changed");
        assert_eq!(pages.get(id, &done, &Page::FIRST), None, "and does not change back");
        pages.keep(id, done.clone(), &Page::FIRST, &json(BYTES_MIN));
        pages.forget(id);
        assert_eq!(pages.get(id, &done, &Page::FIRST), None, "the batch is gone");
    }

    #[test]
    fn those_that_nobody_asks_for_make_room() {
        let (pages, done) = (KeptPages::default(), record(Some(5)));
        let ids = [(); 5].map(|()| BatchId::new());
        for id in &ids[..4] {
            pages.keep(*id, done.clone(), &Page::FIRST, &json(BYTES_MAX / 4));
        }
        assert!(pages.get(ids[0], &done, &Page::FIRST).is_some());
        pages.keep(ids[4], done.clone(), &Page::FIRST, &json(BYTES_MAX / 4));
        let kept = ids.map(|id| pages.get(id, &done, &Page::FIRST).is_some());
        assert_eq!(kept, [true, false, true, true, true]);
    }
}
