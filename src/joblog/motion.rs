//! The files that are on their way at this moment, in memory.
//!
//! A file that only waits is not here, nor one that has ended: the number of entries is bounded by the slots that the
//! verifier gives out. What is here and not yet an outcome is forgotten in a crash, and the file starts again from its
//! last durable state.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::JobLog;
use crate::batch::{FileEvent, FileId, FileState, IllegalEvent, Outcome};

/// Where a file in motion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moving {
    pub state: FileState,
    /// How often the file has been retried.
    pub retries: u32,
    /// Attempts begun since then.
    pub attempts: u32,
    /// Whether its text was read, and is being made durable.
    pub is_read: bool,
}

/// The states of the files in motion.
#[derive(Debug, Default)]
pub struct Motion {
    files: Mutex<HashMap<FileId, Moving>>,
}

impl Motion {
    /// Takes a file in that has had `attempts` since the last of its `retries`; false when it is in motion already.
    pub fn begin(&self, file: FileId, retries: u32, attempts: u32) -> bool {
        let moving = Moving { state: FileState::Stored, retries, attempts, is_read: false };
        let mut files = self.lock();
        let is_new = !files.contains_key(&file);
        if is_new {
            files.insert(file, moving);
        }
        is_new
    }

    /// Moves a file on.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the event cannot happen to the file; it stays where it is.
    pub fn apply(&self, file: FileId, event: FileEvent) -> Result<FileState, IllegalEvent> {
        let mut files = self.lock();
        let stored = Moving { state: FileState::Stored, retries: 0, attempts: 0, is_read: false };
        let moving = files.entry(file).or_insert(stored);
        moving.state = moving.state.next(event)?;
        moving.is_read = false;
        if event == FileEvent::Started {
            moving.attempts += 1;
        }
        Ok(moving.state)
    }

    /// Notes that the text of a file that is being processed was read.
    pub fn read(&self, file: FileId) {
        if let Some(moving) = self.lock().get_mut(&file) {
            moving.is_read = moving.state == FileState::Processing;
        }
    }

    /// Where a file stands, if it is in motion.
    pub fn get(&self, file: FileId) -> Option<Moving> {
        self.lock().get(&file).copied()
    }

    /// Forgets a file that has ended.
    pub fn end(&self, file: FileId) {
        self.lock().remove(&file);
    }

    /// How many files are in motion.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Moving>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobLog {
    /// Takes a file that waits, and has had `attempts` since the last of its `retries`, into motion; false when it is
    /// there already.
    #[must_use]
    pub fn begin(&self, file: FileId, retries: u32, attempts: u32) -> bool {
        self.index.motion.begin(file, retries, attempts)
    }

    /// How often a file in motion has been retried.
    #[must_use]
    pub fn retries(&self, file: FileId) -> u32 {
        self.moving(file).map_or(0, |moving| moving.retries)
    }

    /// Moves a file in motion on. In memory only: after a crash it starts from its last durable state.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the event cannot happen to the file.
    pub fn apply(&self, file: FileId, event: FileEvent) -> Result<FileState, IllegalEvent> {
        let state = self.index.motion.apply(file, event)?;
        self.index.events.moved(file, || self.index.motion.get(file));
        Ok(state)
    }

    /// Notes that the text of a file that is being processed was read, and only has to be made durable.
    pub fn read(&self, file: FileId) {
        self.index.motion.read(file);
        self.index.events.moved(file, || self.index.motion.get(file));
    }

    /// Brings a file to where `outcome` can happen to it, by the events that led there before a crash.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the file is somewhere else already.
    pub fn replay(&self, file: FileId, outcome: &Outcome) -> Result<(), IllegalEvent> {
        if matches!(outcome, Outcome::Succeeded(_)) {
            self.apply(file, FileEvent::Verified)?;
            self.apply(file, FileEvent::Started)?;
        }
        Ok(())
    }

    /// Where a file stands, if it is in motion.
    #[must_use]
    pub fn moving(&self, file: FileId) -> Option<Moving> {
        self.index.motion.get(file)
    }

    /// How many files are in motion.
    #[must_use]
    pub fn moving_count(&self) -> usize {
        self.index.motion.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::batch::BatchId;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_attempt_counts_once_and_what_cannot_happen_changes_nothing(
            had in 0..100u32,
            events in vec(select(&FileEvent::ALL), 0..50),
        ) {
            let motion = Motion::default();
            let file = BatchId::new().file(0);
            prop_assert!(motion.begin(file, 1, had));
            prop_assert!(!motion.begin(file, 1, 0), "it is in motion already");
            for event in events {
                let before = motion.get(file).expect("it is in motion");
                motion.read(file);
                let is_read = motion.get(file).is_some_and(|moving| moving.is_read);
                prop_assert_eq!(is_read, before.state == FileState::Processing);
                let applied = motion.apply(file, event);
                let after = motion.get(file).expect("it is in motion");
                prop_assert_eq!(&applied, &before.state.next(event));
                let begun = u32::from(applied.is_ok() && event == FileEvent::Started);
                let is_read = is_read && applied.is_err();
                let state = applied.unwrap_or(before.state);
                prop_assert_eq!(after, Moving { state, attempts: before.attempts + begun, is_read, ..before });
            }
        }
    }
}
