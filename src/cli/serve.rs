//! `consign serve`: settings, then the log, then the server until it has drained.

use log::{info, warn};

use super::allocator::share_arenas;
use super::logging::start_log;
use super::{CliError, ServeArguments};
use crate::{
    config::{Effective, Origin},
    server,
};

/// Runs a server under these flags; returns when it has drained.
///
/// # Errors
/// [`CliError`] when the settings are none to work with, or the server cannot start or go on.
pub fn run(arguments: ServeArguments) -> Result<(), CliError> {
    share_arenas();
    let ServeArguments { settings, listener_on_stdin } = arguments;
    let again = settings.clone();
    let effective = settings.load()?;
    effective.check_exposure()?;
    let Effective { config, settings } = effective;
    start_log("info", &config.log);
    for setting in settings.iter().filter(|setting| setting.origin != Origin::Default) {
        // Without the value: what is secret must not reach the log.
        info!("setting {} comes from {}", setting.key, setting.origin);
    }
    if config.keys.is_empty() && config.insecure_no_keys {
        warn!("there are no keys: everybody who reaches {} may do everything", config.listen);
    }
    Ok(server::run(config, listener_on_stdin, Box::new(move || again.clone().load()))?)
}
