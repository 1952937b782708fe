//! Where somebody wants to be told, as a client or a setting says it.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Authority;

use super::address::Reach;

/// The longest URL: it is kept in the record of each batch that names one.
pub const URL_CHARS_MAX: usize = 2_000;

/// A URL that can be called: http or https, with a host, and nobody's name or password in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Uri);

impl WebhookUrl {
    /// Reads a URL; none of what cannot be called.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > URL_CHARS_MAX || text.contains('#') {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let port = authority.as_str().strip_prefix(authority.host())?;
        let is_port =
            port.strip_prefix(':').map_or(port.is_empty(), |port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let is_host = !authority.host().is_empty() && !authority.as_str().contains('@');
        (["http", "https"].contains(&scheme) && is_host && is_port).then_some(Self(uri))
    }

    /// Whether its host is no address, or one that may be called. What a name stands for is looked at when it is called.
    #[must_use]
    pub fn may_be_called(&self, reach: &Reach) -> bool {
        self.host().parse::<IpAddr>().map_or(true, |address| reach.includes(address))
    }

    /// The name or the address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The URL without its query, which may hold what lets somebody in.
    #[must_use]
    pub fn shown(&self) -> String {
        self.origin() + self.0.path()
    }

    /// Scheme, host and port alone: the path may let somebody in, too.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map(Authority::as_str).unwrap_or_default();
        format!("{scheme}://{authority}")
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_called_is_taken_and_shown_without_its_query() {
        for (text, host, shown) in [
            ("https://example.org", "example.org", "https://example.org/"),
            ("http://example.org:8080/a/b?token=1", "example.org", "http://example.org:8080/a/b"),
            ("https://[2001:db8::1]:8443/x", "2001:db8::1", "https://[2001:db8::1]:8443/x"),
            ("HTTPS://EXAMPLE.org/", "EXAMPLE.org", "https://EXAMPLE.org/"),
        ] {
            let url = WebhookUrl::parse(text).unwrap();
            assert_eq!((url.host(), url.shown().as_str()), (host, shown));
        }
    }

    #[test]
    fn what_cannot_be_called_is_none() {
        let long = format!("https://example.org/{}", "a".repeat(URL_CHARS_MAX));
        for text in [
            "",
            "example.org",
            "/path",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://",
            "https:///path",
            "https://user@example.org/",
            "https://user:password@example.org/",
            "https://@example.org/",
            "https://example.org:0/",
            "https://example.org:65536/",
            "https://example.org:/",
            "https://exa mple.org/",
            "https://example.org/#part",
            "https://example.org/\r\nX: y",
            &long,
        ] {
            assert_eq!(WebhookUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_that_may_not_be_called_is_known_before_it_is_called() {
        for (text, expected) in [
            ("http://127.0.0.1/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:10.0.0.1]:81/", false),
            ("http://8.8.8.8/", true),
            ("http://localhost/", true),
        ] {
            assert_eq!(WebhookUrl::parse(text).unwrap().may_be_called(&Reach::default()), expected, "{text}");
        }
    }
}
