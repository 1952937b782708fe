//! How those who send and follow at the same time end together when one of them cannot go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::cli::CliError;

/// That all is to stop, and why: the first reason counts.
#[derive(Debug, Default)]
pub struct Stop {
    is_called: AtomicBool,
    why: Mutex<Option<CliError>>,
}

impl Stop {
    /// Calls for it.
    pub fn call(&self, why: CliError) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.is_called.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has.
    pub fn is_called(&self) -> bool {
        self.is_called.load(Ordering::Relaxed)
    }

    /// Why, once all have ended.
    pub fn into_reason(self) -> Option<CliError> {
        self.why.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
