//! How files ended in the last hour, minute by minute: what a glance at a server wants, without a time series beside it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// An hour.
pub const MINUTES: usize = 60;

/// How many files ended in one minute.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Minute {
    /// In whatever way.
    pub ended: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
}

/// The last hour. Minutes are counted from the start, by a clock that nobody sets.
#[derive(Debug)]
pub struct Recent {
    started: Instant,
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    newest: u64,
    minutes: [Minute; MINUTES],
}

impl Recent {
    /// Nothing has ended yet.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), ring: Mutex::new(Ring { newest: 0, minutes: [Minute::default(); MINUTES] }) }
    }

    /// Counts a file that has just ended.
    pub fn count(&self, is_failed: bool) {
        let now = self.now();
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).count(now, is_failed);
    }

    /// The minutes, oldest first; the last one has not passed yet.
    #[must_use]
    pub fn minutes(&self) -> [Minute; MINUTES] {
        let now = self.now();
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).minutes(now)
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_secs() / 60
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring {
    fn count(&mut self, now: u64, is_failed: bool) {
        self.forget_until(now);
        let minute = &mut self.minutes[place(self.newest)];
        minute.ended += 1;
        minute.failed += u64::from(is_failed);
    }

    fn minutes(&mut self, now: u64) -> [Minute; MINUTES] {
        self.forget_until(now);
        let mut minutes = self.minutes;
        minutes.rotate_left(place(self.newest + 1));
        minutes
    }

    /// Clears the minutes that have begun since the last look. Two threads may come in another order than they looked at
    /// the clock, so `now` may be in the past; that counts for the newest minute.
    fn forget_until(&mut self, now: u64) {
        let oldest_kept = now.saturating_sub(MINUTES as u64);
        for minute in self.newest.max(oldest_kept) + 1..=now {
            self.minutes[place(minute)] = Minute::default();
        }
        self.newest = self.newest.max(now);
    }
}

fn place(minute: u64) -> usize {
    usize::try_from(minute % MINUTES as u64).expect("less than an hour")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(counts: &[(u64, bool)]) -> Ring {
        let mut ring = Ring { newest: 0, minutes: [Minute::default(); MINUTES] };
        for &(now, is_failed) in counts {
            ring.count(now, is_failed);
        }
        ring
    }

    /// The minutes in which something ended, by how long ago they are.
    fn told(mut ring: Ring, now: u64) -> Vec<(usize, u64, u64)> {
        let minutes = ring.minutes(now);
        let ago = minutes.iter().rev().enumerate().filter(|(_, minute)| minute.ended > 0);
        ago.map(|(ago, minute)| (ago, minute.ended, minute.failed)).collect()
    }

    #[test]
    fn a_file_counts_for_the_minute_in_which_it_ended() {
        assert_eq!(told(ring(&[(0, true), (0, false), (2, true)]), 2), [(0, 1, 1), (2, 2, 1)]);
        assert_eq!(told(ring(&[(0, true), (0, false), (2, true)]), 5), [(3, 1, 1), (5, 2, 1)]);
    }

    #[test]
    fn an_hour_later_it_is_forgotten() {
        assert_eq!(told(ring(&[(7, true)]), 66), [(59, 1, 1)]);
        assert_eq!(told(ring(&[(7, true)]), 67), []);
        assert_eq!(told(ring(&[(7, true)]), 100_000), []);
        assert_eq!(told(ring(&[(7, true), (100_000, false)]), 100_001), [(1, 1, 0)]);
    }

    #[test]
    fn who_looked_at_the_clock_a_little_earlier_is_counted_all_the_same() {
        assert_eq!(told(ring(&[(3, false), (2, true)]), 3), [(0, 2, 1)]);
    }
}
