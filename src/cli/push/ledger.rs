//! What is known of each file of a push: written by those who send and follow, read when all is over.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use derive_more::Display;
use serde::Serialize;
use serde_json::Value;

use crate::batch::{BatchId, FileId, FileState};
use crate::client::{File, FileError};

/// How far a file has come, as its pusher sees it.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum Standing {
    Succeeded,
    /// The server has it durably, and its outcome is not known here.
    Accepted,
    Failed,
    Rejected,
    Cancelled,
    /// Its batch was removed from the server before its outcome was heard of.
    Removed,
    NotSent,
}

/// What is known of one file.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub name: String,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub state: Standing,
    pub batch_id: Option<BatchId>,
    pub file_id: Option<FileId>,
    pub error: Option<EntryError>,
    /// What is known of its text, as the server says it.
    pub result: Option<Value>,
    /// Where its text was written.
    pub text_path: Option<PathBuf>,
}

/// Why a file has no text.
#[derive(Debug, Clone, Serialize)]
pub struct EntryError {
    pub code: String,
    pub message: String,
}

impl Entry {
    /// A file of which nothing has been sent yet.
    pub const fn new(name: String) -> Self {
        Self {
            name,
            size: None,
            sha256: None,
            state: Standing::NotSent,
            batch_id: None,
            file_id: None,
            error: None,
            result: None,
            text_path: None,
        }
    }

    /// Notes why it has no text.
    pub fn fail(&mut self, state: Standing, code: &str, message: &str) {
        self.state = state;
        self.error = Some(EntryError { code: code.to_owned(), message: message.to_owned() });
    }

    /// Notes that the server has it.
    pub const fn accept(&mut self, file: FileId, batch: BatchId) {
        (self.state, self.batch_id, self.file_id) = (Standing::Accepted, Some(batch), Some(file));
    }

    /// Notes what the server says of it.
    pub fn hear(&mut self, file: &File) {
        self.state = match file.state {
            FileState::Succeeded => Standing::Succeeded,
            FileState::Failed => Standing::Failed,
            FileState::Rejected => Standing::Rejected,
            FileState::Cancelled => Standing::Cancelled,
            FileState::Stored | FileState::Verified | FileState::Processing | FileState::Retrying => Standing::Accepted,
        };
        (self.batch_id, self.file_id) = (Some(file.id.batch()), Some(file.id));
        self.error = file.error.as_ref().map(EntryError::from);
        self.result.clone_from(&file.result);
    }
}

impl From<&FileError> for EntryError {
    fn from(error: &FileError) -> Self {
        Self { code: error.code.clone(), message: error.message.clone() }
    }
}

/// All files of a push. What is noted of a file holds for its copies, which are not sent themselves.
#[derive(Debug)]
pub struct Ledger {
    entries: Mutex<Vec<Entry>>,
    /// Of each file, those that are the same.
    copies: Vec<Vec<usize>>,
}

impl Ledger {
    /// A ledger of these files; `copies` has as many members.
    pub const fn new(entries: Vec<Entry>, copies: Vec<Vec<usize>>) -> Self {
        Self { entries: Mutex::new(entries), copies }
    }

    /// Notes something of a file and its copies.
    pub fn note(&self, item: usize, note: impl Fn(&mut Entry)) {
        let mut entries = self.lock();
        for item in self.same_as(item) {
            note(&mut entries[item]);
        }
    }

    /// Notes something of a file and not of its copies.
    pub fn note_alone(&self, item: usize, note: impl Fn(&mut Entry)) {
        note(&mut self.lock()[item]);
    }

    /// The files' names, in their order.
    pub fn names(&self) -> Vec<String> {
        self.lock().iter().map(|entry| entry.name.clone()).collect()
    }

    /// A file and its copies.
    pub fn same_as(&self, item: usize) -> impl Iterator<Item = usize> {
        std::iter::once(item).chain(self.copies[item].iter().copied())
    }

    /// All that was noted.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
