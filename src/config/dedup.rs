//! `[dedup]`: what is made of files with the same bytes.

use serde::{Deserialize, Serialize};

/// `[dedup]`: whether files of one owner that have the same bytes share them, and their text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupSettings {
    /// Whether a file takes over the text of another one with the same bytes, type and settings, and its bytes are stored
    /// once. Yes, since people hand in the same documents again; without it each file is stored and read for itself.
    pub enabled: bool,
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}
