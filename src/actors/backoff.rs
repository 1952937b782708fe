//! Exponential backoff with jitter.

use std::time::Duration;

/// How long to wait before the try after number `tried` (from 1): `base`, doubled for each try after the first, give or take
/// a quarter at random, so that what failed together does not come back together.
#[must_use]
pub fn delay(base: Duration, tried: u32) -> Duration {
    let full = base.saturating_mul(1 << tried.saturating_sub(1).min(16));
    full.mul_f64(rand::random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delay_is_about_twice_the_one_before() {
        let base = Duration::from_millis(500);
        for (tried, full) in [(1, 500), (2, 1000), (3, 2000)] {
            for _ in 0..100 {
                let delay = delay(base, tried).as_millis();
                assert!((full * 3 / 4..=full * 5 / 4).contains(&delay), "{delay} ms after try {tried}");
            }
        }
    }
}
