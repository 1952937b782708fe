//! The flags from which settings come, and the settings in force under them.

use std::{env, path::PathBuf};

use clap::Args;

use crate::config::{self as settings, Config, ConfigError, Effective, Flag, Sources};

/// The flags from which settings come.
#[derive(Debug, Default, Clone, Args)]
pub struct SettingsArguments {
    /// The settings file [default: consign.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to take requests; port 0 takes any free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Serve everybody who reaches the address, although there are no keys
    #[arg(long)]
    pub insecure_no_keys: bool,
    /// Serve over TLS with this certificate, a PEM file; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// Where to keep everything [default: data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Change any setting that `consign config` lists; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

impl SettingsArguments {
    /// The settings file that is read under these flags, if one is.
    #[must_use]
    pub fn file_in_force(&self) -> Option<PathBuf> {
        settings::file_in_force(self.config.clone())
    }

    /// The settings in force under these flags and the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] when there are none to work with.
    pub fn load(self) -> Result<Effective, ConfigError> {
        let Self { config, listen, insecure_no_keys, tls_cert, tls_key, data_dir, set } = self;
        let set = set.into_iter().map(|(key, value)| Flag { name: "--set", key, value });
        let insecure_no_keys = insecure_no_keys.then(|| true.to_string());
        let named = [
            ("--listen", "listen", listen),
            ("--insecure-no-keys", "insecure_no_keys", insecure_no_keys),
            ("--tls-cert", "tls.cert", tls_cert),
            ("--tls-key", "tls.key", tls_key),
            ("--data-dir", "data_dir", data_dir),
        ];
        let named =
            named.into_iter().filter_map(|(name, key, value)| Some(Flag { name, key: key.to_owned(), value: value? }));
        Config::load(Sources { file: config, environment: env::vars_os(), flags: set.chain(named).collect() })
    }
}

pub fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE, such as limits.file_bytes_max=1GiB")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
