//! `[log]`: what is written to standard error.

use serde::{Deserialize, Serialize};

/// How a line of the log is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Time, level, target and message, with colours on a terminal.
    #[default]
    Human,
    /// One JSON object, with ids as members of their own.
    Json,
}

/// `[log]`: the log on standard error. `CONSIGN_LOG` says from which level on, as in `CONSIGN_LOG=warn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// `human` for whoever reads along, `json` for a program that collects.
    pub format: LogFormat,
    /// Whether each request has its line. Whoever looks for what happened wants it; a proxy in front may keep one already.
    pub access: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::default(), access: true }
    }
}
