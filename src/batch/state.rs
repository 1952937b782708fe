//! States, events, and the one function that says which event may happen in which state.

use derive_more::{Display, Error};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a file stands. The first four are on their way, the last four are terminal.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum FileState {
    /// Durable, and acknowledged or about to be.
    Stored,
    /// Proved to be what its seal promises.
    Verified,
    /// In a child's hands.
    Processing,
    /// Waits for its next attempt.
    Retrying,
    Succeeded,
    Failed,
    Rejected,
    Cancelled,
}

/// What can happen to a file.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum FileEvent {
    Verified,
    Started,
    WillRetry,
    Succeeded,
    Failed,
    Rejected,
    Cancelled,
}

#[cfg(test)]
impl FileEvent {
    /// Every event.
    pub(crate) const ALL: [Self; 7] = [
        Self::Verified,
        Self::Started,
        Self::WillRetry,
        Self::Succeeded,
        Self::Failed,
        Self::Rejected,
        Self::Cancelled,
    ];
}

/// An event that cannot happen to a file in this state: a bug or a damaged log, never a user's fault.
#[derive(Debug, Display, Error, PartialEq, Eq)]
#[display("a file that is {state} cannot become {event}")]
pub struct IllegalEvent {
    pub state: FileState,
    pub event: FileEvent,
}

impl FileState {
    /// The only judge of transitions, live and at replay.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the event cannot happen in this state.
    pub const fn next(self, event: FileEvent) -> Result<Self, IllegalEvent> {
        use FileEvent as E;
        use FileState as S;
        match (self, event) {
            (S::Stored, E::Verified) => Ok(S::Verified),
            (S::Verified | S::Retrying, E::Started) => Ok(S::Processing),
            (S::Processing, E::WillRetry) => Ok(S::Retrying),
            // Out of an attempt, or with the text of a file that has the same bytes.
            (S::Verified | S::Processing, E::Succeeded) => Ok(S::Succeeded),
            (S::Stored | S::Verified | S::Processing | S::Retrying, E::Failed) => Ok(S::Failed),
            (S::Stored | S::Verified, E::Rejected) => Ok(S::Rejected),
            (S::Stored | S::Verified | S::Processing | S::Retrying, E::Cancelled) => Ok(S::Cancelled),
            (state, event) => Err(IllegalEvent { state, event }),
        }
    }

    /// Whether nothing more will happen to the file by itself.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const STATES: [FileState; 8] = [
        FileState::Stored,
        FileState::Verified,
        FileState::Processing,
        FileState::Retrying,
        FileState::Succeeded,
        FileState::Failed,
        FileState::Rejected,
        FileState::Cancelled,
    ];

    #[test]
    fn nothing_happens_to_a_file_that_has_ended() {
        for state in STATES.into_iter().filter(|state| state.is_terminal()) {
            for event in FileEvent::ALL {
                assert_eq!(state.next(event), Err(IllegalEvent { state, event }));
            }
        }
    }

    #[test]
    fn a_file_on_its_way_can_always_fail_or_be_cancelled() {
        for state in STATES.into_iter().filter(|state| !state.is_terminal()) {
            assert_eq!(state.next(FileEvent::Failed), Ok(FileState::Failed));
            assert_eq!(state.next(FileEvent::Cancelled), Ok(FileState::Cancelled));
        }
    }

    #[test]
    fn a_result_comes_out_of_an_attempt_or_to_a_file_that_is_proved() {
        let from = |state: &FileState| state.next(FileEvent::Succeeded).is_ok();
        let states: Vec<_> = STATES.into_iter().filter(from).collect();
        assert_eq!(states, [FileState::Verified, FileState::Processing]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_run_of_events_ends_at_most_once_and_by_the_event_of_its_end(events in vec(select(&FileEvent::ALL), 0..50)) {
            let mut state = FileState::Stored;
            let mut end = None;
            for event in events {
                match state.next(event) {
                    Ok(next) => {
                        prop_assert_eq!(end, None, "{} after the end", event);
                        end = next.is_terminal().then_some(event);
                        state = next;
                    }
                    Err(illegal) => prop_assert_eq!(illegal, IllegalEvent { state, event }),
                }
            }
            prop_assert_eq!(end.map(|event| event.to_string()), state.is_terminal().then(|| state.to_string()));
        }

        #[test]
        fn an_attempt_is_begun_only_when_none_is_under_way(events in vec(select(&FileEvent::ALL), 0..50)) {
            let (mut state, mut under_way) = (FileState::Stored, false);
            for event in events {
                let Ok(next) = state.next(event) else { continue };
                if event == FileEvent::Started {
                    prop_assert!(!under_way);
                }
                under_way = event == FileEvent::Started;
                prop_assert_eq!(next == FileState::Processing, under_way);
                state = next;
            }
        }
    }
}
