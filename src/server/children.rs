//! How children are run: the settings, and the OCR engine that this machine has.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, ExtractSettings};
use crate::extract;
use crate::health::Health;
use crate::worker;

/// How much of a file is read.
fn extract_limits(config: &Config) -> extract::Limits {
    let &ExtractSettings {
        unpacked_bytes_max,
        unpacked_ratio_max,
        entries_max,
        nesting_max,
        cells_max,
        pages_max,
        image_pixels_max,
        recognised_max,
    } = &config.extract;
    let in_memory = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    extract::Limits {
        text_bytes_max: in_memory(config.limits.text_bytes_max),
        unpacked_bytes_max: in_memory(unpacked_bytes_max),
        unpacked_ratio_max,
        entries_max,
        nesting_max,
        cells_max,
        pages_max,
        image_pixels_max,
        recognised_max,
    }
}

/// How children are run, without an OCR engine.
pub fn bare_worker_settings(config: &Config) -> worker::WorkerSettings {
    let settings = &config.worker;
    worker::WorkerSettings {
        program: program(),
        wall: Duration::from_millis(settings.wall_ms_max),
        silence: Duration::from_millis(settings.silence_ms_max),
        memory_bytes: settings.memory_bytes_max,
        limits: extract_limits(config),
        files_max: u32::try_from(settings.files_max).unwrap_or(u32::MAX),
        tokenizer: settings.tokenizer,
        ocr: None,
        #[cfg(feature = "test-hooks")]
        walls: worker::room::WALLS.to_vec(),
    }
}

/// The OCR engine that this machine has and the settings ask for.
///
/// # Errors
/// Why there is none, in one sentence without its full stop.
pub async fn find_ocr(config: &Config, workers: &worker::WorkerSettings) -> Result<worker::OcrEngine, String> {
    match workers.limits.recognised_max {
        0 => Err("extract.recognised_max is 0".into()),
        _ => worker::OcrEngine::find(workers, &config.worker.ocr_languages).await,
    }
}

/// How children are run, with the OCR engine that this machine has.
pub async fn worker_settings(config: &Config, health: &Health) -> worker::WorkerSettings {
    let mut workers = bare_worker_settings(config);
    match find_ocr(config, &workers).await {
        Ok(engine) => {
            log::info!("text in images is recognised by {} ({})", engine.name, engine.program.display());
            health.set_ocr(engine.name.clone());
            workers.ocr = Some(engine);
        }
        Err(reason) => log::warn!("text in images is not recognised: {reason}"),
    }
    workers
}

#[cfg(not(feature = "test-hooks"))]
fn program() -> PathBuf {
    worker::OWN_PROGRAM.into()
}

/// A test may name another program, and take it away and put it back while the server runs.
#[cfg(feature = "test-hooks")]
fn program() -> PathBuf {
    std::env::var_os(worker::PROGRAM_VARIABLE).map_or_else(|| worker::OWN_PROGRAM.into(), PathBuf::from)
}

/// One child for each core unless the settings say otherwise.
pub fn processors(processes: usize) -> usize {
    match processes {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        processes => processes,
    }
}
