//! Text in addresses and headers that take only some signs: percent-encoding (RFC 3986, section 2.1).

use std::fmt::Write as _;

/// The text with every byte spelt out that is no ASCII letter and no digit.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // A text takes what is written to it.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
