//! When a delivery is tried again, and when it is given up.

use std::time::Duration;

use derive_more::Display;

use super::client::{Answer, NoAnswer};
use crate::joblog::{Delivery, DeliveryState};

/// The longest wait between two tries, whatever the receiver asks for: it is to hear of its batches within the hour in
/// which it is well again.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// How the waits grow, and for how long they do.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Before the second try; doubled before each one after it.
    pub retry_base: Duration,
    /// From the batch's end to when no further try begins.
    pub give_up_after: Duration,
}

/// What became of a try, as metrics and the log have it.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum Result {
    Delivered,
    Retried,
    GivenUp,
}

impl Result {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Retried, Self::GivenUp];

    /// What the state after a try says of it.
    #[must_use]
    pub const fn of(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Delivered { .. } => Self::Delivered,
            DeliveryState::Pending { .. } => Self::Retried,
            DeliveryState::Failed => Self::GivenUp,
        }
    }
}

impl Schedule {
    /// What follows on a try that ended at `now_ms`. `jitter`, from 0 to 1, spreads those that failed together over the
    /// second half of their wait.
    #[must_use]
    pub fn next(
        &self,
        delivery: &Delivery,
        answer: &std::result::Result<Answer, NoAnswer>,
        now_ms: i64,
        jitter: f64,
    ) -> DeliveryState {
        let mut asked = Duration::ZERO;
        match answer {
            Ok(Answer { status: 200..=299, .. }) => return DeliveryState::Delivered { at_ms: now_ms },
            // It says itself that it will never want it (Standard Webhooks, "Operational considerations").
            Ok(Answer { status: 410, .. }) => return DeliveryState::Failed,
            Ok(Answer { status: 429 | 503, retry_after }) => asked = retry_after.unwrap_or_default(),
            Ok(_) | Err(_) => {}
        }
        let doubled = 2_u32.checked_pow(delivery.tries).and_then(|times| self.retry_base.checked_mul(times));
        let wait = doubled.unwrap_or(WAIT_MAX).min(WAIT_MAX).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        let next_ms = now_ms.saturating_add(whole_ms(wait.max(asked.min(WAIT_MAX))));
        if next_ms.saturating_sub(delivery.finished_ms) > whole_ms(self.give_up_after) {
            DeliveryState::Failed
        } else {
            DeliveryState::Pending { next_ms }
        }
    }
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Tally;

    const DAY: Duration = Duration::from_hours(24);
    const SCHEDULE: Schedule = Schedule { retry_base: Duration::from_secs(5), give_up_after: DAY };

    fn delivery(tries: u32) -> Delivery {
        let state = DeliveryState::Pending { next_ms: 0 };
        let (url, tally) = ("https://example.org/".into(), Tally::default());
        Delivery { url, completion: 1, tally, finished_ms: 0, tries, last_status: None, state }
    }

    fn after(status: u16, retry_after: Option<Duration>) -> DeliveryState {
        SCHEDULE.next(&delivery(0), &Ok(Answer { status, retry_after }), 1_000, 1.0)
    }

    #[test]
    fn a_2xx_is_a_delivery_and_410_the_end_of_it() {
        assert_eq!(after(200, None), DeliveryState::Delivered { at_ms: 1_000 });
        assert_eq!(after(204, None), DeliveryState::Delivered { at_ms: 1_000 });
        assert_eq!(after(410, None), DeliveryState::Failed);
        for status in [100, 199, 301, 302, 307, 400, 404, 500, 503] {
            assert_eq!(after(status, None), DeliveryState::Pending { next_ms: 6_000 }, "{status}");
        }
    }

    #[test]
    fn retry_after_is_heeded_where_it_means_something_and_within_an_hour() {
        let minute = Some(Duration::from_mins(1));
        assert_eq!(after(503, minute), DeliveryState::Pending { next_ms: 61_000 });
        assert_eq!(after(429, minute), DeliveryState::Pending { next_ms: 61_000 });
        assert_eq!(after(500, minute), DeliveryState::Pending { next_ms: 6_000 });
        assert_eq!(after(503, Some(Duration::ZERO)), DeliveryState::Pending { next_ms: 6_000 });
        assert_eq!(after(503, Some(DAY)), DeliveryState::Pending { next_ms: 3_601_000 });
    }

    #[test]
    fn waits_double_up_to_an_hour_and_end_after_a_day() {
        let mut now_ms = 0;
        let mut waits = Vec::new();
        let mut tried = delivery(0);
        while let DeliveryState::Pending { next_ms } = SCHEDULE.next(&tried, &Err(NoAnswer::Timeout), now_ms, 1.0) {
            waits.push((next_ms - now_ms) / 1_000);
            (now_ms, tried.tries) = (next_ms, tried.tries + 1);
        }
        assert_eq!(waits[..11], [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
        assert!(waits[11..].iter().all(|wait| *wait == 3_600));
        assert_eq!((waits.len(), now_ms <= 24 * 3_600_000), (32, true));
    }

    #[test]
    fn jitter_takes_up_to_half_of_a_wait() {
        let wait = |jitter| SCHEDULE.next(&delivery(3), &Err(NoAnswer::Timeout), 0, jitter);
        assert_eq!(wait(0.0), DeliveryState::Pending { next_ms: 20_000 });
        assert_eq!(wait(1.0), DeliveryState::Pending { next_ms: 40_000 });
    }
}
