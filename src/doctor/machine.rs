//! What the machine has for the server: an OCR engine, a scanner for malware, the parts of the locked room, room on the disk.

use super::report::Machine;
use crate::config::Config;
use crate::scan::{ScanError, Scanner};
use crate::server::children::{bare_worker_settings, find_ocr};
use crate::server::scanner::scanner;
use crate::spool;
use crate::worker::Child;

/// Looks round. What cannot be had is told, never an error.
pub async fn machine(config: &Config) -> Machine {
    let mut machine = Machine {
        disk_free_bytes: spool::free_bytes(&config.data_dir).ok(),
        disk_free_bytes_min: config.limits.disk_free_bytes_min,
        ..Machine::default()
    };
    let settings = bare_worker_settings(config);
    match find_ocr(config, &settings).await {
        Ok(engine) => {
            machine.ocr_languages = engine.languages(&settings).await.unwrap_or_default();
            machine.ocr_engine = Some(engine.name);
        }
        Err(reason) => machine.ocr_missing = Some(reason),
    }
    if let Some(scanner) = scanner(config) {
        match name(&scanner).await {
            Ok(version) => machine.scanner = Some(version),
            Err(error) => machine.scanner_trouble = Some(error.to_string()),
        }
    }
    match Child::spawn(&settings).await {
        Ok(child) => {
            machine.room_gaps = Some(child.gaps().to_vec());
            child.retire().await;
        }
        Err(error) => machine.room_unknown = Some(error.to_string()),
    }
    machine
}

async fn name(scanner: &Scanner) -> Result<String, ScanError> {
    scanner.look().await?;
    scanner.version().await
}
