//! How many streams of records a user has, and how often one of them has gone on behind a record. Both are bounded as in
//! DocsGPT, whose clients come again by themselves: none of them takes all places, or has the log read over and over.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::refusal::Refusal;
use crate::http::ApiError;

/// Streams of one user at the same time.
const STREAMS_MAX: usize = 8;

/// Streams of one user that go on behind a record, within `REPLAYS_WITHIN`.
const REPLAYS_MAX: usize = 30;

const REPLAYS_WITHIN: Duration = Duration::from_mins(1);

/// The streams of all users. There are no more users than there are keys.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<String, OfUser>>>);

/// The streams of one user.
#[derive(Default)]
struct OfUser {
    open: usize,
    /// When the last of those began that go on behind a record, the oldest first.
    replays: VecDeque<Instant>,
}

/// A stream that counts until it is dropped.
pub struct CountedStream {
    streams: Streams,
    user: String,
}

impl Streams {
    /// Counts a stream that begins at this time. One that is refused costs nothing.
    ///
    /// # Errors
    /// When the user has as many as there may be, or has had too many go on behind a record.
    pub fn count(&self, user: &str, is_replay: bool, now: Instant) -> Result<CountedStream, Refusal> {
        let mut users = self.lock();
        let of_user = users.entry(user.to_owned()).or_default();
        if of_user.open == STREAMS_MAX {
            return Err(Refusal::Other(ApiError::TooManyStreams));
        }
        if is_replay {
            of_user.count_replay(now)?;
        }
        of_user.open += 1;
        Ok(CountedStream { streams: self.clone(), user: user.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, OfUser>> {
        // What is written in here is written whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfUser {
    fn count_replay(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.replays.len() == REPLAYS_MAX
            && let Some(oldest) = self.replays.front()
        {
            let wait = (*oldest + REPLAYS_WITHIN).saturating_duration_since(now);
            if !wait.is_zero() {
                return Err(Refusal::TooManyReplays { wait });
            }
            self.replays.pop_front();
        }
        self.replays.push_back(now);
        Ok(())
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        if let Some(of_user) = self.streams.lock().get_mut(&self.user) {
            of_user.open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_eight_streams_whatever_others_have() {
        let (streams, now) = (Streams::default(), Instant::now());
        let count = |user| streams.count(user, false, now);
        let mut open: Vec<_> = (0..STREAMS_MAX).map(|_| count("ann").unwrap()).collect();
        assert!(matches!(count("ann"), Err(Refusal::Other(ApiError::TooManyStreams))));
        assert!(count("bob").is_ok());
        open.pop();
        assert!(count("ann").is_ok(), "one that has ended makes room");
    }

    #[test]
    fn thirty_replays_fit_in_any_minute_and_those_that_are_refused_cost_nothing() {
        let (streams, begun) = (Streams::default(), Instant::now());
        let replay = |after_seconds| streams.count("ann", true, begun + Duration::from_secs(after_seconds)).map(drop);
        assert!((0..30).all(|second| replay(second).is_ok()));
        for second in [30, 59] {
            let refused = replay(second).unwrap_err();
            let expected = Duration::from_secs(60 - second);
            assert!(matches!(refused, Refusal::TooManyReplays { wait } if wait == expected), "{refused:?}");
        }
        assert!(streams.count("ann", false, begun + Duration::from_secs(59)).is_ok(), "from now on anybody may listen");
        assert!(replay(60).is_ok());
        assert!(replay(60).is_err());
        assert!(replay(61).is_ok());
    }
}
