//! Where the objects of a presentation lie. A file holds every saved state of itself, from the first to the last; an edit
//! names the objects that it wrote anew, and the edit before it ([MS-PPT] 2.1.2).

use std::collections::HashMap;

use super::records::{Record, kind, record_at};
use crate::extract::office::bytes::{size_at, u32_at};

/// Files are saved a few hundred times at most before they are written anew.
const EDITS_MAX: usize = 10_000;

/// Where each object of a state lies, and which of them is the document.
#[derive(Debug)]
pub(super) struct Persist<'a> {
    pub stream: &'a [u8],
    offsets: HashMap<u32, usize>,
    document: u32,
}

impl<'a> Persist<'a> {
    /// The state that an edit left, if there is an edit at this offset.
    pub fn of_edit(stream: &'a [u8], edit: usize) -> Option<Self> {
        let newest = record_at(stream, edit).filter(|record| record.kind == kind::USER_EDIT)?;
        let mut persist = Self { stream, offsets: HashMap::new(), document: u32_at(newest.content, 16)? };
        let mut next = edit;
        for _ in 0..EDITS_MAX {
            let Some(record) = record_at(stream, next).filter(|record| record.kind == kind::USER_EDIT) else { break };
            let directory = size_at(record.content, 12).and_then(|at| record_at(stream, at));
            if let Some(directory) = directory.filter(|directory| directory.kind == kind::PERSIST_DIRECTORY) {
                persist.add(directory.content);
            }
            // Edits are listed from the last back to the first, which lies before the others.
            match size_at(record.content, 8) {
                Some(earlier) if earlier != 0 && earlier < next => next = earlier,
                _ => break,
            }
        }
        Some(persist)
    }

    /// The last state of a file that does not say where its last edit is.
    pub fn last(stream: &'a [u8]) -> Option<Self> {
        let (mut at, mut last) = (0, None);
        while let Some(record) = record_at(stream, at) {
            if record.kind == kind::USER_EDIT {
                last = Some(at);
            }
            at += 8 + record.content.len();
        }
        Self::of_edit(stream, last?)
    }

    /// Runs of objects: the first number and the count in one word, then an offset for each.
    fn add(&mut self, directory: &[u8]) {
        let mut at = 0;
        while let Some(head) = u32_at(directory, at) {
            at += 4;
            for number in (head & 0xf_ffff..).take((head >> 20) as usize) {
                let Some(offset) = size_at(directory, at) else { return };
                // What a later edit says is what holds.
                self.offsets.entry(number).or_insert(offset);
                at += 4;
            }
        }
    }

    pub fn record(&self, number: u32) -> Option<Record<'a>> {
        record_at(self.stream, *self.offsets.get(&number)?)
    }

    pub fn document(&self) -> Option<Record<'a>> {
        self.record(self.document).filter(|record| record.kind == kind::DOCUMENT)
    }
}
