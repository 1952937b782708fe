//! What tells the series of a metric apart. Each label has few values, known beforehand or nearly so: no ids, no names, no
//! paths.

use derive_more::Display;
use prometheus_client::encoding::EncodeLabelSet;

/// How the upload of a file ended.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum UploadOutcome {
    Accepted,
    Rejected,
    Aborted,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UploadLabels {
    pub outcome: String,
}

/// What a try to scan a file for malware brought.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum ScanResult {
    Clean,
    Found,
    TooLarge,
    Unavailable,
    Unreadable,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabels {
    pub result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CodeLabels {
    pub code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabels {
    pub cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StateLabels {
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SyncLabels {
    pub target: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpLabels {
    pub method: String,
    pub route: String,
    pub status: u16,
}
