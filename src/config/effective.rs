//! The settings in force, each with where it came from, and their form as a `consign.toml`.

use std::{fmt, path::PathBuf};

use derive_more::Display;
use toml::Value;

use super::Config;

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

/// The settings in force and where each came from. Displayed, it is a `consign.toml` that says the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    pub config: Config,
    pub settings: Vec<Setting>,
}

impl fmt::Display for Effective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section_before = "";
        for Setting { key, value, origin } in &self.settings {
            let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
            if section != section_before {
                writeln!(formatter, "\n[{section}]")?;
                section_before = section;
            }
            writeln!(formatter, "{name} = {value}  # from {origin}")?;
        }
        Ok(())
    }
}
