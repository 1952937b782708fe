//! `[events]`: the streams of events.

use serde::{Deserialize, Serialize};

/// `[events]`: what those who listen to events may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsSettings {
    /// Streams of events at the same time; one more is answered 429. Each holds a connection and some 100 KiB while its
    /// reader is slow.
    pub streams_open_max: usize,
    /// Milliseconds of silence after which a stream says that it lives. Proxies give up after 30 s or a minute.
    pub heartbeat_ms: u64,
    /// Milliseconds that a reader may take nothing of what is there for it; then its stream ends, and it can resume.
    pub stall_ms_max: u64,
}

impl Default for EventsSettings {
    fn default() -> Self {
        Self { streams_open_max: 1_024, heartbeat_ms: 15_000, stall_ms_max: 30_000 }
    }
}
