//! Settings as variables of the environment.

use std::ffi::OsString;

use super::ConfigError;

/// What every environment variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "CONSIGN_";

/// Our variables of the environment, in the order of their names.
pub fn variables<E>(environment: E) -> Result<Vec<(String, String)>, ConfigError>
where
    E: IntoIterator<Item = (OsString, OsString)>,
{
    let mut variables = Vec::new();
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with(VARIABLE_PREFIX) {
            match value.into_string() {
                Ok(value) => variables.push((name, value)),
                Err(_) => return Err(ConfigError::NotText { name }),
            }
        }
    }
    variables.sort();
    Ok(variables)
}

/// The variable of a key: `CONSIGN_LIMITS_FILE_BYTES_MAX` for `limits.file_bytes_max`.
pub fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "_").to_uppercase())
}
