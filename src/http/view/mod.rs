//! What statuses look like as JSON: `snake_case`, times in RFC 3339 UTC, digests in hexadecimal. What is said of a member
//! here is what the API's description says of it.

mod batch;
mod file;
mod webhook;

use jiff::Timestamp;

pub use self::batch::{BatchList, BatchState, BatchView, ListLinks};
pub use self::file::{ErrorView, FileView, RefusedFileView, ResultLine, TextError};
pub use self::webhook::{CompletedEvent, completed_event};

/// A time in RFC 3339, always to the millisecond.
pub fn timestamp(ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// This moment, in the same form.
pub fn now() -> String {
    timestamp(Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_millisecond() {
        assert_eq!(timestamp(1_795_527_070_080), "2026-11-24T13:31:10.080Z");
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
    }
}
