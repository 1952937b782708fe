//! `[retention]`: how long what has ended is kept.

use serde::{Deserialize, Serialize};

use super::bytes;

/// A day.
const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// `[retention]`: when a completed batch goes by itself, with all trace of it. What is not completed never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSettings {
    /// Milliseconds that a batch of which every file succeeded is kept after its end. 30 days are long enough for whoever
    /// wants the texts to have fetched them. 0 keeps it for ever.
    pub succeeded_ms_max: u64,
    /// Milliseconds that any other completed batch is kept after its end. 90 days leave time to look into what failed, and
    /// to retry it. 0 keeps it for ever.
    pub other_ms_max: u64,
    /// Bytes that the files of all batches may have together; past it the completed ones go that were handed in first. 0
    /// sets no bound.
    #[serde(with = "bytes")]
    pub bytes_max: u64,
    /// Whether the bytes of a file are kept once its text is there. Without them a disk holds many more batches, and
    /// `/content` is answered 410.
    pub keeps_originals: bool,
    /// Milliseconds between two looks for batches whose time is over. Ten minutes late are nothing after 30 days.
    pub sweep_every_ms: u64,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            succeeded_ms_max: 30 * DAY_MS,
            other_ms_max: 90 * DAY_MS,
            bytes_max: 0,
            keeps_originals: true,
            sweep_every_ms: 600_000,
        }
    }
}
