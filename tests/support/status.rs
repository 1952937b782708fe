//! The status JSON, typed: what is missing from it or of another type fails the test that reads it.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    pub id: String,
    pub state: String,
    pub outcome: Option<String>,
    pub created_at: String,
    pub finished_at: Option<String>,
    pub metadata: Value,
    pub progress: Progress,
    pub summary: Summary,
    pub files: Vec<FileStatus>,
    pub webhooks: Vec<Webhook>,
    pub links: Links,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Progress {
    pub files_done: u64,
    pub files_total: u64,
    pub percent: f64,
    pub bytes_total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Summary {
    pub total: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub rejected: u64,
    pub cancelled: u64,
    pub pending: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Webhook {
    pub url: String,
    pub state: String,
    pub attempts: u64,
    pub last_status: Option<u16>,
    pub next_attempt_at: Option<String>,
    pub delivered_at: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Links {
    #[serde(rename = "self")]
    pub this: String,
    pub next: Option<String>,
    pub results: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct FileStatus {
    pub id: String,
    pub index: u64,
    pub name: String,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub media_type: Option<String>,
    pub state: String,
    pub retries: u64,
    pub attempts: u64,
    pub deduplicated: bool,
    pub error: Option<FileError>,
    pub result: Option<FileResult>,
    pub timings: Value,
}

#[derive(Debug, Clone, Deserialize)]
pub struct FileError {
    pub code: String,
    pub message: String,
    pub retryable: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct FileResult {
    pub text_url: String,
    pub chars: u64,
    pub tokens: u64,
    pub tokenizer: String,
    pub pages: Option<u64>,
    pub metadata: Value,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A page of the list of batches.
#[derive(Debug, Deserialize)]
pub struct List {
    pub batches: Vec<ListedBatch>,
    pub links: ListLinks,
}

#[derive(Debug, Deserialize)]
pub struct ListedBatch {
    pub id: String,
    pub state: String,
    pub outcome: Option<String>,
    pub created_at: String,
}

#[derive(Debug, Deserialize)]
pub struct ListLinks {
    pub next: Option<String>,
}

impl Batch {
    pub fn of(json: &Value) -> Self {
        serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error} in the status {json}"))
    }

    /// The one file of this name.
    pub fn file(&self, name: &str) -> &FileStatus {
        let mut found = self.files.iter().filter(|file| file.name == name);
        let (Some(file), None) = (found.next(), found.next()) else {
            panic!("one file is named {name:?} in {self:?}");
        };
        file
    }

    /// Asserts that every file succeeded.
    pub fn assert_succeeded(&self) {
        let bad: Vec<_> = self.files.iter().filter(|file| file.state != "succeeded").collect();
        assert!(bad.is_empty(), "these did not succeed: {bad:#?}");
        assert_eq!((self.state.as_str(), self.outcome.as_deref()), ("completed", Some("succeeded")));
    }
}

impl FileStatus {
    /// The file's address: its batch's id is its own with the low 16 bits cleared.
    pub fn path(&self) -> String {
        let batch = format!("{}0000", &self.id[..self.id.len() - 4]);
        format!("/batches/{batch}/files/{}", self.id)
    }

    /// Whether nothing more will happen to it.
    pub fn is_terminal(&self) -> bool {
        matches!(self.state.as_str(), "succeeded" | "failed" | "rejected" | "cancelled")
    }

    /// The error's code, or nothing.
    pub fn code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.code.as_str())
    }

    /// The error of a file that has one.
    pub fn error(&self) -> &FileError {
        self.error.as_ref().unwrap_or_else(|| panic!("the file has an error: {self:?}"))
    }

    /// The result of a file that succeeded.
    pub fn result(&self) -> &FileResult {
        self.result.as_ref().unwrap_or_else(|| panic!("the file has a result: {self:?}"))
    }

    /// Asserts that the file ended in this state with this code.
    pub fn assert_ended(&self, state: &str, code: &str) {
        assert_eq!((self.state.as_str(), self.code()), (state, Some(code)), "{self:?}");
    }

    /// Whether a warning with this code came with the result.
    pub fn warns(&self, code: &str) -> bool {
        let metadata = self.result().metadata["warnings"].as_array().cloned().unwrap_or_default();
        let in_metadata = metadata.iter().filter_map(Value::as_str);
        self.result().warnings.iter().map(String::as_str).chain(in_metadata).any(|warning| warning.starts_with(code))
    }
}
