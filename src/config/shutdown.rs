//! How the server ends.

use serde::{Deserialize, Serialize};

/// `[shutdown]`: how the server ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutdownSettings {
    /// Milliseconds that running attempts may still take after SIGTERM or SIGINT; what is not done by then goes on at
    /// the next start. systemd kills after 90 s and Docker after 10 s unless told otherwise. 0 does not wait.
    pub drain_ms_max: u64,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { drain_ms_max: 30_000 }
    }
}
