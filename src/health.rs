//! Whether the server can take work, and if not, why: set by whoever notices, read by `/readyz`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use crate::scan::Scanner;

/// What keeps the server from taking work.
#[derive(Debug, Default)]
pub struct Health {
    draining: watch::Sender<bool>,
    workers: Mutex<Option<String>>,
    room_gaps: OnceLock<Vec<String>>,
    ocr: OnceLock<String>,
    scanner: OnceLock<Arc<Scanner>>,
}

impl Health {
    /// From now on no new work is taken.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Whether the server is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves when the server is on its way out.
    pub async fn drained(&self) {
        // The sender is ours, so this ends only with the word.
        let _ = self.draining.subscribe().wait_for(|is_draining| *is_draining).await;
    }

    /// Notes why no worker can be started, or that one could.
    pub fn set_workers(&self, trouble: Option<String>) {
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Notes what the kernel cannot keep workers from; whether that was not known yet.
    pub fn set_room_gaps(&self, gaps: &[String]) -> bool {
        self.room_gaps.set(gaps.to_vec()).is_ok()
    }

    /// Notes the engine that recognises text in images.
    pub fn set_ocr(&self, engine: String) {
        // There is one start, and nothing else sets it.
        let _ = self.ocr.set(engine);
    }

    /// The engine that recognises text in images, if there is one.
    #[must_use]
    pub fn ocr(&self) -> Option<&str> {
        self.ocr.get().map(String::as_str)
    }

    /// Notes the scanner for malware, without whose verdict no file passes.
    pub fn set_scanner(&self, scanner: Arc<Scanner>) {
        // There is one start, and nothing else sets it.
        let _ = self.scanner.set(scanner);
    }

    /// The scanner for malware, where the settings name one.
    #[must_use]
    pub fn scanner(&self) -> Option<&Scanner> {
        self.scanner.get().map(Arc::as_ref)
    }

    /// Why no worker can be started, if that is so.
    #[must_use]
    pub fn workers(&self) -> Option<String> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
