//! Who is let in and by what the server is known: keys and certificate, which SIGHUP reads again.
//!
//! What cannot be used changes nothing: the server goes on with what it has, and the log says why. Keys are never all taken
//! away, which would let everybody in.

use std::sync::Arc;

use tokio::signal::unix::Signal;

use super::tls::{Certificate, TlsError};
use crate::config::{Config, ConfigError, Effective};
use crate::http::Keyring;

/// Reads the settings again, from where they were read when the program started.
pub type ReadSettings = Box<dyn Fn() -> Result<Effective, ConfigError>>;

/// What connections and requests are let in with.
#[derive(Clone)]
pub struct Access {
    pub keyring: Arc<Keyring>,
    /// None where the server speaks plain HTTP.
    pub certificate: Option<Arc<Certificate>>,
}

impl Access {
    /// What the settings say.
    ///
    /// # Errors
    /// When there is to be TLS, and its certificate cannot be used.
    pub fn new(config: &Config) -> Result<Self, TlsError> {
        let certificate = config.tls.is_on().then(|| Certificate::load(&config.tls)).transpose()?;
        Ok(Self { keyring: Arc::new(Keyring::new(&config.keys)), certificate })
    }

    /// Reads keys and certificate again whenever the operator says so.
    pub async fn follow(self, mut hangups: Signal, read_settings: ReadSettings) {
        while hangups.recv().await.is_some() {
            self.reload_certificate();
            self.reload_keys(&read_settings);
        }
    }

    fn reload_certificate(&self) {
        match self.certificate.as_ref().map(|certificate| certificate.reload()) {
            Some(Ok(())) => log::info!("the certificate was read again"),
            Some(Err(error)) => log::error!("the server goes on with the certificate that it has: {error}"),
            None => {}
        }
    }

    fn reload_keys(&self, read_settings: &ReadSettings) {
        match read_settings() {
            Ok(Effective { config, .. }) if config.keys.is_empty() != self.keyring.is_empty() => {
                log::error!("whether there are keys at all changes with a restart alone; the server goes on as it is");
            }
            Ok(Effective { config, .. }) => {
                self.keyring.replace(&config.keys);
                log::info!("{} keys were read again; other settings take a restart", config.keys.len());
            }
            Err(error) => log::error!("the server goes on with the keys that it has: {error}"),
        }
    }
}
