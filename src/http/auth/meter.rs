//! How many requests a key may make: the generic cell rate algorithm (ITU-T I.371, annex A, as virtual scheduling).
//!
//! A key may make a minute's worth at once, and gets one back whenever a minute's share of one has passed. It takes one
//! point in time and no bookkeeping of requests.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_mins(1);

/// The requests of one key.
#[derive(Debug)]
pub struct Meter {
    /// Between two requests that are spread evenly.
    interval: Duration,
    /// When the next request would be due, were all so far spread evenly.
    due: Mutex<Option<Instant>>,
}

impl Meter {
    /// Lets so many through in a minute.
    pub fn new(minute_max: u32) -> Self {
        Self { interval: MINUTE / minute_max.max(1), due: Mutex::default() }
    }

    /// Lets a request through at this time, or says how long it has to wait. One that is refused costs nothing.
    pub fn pass(&self, now: Instant) -> Result<(), Duration> {
        // What is written in here is written whole.
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.map_or(now, |due| due.max(now)) + self.interval;
        let wait = next.saturating_duration_since(now + MINUTE);
        if wait.is_zero() {
            *due = Some(next);
            return Ok(());
        }
        Err(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_passes_at_once_and_then_one_by_one() {
        for minute_max in [1, 7, 60, 100_000] {
            let meter = Meter::new(minute_max);
            let begun = Instant::now();
            assert!((0..minute_max).all(|_| meter.pass(begun).is_ok()), "{minute_max}");
            let wait = meter.pass(begun).unwrap_err();
            assert!(wait <= MINUTE / minute_max, "{minute_max}: {wait:?}");
            assert_eq!(meter.pass(begun + wait), Ok(()), "{minute_max}");
            assert!(meter.pass(begun + wait).is_err(), "{minute_max}");
            let later = begun + wait + MINUTE;
            assert!(
                (0..minute_max).all(|_| meter.pass(later).is_ok()),
                "{minute_max}: a minute gives all of them back"
            );
            assert!(meter.pass(later).is_err(), "{minute_max}: and no more than that");
        }
    }
}
