//! The scanner for malware that the settings name, and what the log says of it.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::verifier::ScanOptions;
use crate::config::{Config, ScanSettings};
use crate::health::Health;
use crate::scan::Scanner;

/// The scanner that the settings name, if they do.
pub fn scanner(config: &Config) -> Option<Scanner> {
    let &ScanSettings { ref clamd, tries_max: _, backoff_ms_base: _, timeout_ms_max, scans_max } = &config.scan;
    Some(Scanner::new(clamd.clone()?, Duration::from_millis(timeout_ms_max), scans_max))
}

/// How files are scanned, if they are. The start does not wait for the scanner: uploads are taken while it is away.
pub fn scan_options(config: &Config, health: &Health) -> Option<ScanOptions> {
    let scanner = Arc::new(scanner(config)?);
    health.set_scanner(Arc::clone(&scanner));
    let named = Arc::clone(&scanner);
    actix_rt::spawn(async move {
        // The look itself tells that it is away.
        if named.look().await.is_ok()
            && let Ok(version) = named.version().await
        {
            log::info!("files are scanned for malware by {version}");
        }
    });
    let backoff_base = Duration::from_millis(config.scan.backoff_ms_base);
    Some(ScanOptions { scanner, tries_max: config.scan.tries_max, backoff_base })
}
