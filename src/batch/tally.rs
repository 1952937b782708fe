//! How many of a batch's files are where, and what that makes of the batch.

use derive_more::Display;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FileState;

/// How a completed batch ended, from how its files did.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum BatchOutcome {
    Succeeded,
    Partial,
    Failed,
    Cancelled,
}

/// How many of a batch's files are in which terminal state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub total: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub rejected: u32,
    pub cancelled: u32,
}

impl Tally {
    /// Counts one more file that has come to its end in `state`.
    ///
    /// # Panics
    /// When `state` is not terminal.
    pub const fn count(&mut self, state: FileState) {
        match state {
            FileState::Succeeded => self.succeeded += 1,
            FileState::Failed => self.failed += 1,
            FileState::Rejected => self.rejected += 1,
            FileState::Cancelled => self.cancelled += 1,
            FileState::Stored | FileState::Verified | FileState::Processing | FileState::Retrying => {
                panic!("only a terminal state is counted")
            }
        }
    }

    /// Takes back that a file has come to its end in `state`.
    ///
    /// # Panics
    /// When `state` is not terminal, or no such file was counted.
    pub const fn take_back(&mut self, state: FileState) {
        match state {
            FileState::Succeeded => self.succeeded -= 1,
            FileState::Failed => self.failed -= 1,
            FileState::Rejected => self.rejected -= 1,
            FileState::Cancelled => self.cancelled -= 1,
            FileState::Stored | FileState::Verified | FileState::Processing | FileState::Retrying => {
                panic!("only a terminal state was counted")
            }
        }
    }

    /// Files with an outcome.
    #[must_use]
    pub const fn done(&self) -> u32 {
        self.succeeded + self.failed + self.rejected + self.cancelled
    }

    /// Files without one.
    #[must_use]
    pub const fn pending(&self) -> u32 {
        // A log in which there are more is at odds with itself; whoever checks it says so.
        self.total.saturating_sub(self.done())
    }

    /// How the batch ended; none while files are pending.
    #[must_use]
    pub const fn outcome(&self) -> Option<BatchOutcome> {
        if self.pending() > 0 {
            None
        } else if self.succeeded == self.total {
            Some(BatchOutcome::Succeeded)
        } else if self.cancelled > 0 && self.succeeded == 0 {
            Some(BatchOutcome::Cancelled)
        } else if self.succeeded > 0 {
            Some(BatchOutcome::Partial)
        } else {
            Some(BatchOutcome::Failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(states: &[FileState]) -> Option<BatchOutcome> {
        let mut tally = Tally { total: 2, ..Tally::default() };
        for state in states {
            tally.count(*state);
        }
        tally.outcome()
    }

    #[test]
    fn a_batch_ends_as_its_files_do() {
        use FileState as S;
        assert_eq!(outcome_of(&[S::Succeeded]), None);
        assert_eq!(outcome_of(&[S::Succeeded, S::Succeeded]), Some(BatchOutcome::Succeeded));
        assert_eq!(outcome_of(&[S::Succeeded, S::Rejected]), Some(BatchOutcome::Partial));
        assert_eq!(outcome_of(&[S::Failed, S::Rejected]), Some(BatchOutcome::Failed));
        assert_eq!(outcome_of(&[S::Failed, S::Cancelled]), Some(BatchOutcome::Cancelled));
    }
}
