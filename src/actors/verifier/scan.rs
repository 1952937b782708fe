//! The last look at a file that is what its seal promises: the scanner says that it is clean. It fails closed: without a
//! verdict nobody else sees the file, and it ends as failed with its bytes kept.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::check::{Checked, Sound};
use super::turn::WaitingFile;
use super::{Work, backoff};
use crate::actors::panics::{self, Duty};
use crate::batch::{FileError, FileErrorCode};
use crate::metrics::{ResultLabels, ScanResult};
use crate::scan::{ScanError, Scanner, Verdict};
use crate::spool::Content;

/// Who scans, and how often and how soon it is asked again.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    pub scanner: Arc<Scanner>,
    pub tries_max: u32,
    pub backoff_base: Duration,
}

impl Work {
    /// Has a file scanned, where that is asked for, until there is a verdict, or its batch is cancelled, or the tries are
    /// over.
    pub(super) async fn scan(&self, file: &Arc<WaitingFile>, sound: Sound) -> Checked {
        let Some(options) = &self.options.scan else { return Checked::Sound(sound) };
        tokio::select! {
            checked = self.until_scanned(options, file, sound) => checked,
            () = self.custody.joblog.cancelled(file.id.batch()) => {
                Checked::Unscanned(FileErrorCode::ScanUnavailable.into())
            }
        }
    }

    async fn until_scanned(&self, options: &ScanOptions, file: &Arc<WaitingFile>, sound: Sound) -> Checked {
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match self.scan_once(&options.scanner, file).await {
                Ok(Verdict::Clean) => return Checked::Sound(sound),
                Ok(Verdict::Found(name)) => {
                    return Checked::Refused(FileError::with_detail(FileErrorCode::MalwareFound, name));
                }
                Ok(Verdict::TooLarge) => return Checked::Unscanned(FileErrorCode::TooLargeToScan.into()),
                Err(error) => error,
            };
            if tried >= options.tries_max {
                log::warn!("file {}: no verdict in {tried} tries; {error}", file.id);
                return Checked::Unscanned(code(&error).into());
            }
            tokio::time::sleep(backoff::delay(options.backoff_base, tried)).await;
        }
    }

    async fn scan_once(&self, scanner: &Scanner, file: &Arc<WaitingFile>) -> Result<Verdict, ScanError> {
        let _place = scanner.place().await;
        let begun = Instant::now();
        let asking = async {
            let content = self.content(file).await?;
            scanner.scan(content.into_stream()).await
        };
        let answer = panics::caught(Duty::Scan, &self.custody.metrics, asking).await;
        let answer = answer.unwrap_or_else(|| Err(ScanError::Unavailable("asking it panicked".into())));
        let result = match &answer {
            Ok(Verdict::Clean) => ScanResult::Clean,
            Ok(Verdict::Found(_)) => ScanResult::Found,
            Ok(Verdict::TooLarge) => ScanResult::TooLarge,
            Err(ScanError::Unavailable(_)) => ScanResult::Unavailable,
            Err(ScanError::Unreadable(_)) => ScanResult::Unreadable,
        };
        self.custody.metrics.scans.get_or_create(&ResultLabels { result: result.to_string() }).inc();
        self.custody.metrics.scan_seconds.observe(begun.elapsed().as_secs_f64());
        answer
    }

    /// The file's bytes, opened anew for each try: who waits for a scanner keeps no segment open.
    async fn content(&self, file: &Arc<WaitingFile>) -> Result<Content, ScanError> {
        let (custody, file) = (Arc::clone(&self.custody), Arc::clone(file));
        let open = move || file.sealed.as_ref().map(|sealed| custody.content(&file.record, sealed));
        let unreadable = |error: &dyn Display| ScanError::Unreadable(error.to_string());
        match tokio::task::spawn_blocking(open).await {
            Ok(Some(Ok(content))) => Ok(content),
            Ok(Some(Err(error))) => Err(unreadable(&error)),
            Ok(None) => Err(unreadable(&"its seal is damaged")),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

const fn code(error: &ScanError) -> FileErrorCode {
    match error {
        ScanError::Unavailable(_) => FileErrorCode::ScanUnavailable,
        ScanError::Unreadable(_) => FileErrorCode::Unreadable,
    }
}
