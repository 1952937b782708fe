//! The scanner for malware: whether it answers, and what it says of a file's bytes.
//!
//! It is a clamd that somebody else runs. This module knows nothing of files, batches and actors; how often is tried, and
//! what becomes of a file without a verdict, is decided where it is asked for.

mod address;
mod clamd;

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;

pub use address::{Address, NoAddress};
pub use clamd::{ScanError, Verdict};

/// How long a scanner may take to say that it is there. It does so at once, even while all its threads scan.
const PING_WITHIN: Duration = Duration::from_secs(5);

/// How long an answer, or the lack of one, is taken for what would be answered now. One look a second serves everybody
/// who asks, so that a scanner that hangs costs all files that wait for it one and the same wait.
const PING_HOLDS: Duration = Duration::from_secs(1);

/// A scanner for malware.
#[derive(Debug)]
pub struct Scanner {
    address: Address,
    timeout: Duration,
    places: Semaphore,
    seen: Mutex<Seen>,
}

/// What was last seen of a scanner.
#[derive(Debug, Default)]
struct Seen {
    /// When, and what is wrong with it.
    last: Option<(Instant, Result<(), ScanError>)>,
    /// Whether the log says that it is away.
    is_told_away: bool,
}

impl Scanner {
    /// A scanner that may take so long for one scan, and do so many at one time.
    #[must_use]
    pub fn new(address: Address, timeout: Duration, scans_max: usize) -> Self {
        Self { address, timeout, places: Semaphore::new(scans_max), seen: Mutex::default() }
    }

    /// Waits for one of the places for scans at one time.
    pub async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// Has bytes scanned, once the scanner has shown that it is there. Who asks holds a place.
    ///
    /// # Errors
    /// When there is no verdict.
    pub async fn scan<S>(&self, content: S) -> Result<Verdict, ScanError>
    where
        S: Stream<Item = io::Result<Bytes>> + Unpin,
    {
        self.look().await?;
        let verdict = within(self.timeout, clamd::scan(&self.address, content)).await;
        if matches!(verdict, Err(ScanError::Unavailable(_))) {
            // Whoever comes next looks whether it is still there.
            self.seen.lock().await.last = None;
        }
        verdict
    }

    /// Looks whether the scanner is there; or takes the word of who has just looked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn look(&self) -> Result<(), ScanError> {
        let mut seen = self.seen.lock().await;
        if let Some((_, answer)) = seen.last.as_ref().filter(|(when, _)| when.elapsed() < PING_HOLDS) {
            return answer.clone();
        }
        let answer = within(self.timeout.min(PING_WITHIN), clamd::ping(&self.address)).await;
        match &answer {
            Err(error) if !seen.is_told_away => log::warn!("no verdicts from {}: {error}", self.address),
            Ok(()) if seen.is_told_away => log::info!("{} gives verdicts again", self.address),
            _ => {}
        }
        seen.is_told_away = answer.is_err();
        seen.last = Some((Instant::now(), answer.clone()));
        answer
    }

    /// The versions of the scanner and its signatures.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn version(&self) -> Result<String, ScanError> {
        within(self.timeout.min(PING_WITHIN), clamd::version(&self.address)).await
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, ScanError>>) -> Result<T, ScanError> {
    let elapsed = |_| ScanError::Unavailable(format!("no answer within {limit:?}"));
    timeout(limit, work).await.map_err(elapsed)?
}
