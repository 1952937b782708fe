//! Where a scanner listens, as settings say it: `tcp://HOST:PORT` or `unix:/PATH`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use derive_more::{Display, Error};

/// Where a scanner listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A name or an address without brackets, and a port.
    Tcp(String, u16),
    /// An absolute path.
    Unix(PathBuf),
}

/// The text names no place.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq)]
#[display("neither tcp://HOST:PORT nor unix:/PATH")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if Path::new(path).is_absolute() { Ok(Self::Unix(path.into())) } else { Err(NoAddress) };
        }
        let (host, port) = text.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':')).ok_or(NoAddress)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(NoAddress)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // A name has no colon, and an IPv6 address has brackets, or its end could not be told from the port.
        let is_host = !host.is_empty() && !host.contains([':', '/', '[', ']']);
        match bare {
            Some(bare) if bare.parse::<std::net::Ipv6Addr>().is_ok() => Ok(Self::Tcp(bare.to_owned(), port)),
            None if is_host => Ok(Self::Tcp(host.to_owned(), port)),
            _ => Err(NoAddress),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(formatter, "tcp://[{host}]:{port}"),
            Self::Tcp(host, port) => write!(formatter, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in ["tcp://127.0.0.1:3310", "tcp://[::1]:3310", "tcp://clamav:3310", "unix:/run/clamav/clamd.ctl"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in [
            "",
            "127.0.0.1:3310",
            "tcp://127.0.0.1",
            "tcp://:3310",
            "tcp://::1:3310",
            "tcp://[]:3310",
            "tcp://[host]:3310",
            "tcp://host:0",
            "tcp://host:65536",
            "tcp://host:3310/",
            "tcp://a/b:3310",
            "unix:",
            "unix:clamd.ctl",
            "/run/clamav/clamd.ctl",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text:?}");
        }
    }
}
