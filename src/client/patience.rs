//! How long a client puts up with a server that is away or busy: pauses that double, with jitter, up to a sum.

use std::time::Duration;

use super::error::ClientError;

/// Before the second try; doubled before each one after it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A server that comes back is noticed within this.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The pauses of one request.
#[derive(Debug)]
pub struct Patience {
    next: Duration,
    left: Duration,
}

impl Patience {
    /// Pauses that come to no more than `sum` together.
    #[must_use]
    pub const fn new(sum: Duration) -> Self {
        Self { next: FIRST_PAUSE, left: sum }
    }

    /// How long to wait before the next try after this failure; none when it would not help, or the patience is at its end.
    pub fn after(&mut self, error: &ClientError) -> Option<Duration> {
        if !error.is_passing() || self.left.is_zero() {
            return None;
        }
        // Between half and the whole, so that many clients of one server do not come back at once.
        let jittered = self.next.mul_f64(rand::random_range(0.5..=1.0));
        let pause = error.retry_after().unwrap_or(Duration::ZERO).max(jittered).min(self.left);
        self.next = (self.next * 2).min(PAUSE_MAX);
        self.left -= pause;
        Some(pause)
    }
}

/// Waits on a thread that has nothing else to do.
#[expect(clippy::disallowed_methods, reason = "no actor's thread: it is the client's own, and nobody has news for it")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ClientError {
        ClientError::Unreachable { server: "s".into(), reason: "r".into() }
    }

    #[test]
    fn pauses_grow_and_come_to_the_sum_exactly() {
        let mut patience = Patience::new(Duration::from_mins(1));
        let pauses: Vec<_> = std::iter::from_fn(|| patience.after(&unreachable())).collect();
        assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_mins(1));
        assert!(pauses[0] <= FIRST_PAUSE && pauses.iter().all(|pause| *pause <= PAUSE_MAX), "{pauses:?}");
        assert!((12..40).contains(&pauses.len()), "{pauses:?}");
    }

    #[test]
    fn a_server_that_names_a_time_is_left_alone_for_it() {
        let problem = super::super::error::Problem {
            status: 429,
            retry_after: Some(Duration::from_secs(7)),
            ..Default::default()
        };
        let busy = ClientError::Refused(problem);
        let mut patience = Patience::new(Duration::from_secs(10));
        assert_eq!(patience.after(&busy), Some(Duration::from_secs(7)));
        assert_eq!(patience.after(&busy), Some(Duration::from_secs(3)), "no longer than there is patience");
        assert_eq!(patience.after(&busy), None);
    }

    #[test]
    fn what_does_not_pass_is_not_waited_for() {
        let strange = ClientError::Strange { server: "s".into(), what: "w".into() };
        assert_eq!(Patience::new(Duration::from_mins(1)).after(&strange), None);
    }
}
