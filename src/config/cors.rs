//! Which pages of other origins may call the server.

use serde::{Deserialize, Serialize};

/// `[cors]`: which pages may call the server from a browser, beside its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins as browsers send them, such as `https://chat.example.org`, or `*` alone for any. None, so that a page that
    /// somebody happens to visit cannot read what is kept here.
    pub origins: Vec<String>,
}

impl CorsSettings {
    /// Stands for every origin.
    pub const ANY: &str = "*";

    /// Whether these are origins in the form in which browsers send them (RFC 6454, section 6.2), or the one word for any.
    pub(super) fn are_origins(&self) -> bool {
        self.origins == [Self::ANY] || self.origins.iter().all(|origin| is_origin(origin))
    }
}

/// Compared letter for letter later on, so what no browser sends is a mistake.
fn is_origin(text: &str) -> bool {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    host.is_some_and(|host| !host.is_empty() && host.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_send_is_an_origin() {
        let are =
            |origins: &[&str]| CorsSettings { origins: origins.iter().map(|&o| o.to_owned()).collect() }.are_origins();
        assert!(are(&[]) && are(&["*"]) && are(&["http://localhost:5173", "https://[::1]", "https://a.example.org"]));
        for wrong in
            ["", "a.example.org", "https://", "https://a.example.org/", "https://A.example.org", "null", "ftp://a"]
        {
            assert!(!are(&[wrong]), "{wrong:?}");
        }
        assert!(!are(&["*", "https://a.example.org"]));
    }
}
