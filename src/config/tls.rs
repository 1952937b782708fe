//! Where the server's certificate is.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[tls]`: the certificate by which clients know this server; without one it speaks plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and those between it and one that clients trust, in PEM, the server's own first. None, since on
    /// loopback there is nobody to listen in.
    pub cert: PathBuf,
    /// The certificate's private key in PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

impl TlsSettings {
    /// Whether there is TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.cert.as_os_str().is_empty()
    }
}
