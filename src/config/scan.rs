//! `[scan]`: the scanner for malware.

use serde::{Deserialize, Serialize};

use crate::scan::Address;

/// `[scan]`: who scans files for malware, and how long it is waited for. A file without a verdict fails; none passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanSettings {
    /// Where clamd listens: `tcp://HOST:PORT`, or `unix:/PATH`. Empty for none, and then nothing is scanned, since a
    /// scanner is somebody else's program.
    #[serde(with = "address")]
    pub clamd: Option<Address>,
    /// Tries to have a file scanned before it fails. Eight are a minute in all, which outlasts a clamd that starts anew and
    /// reads its signatures.
    pub tries_max: u32,
    /// Milliseconds before the second try, doubled before each one after it.
    pub backoff_ms_base: u64,
    /// Milliseconds that one scan may take. clamd itself stops after two minutes unless told otherwise.
    pub timeout_ms_max: u64,
    /// Scans at the same time. clamd keeps a core busy with each, and has ten threads unless told otherwise.
    pub scans_max: usize,
}

impl Default for ScanSettings {
    fn default() -> Self {
        Self { clamd: None, tries_max: 8, backoff_ms_base: 500, timeout_ms_max: 120_000, scans_max: 4 }
    }
}

/// An address that may be missing, which an empty text says.
mod address {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::Address;

    #[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
    pub fn serialize<S: Serializer>(address: &Option<Address>, serializer: S) -> Result<S::Ok, S::Error> {
        address.as_ref().map(ToString::to_string).unwrap_or_default().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        let place = "an address such as tcp://127.0.0.1:3310 or unix:/run/clamav/clamd.ctl, or empty";
        text.parse().map(Some).map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &place))
    }
}
