//! TLS by rustls: 1.2 and 1.3, with the certificate that the settings name, which can be read again while the server runs.
//!
//! A connection keeps the certificate that it began with. One that cannot be used changes nothing: the server goes on with
//! the one that it has.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use derive_more::{Display, Error};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::TlsSettings;

/// Why there can be no TLS. Each is one sentence without its full stop.
#[derive(Debug, Display, Error)]
pub enum TlsError {
    #[display("the certificate {} cannot be read: {source}", path.display())]
    Certificate { path: PathBuf, source: pem::Error },
    #[display("{} holds no certificate in PEM", path.display())]
    NoCertificate { path: PathBuf },
    #[display("the private key {} cannot be read: {source}", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[display("the certificate {} and the private key {} cannot be used: {source}", cert.display(), key.display())]
    Unusable { cert: PathBuf, key: PathBuf, source: rustls::Error },
}

/// The certificate in force.
#[derive(Debug)]
pub struct Certificate {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// The certificate that the settings name.
    ///
    /// # Errors
    /// When it or its key cannot be read, or they do not belong together.
    pub fn load(settings: &TlsSettings) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let current = RwLock::new(read(settings, &provider)?);
        Ok(Arc::new(Self { settings: settings.clone(), provider, current }))
    }

    /// Reads the files again; new connections get what is there now.
    ///
    /// # Errors
    /// As [`Certificate::load`]; everything stays as it was then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.settings, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// How connections are served with this certificate.
    ///
    /// # Panics
    /// Never: the provider has what TLS 1.2 and 1.3 take.
    pub fn server_config(self: &Arc<Self>) -> ServerConfig {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let config = config.with_safe_default_protocol_versions().expect("ring has what both versions take");
        config.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // It is swapped whole.
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let TlsSettings { cert, key } = settings;
    let chain = chain(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.clone(), source })?;
    let unusable = |source| TlsError::Unusable { cert: cert.clone(), key: key.clone(), source };
    CertifiedKey::from_der(chain, private, provider).map(Arc::new).map_err(unusable)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|source| TlsError::Certificate { path: path.to_owned(), source })?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}
