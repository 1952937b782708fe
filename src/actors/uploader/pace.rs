//! How long a request is waited for: never for ever, neither for its next byte nor in all.

use std::time::{Duration, Instant};

use tokio::time::timeout;

/// What the client of one upload may still make the server wait. Only waiting for the client counts: a disk that is slow
/// is no fault of the client's.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    idle_max: Duration,
    /// Bytes that each second of waiting must bring on average, after the first `idle_max`; 0 asks for none.
    second_bytes_min: u64,
    waited: Duration,
    bytes: u64,
}

/// Nothing came for too long, or too little in all.
#[derive(Debug, PartialEq, Eq)]
pub struct TooSlow;

impl Pace {
    #[must_use]
    pub const fn new(idle_max: Duration, second_bytes_min: u64) -> Self {
        Self { idle_max, second_bytes_min, waited: Duration::ZERO, bytes: 0 }
    }

    /// Waits for what the client sends next.
    ///
    /// # Errors
    /// When it does not come in time. What is there already is always taken.
    pub async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, TooSlow> {
        let begun = Instant::now();
        let came = timeout(self.patience(), next).await;
        self.waited += begun.elapsed();
        came.map_err(|_| TooSlow)
    }

    /// These bytes have come.
    pub const fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// How long the next wait may be.
    fn patience(&self) -> Duration {
        let earned = self.bytes.checked_div(self.second_bytes_min).map_or(Duration::MAX, Duration::from_secs);
        self.idle_max.saturating_add(earned).saturating_sub(self.waited).min(self.idle_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE_MAX: Duration = Duration::from_secs(30);

    fn after(waited: u64, bytes: usize, second_bytes_min: u64) -> Duration {
        let mut pace = Pace { waited: Duration::from_secs(waited), ..Pace::new(IDLE_MAX, second_bytes_min) };
        pace.came(bytes);
        pace.patience()
    }

    #[test]
    fn bytes_earn_time_and_waiting_spends_it() {
        assert_eq!(after(0, 0, 1024), IDLE_MAX);
        assert_eq!(after(30, 30, 1024), Duration::ZERO, "a byte a second is too slow");
        assert_eq!(after(40, 20 << 10, 1024), Duration::from_secs(10));
        assert_eq!(after(40, 20 << 20, 1024), IDLE_MAX, "the next byte may never take longer");
    }

    #[test]
    fn without_a_pace_to_keep_only_the_next_byte_counts() {
        assert_eq!(after(1_000_000, 1, 0), IDLE_MAX);
    }
}
