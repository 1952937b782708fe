//! `[webhook]`: who is told that batches are completed.

use serde::{Deserialize, Serialize};

use crate::webhooks::{Network, Reach, Secret};

/// `[webhook]`: who is told that a batch is completed, and how hard that is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where every batch is told, besides the place that it names itself: an http or https URL. Empty for nowhere.
    pub url: String,
    /// What deliveries are signed with, as `consign webhook secret` prints it. Without one there are none, and a batch that
    /// names a place is refused, since nobody there could tell news from a forgery.
    #[serde(with = "secret")]
    pub secret: Option<Secret>,
    /// Addresses and networks that may be called although they are not everybody's, such as `10.1.0.0/16`: whoever may hand
    /// batches in may have them called.
    pub allow_private: Vec<Network>,
    /// Deliveries at the same time. Each holds a thread and a connection.
    pub deliveries_max: usize,
    /// Milliseconds that one may take, from looking up the name to the answer.
    pub timeout_ms_max: u64,
    /// Milliseconds before the second try, doubled before each one after it up to an hour.
    pub retry_ms_base: u64,
    /// Milliseconds from a batch's end after which no further try begins. A day outlasts a night without an operator.
    pub retry_ms_max: u64,
}

impl WebhookSettings {
    /// What may be called.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { allowed: self.allow_private.clone() }
    }
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret: None,
            allow_private: Vec::new(),
            deliveries_max: 16,
            timeout_ms_max: 10_000,
            retry_ms_base: 5_000,
            retry_ms_max: 24 * 3_600 * 1_000,
        }
    }
}

/// A secret that may be missing, which an empty text says.
mod secret {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::Secret;

    #[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
    pub fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::in_full).unwrap_or_default().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        // Without the text, which may be half a secret.
        let expected = "whsec_ and 24 to 64 bytes in Base64, as `consign webhook secret` prints it, or empty";
        Secret::parse(&text).map(Some).map_err(|_| de::Error::invalid_value(de::Unexpected::Other("a text"), &expected))
    }
}
