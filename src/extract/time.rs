//! Moments as documents store them, in ISO 8601.

/// Seconds from 1601, where Windows begins to count, to 1970.
const WINDOWS_EPOCH_SECONDS: i64 = 11_644_473_600;

/// A moment counted in steps of 100 ns from 1601; none when it is not set.
pub(super) fn from_filetime(steps: u64) -> Option<String> {
    let seconds = i64::try_from(steps / 10_000_000).ok()?;
    (seconds > 0).then(|| from_unix(seconds - WINDOWS_EPOCH_SECONDS)).flatten()
}

/// A moment counted in seconds from 1970, within the years that four digits can write.
fn from_unix(seconds: i64) -> Option<String> {
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    (1..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Year, month and day of a count of days from 1970 (Howard Hinnant, `chrono`-Compatible Low-Level Date Algorithms).
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_iso_8601() {
        assert_eq!(from_filetime(0), None);
        assert_eq!(from_filetime(133_485_408_000_000_000).as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(date(-1), (1969, 12, 31));
        assert_eq!(date(11_016), (2000, 2, 29));
    }
}
