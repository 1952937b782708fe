//! Why a request came to nothing, by what the caller can do about it.

use std::time::Duration;

use derive_more::{Display, Error};
use serde::Deserialize;

use super::answers::RefusedFile;

/// Why a request came to nothing. Each is one sentence without its full stop.
#[derive(Debug, Display, Error)]
pub enum ClientError {
    /// No answer came: the server is away, or the way to it.
    #[display("{server} does not answer: {reason}")]
    Unreachable { server: String, reason: String },
    /// The server answered that it will not.
    #[display("{_0}")]
    Refused(#[error(not(source))] Problem),
    /// What answered is no Consign server, or one of another age.
    #[display("{server} answers what this program does not understand: {what}")]
    Strange { server: String, what: String },
    /// Bytes that were to be sent could not be read; `part` says of which.
    #[display("a file cannot be read while it is sent: {reason}")]
    Unreadable { part: usize, reason: String },
}

/// What a server says of a request that failed (RFC 9457).
#[derive(Debug, Display, Clone, Default, Deserialize)]
#[display("the server refused: {} ({code})", detail.trim_end_matches('.'))]
#[serde(default)]
pub struct Problem {
    pub status: u16,
    pub code: String,
    pub detail: String,
    pub files: Vec<RefusedFile>,
    /// How long it asks to be left alone.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl ClientError {
    /// Whether the same request may fare better a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => problem.is_passing(),
            Self::Strange { .. } | Self::Unreadable { .. } => false,
        }
    }

    /// How long the server asks to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(problem) => problem.retry_after,
            Self::Unreachable { .. } | Self::Strange { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Whether the server says that there is no such thing.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(Problem { status: 404, .. }))
    }
}

impl Problem {
    /// Servers and what stands before them fail with a 5xx for a while; one whose disk is full does not get over it alone.
    fn is_passing(&self) -> bool {
        match self.status {
            408 | 500 | 502 | 503 | 504 => true,
            409 | 429 => self.retry_after.is_some(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: Option<u64>) -> ClientError {
        let retry_after = retry_after.map(Duration::from_secs);
        ClientError::Refused(Problem { status, retry_after, ..Problem::default() })
    }

    #[test]
    fn what_waiting_helps_is_passing() {
        for (status, retry_after) in
            [(408, None), (500, None), (503, Some(5)), (409, Some(5)), (429, Some(5)), (502, None)]
        {
            assert!(refused(status, retry_after).is_passing(), "{status}");
        }
        // Another state of a batch, a quota of stored bytes, a key that is none, a full disk.
        for status in [409, 429, 401, 404, 413, 422, 507] {
            assert!(!refused(status, None).is_passing(), "{status}");
        }
    }
}
