//! The settings in force, each with where it came from, and their form as a `consign.toml`.

use std::{fmt, path::PathBuf};

use derive_more::Display;
use toml::Value;

use super::{Config, ConfigError, keys};

/// The setting that is shown to nobody.
const SECRET: &str = "webhook.secret";

/// Where the value of a setting came from.
#[derive(Debug, Display, Clone, PartialEq, Eq)]
pub enum Origin {
    #[display("default")]
    Default,
    /// Escaped, so that a path cannot end the comment that it is printed in.
    #[display("{}", _0.to_string_lossy().escape_debug())]
    File(PathBuf),
    Environment(String),
    Flag(&'static str),
}

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// `section.key`, or the key alone where it has no section.
    pub key: String,
    pub value: Value,
    pub origin: Origin,
}

impl Setting {
    /// The value as it may be shown.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::String(digest) if keys::is_masked(&self.key) => Value::from(keys::masked(digest)).to_string(),
            Value::String(secret) if self.key == SECRET && !secret.is_empty() => "\"…\"".to_owned(),
            value => value.to_string(),
        }
    }
}

/// The settings in force and where each came from. Displayed, it is a `consign.toml` that says the same, but
/// for what is masked in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    pub config: Config,
    pub settings: Vec<Setting>,
}

impl Effective {
    /// Whether a server may be started with these settings: without keys it serves this machine alone.
    ///
    /// # Errors
    /// [`ConfigError::Exposed`] when it would serve others.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        let Config { listen, insecure_no_keys, keys, .. } = &self.config;
        // An IPv4 address inside an IPv6 one is bound as what it is.
        if *insecure_no_keys || !keys.is_empty() || listen.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let origin = self.settings.iter().find(|setting| setting.key == "listen").map(|setting| setting.origin.clone());
        Err(ConfigError::Exposed { listen: *listen, origin: origin.unwrap_or(Origin::Default) })
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section_before = "";
        for setting in &self.settings {
            let Setting { key, value: _, origin } = setting;
            let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
            if section != section_before {
                writeln!(formatter, "\n[{section}]")?;
                section_before = section;
            }
            writeln!(formatter, "{name} = {}  # from {origin}", setting.shown())?;
        }
        Ok(())
    }
}
