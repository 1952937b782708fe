//! How an address is read from a setting.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

/// Reads a socket address; the standard reading does not say what would have been right.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        de::Error::invalid_value(
            de::Unexpected::Str(&text),
            &"an address and a port, such as 127.0.0.1:8080 or [::1]:0",
        )
    })
}
