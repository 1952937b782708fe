//! Whom a caller of ours trusts over TLS: the certificates of this machine, a company's own among them.

use std::sync::{Arc, OnceLock};

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Read once, when the first server with TLS may be called.
static ROOTS: OnceLock<RootCerts> = OnceLock::new();

/// The TLS of a caller. `SSL_CERT_FILE` and `SSL_CERT_DIR` name other certificates than the machine's.
#[must_use]
pub fn tls() -> TlsConfig {
    let roots = ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            log::warn!("certificates that this machine trusts cannot be read: {error}");
        }
        let roots = found.certs.iter().map(|root| Certificate::from_der(root).to_owned());
        RootCerts::Specific(Arc::new(roots.collect()))
    });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    TlsConfig::builder().root_certs(roots.clone()).unversioned_rustls_crypto_provider(provider).build()
}
