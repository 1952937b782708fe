//! Figures that are put together from what is counted: parts of a whole, and a mean. None while there is no whole.

use std::time::Duration;

use super::{CauseLabels, CodeLabels, Metrics, UploadLabels, UploadOutcome, WORKER_ENDS};
use crate::batch::FileErrorCode;

impl Metrics {
    /// Counts a stored file that verification has looked at to an end, and why it ended the file if it did.
    pub fn count_verified(&self, failure: Option<FileErrorCode>) {
        self.operation.verifications.inc();
        if let Some(code) = failure {
            self.operation.verifications_failed.inc();
            self.verification_failures.get_or_create(&CodeLabels { code: code.to_string() }).inc();
        }
    }

    /// Counts a text, and how long a worker took for it.
    pub fn count_text(&self, took: Duration) {
        self.processing_seconds.observe(took.as_secs_f64());
        self.operation.texts.inc();
        self.operation.texts_seconds.inc_by(took.as_secs_f64());
    }

    /// Files that were accepted, of all whose upload ended.
    #[must_use]
    pub fn upload_success_rate(&self) -> Option<f64> {
        let count =
            |outcome: UploadOutcome| self.uploads.get_or_create(&UploadLabels { outcome: outcome.to_string() }).get();
        let accepted = count(UploadOutcome::Accepted);
        ratio(accepted, accepted + count(UploadOutcome::Rejected) + count(UploadOutcome::Aborted))
    }

    /// Files that verification ended, of all stored files that it looked at to an end.
    #[must_use]
    pub fn verification_failure_rate(&self) -> Option<f64> {
        ratio(self.operation.verifications_failed.get(), self.operation.verifications.get())
    }

    /// Attempts over which a worker died or was killed, of all that a worker answered or died over.
    #[must_use]
    pub fn worker_crash_rate(&self) -> Option<f64> {
        let count =
            |code: &FileErrorCode| self.worker_crashes.get_or_create(&CauseLabels { cause: code.to_string() }).get();
        ratio(WORKER_ENDS.iter().map(count).sum(), self.operation.attempts.get())
    }

    /// The mean time of a worker for a text, in seconds, over all texts that were read.
    #[must_use]
    pub fn seconds_per_text(&self) -> Option<f64> {
        mean(self.operation.texts_seconds.get(), self.operation.texts.get())
    }
}

/// At most 1: the two are counted one after the other, and somebody may look in between.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "2^53 of anything are more than a server counts")]
    mean(part as f64, whole).map(|ratio| ratio.min(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "2^53 of anything are more than a server counts")]
fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_take_something_to_be_figures_of() {
        let metrics = Metrics::new();
        let rates = |metrics: &Metrics| {
            [
                metrics.upload_success_rate(),
                metrics.verification_failure_rate(),
                metrics.worker_crash_rate(),
                metrics.seconds_per_text(),
            ]
        };
        assert_eq!(rates(&metrics), [None; 4]);

        for outcome in ["accepted", "accepted", "rejected", "aborted"] {
            metrics.uploads.get_or_create(&UploadLabels { outcome: outcome.into() }).inc();
        }
        for failure in [None, None, None, Some(FileErrorCode::Damaged)] {
            metrics.count_verified(failure);
        }
        metrics.operation.attempts.inc_by(8);
        for code in [FileErrorCode::Timeout, FileErrorCode::Crashed] {
            metrics.count_worker_end(code);
        }
        for seconds in [1, 2] {
            metrics.count_text(Duration::from_secs(seconds));
        }
        assert_eq!(rates(&metrics), [Some(0.5), Some(0.25), Some(0.25), Some(1.5)]);
    }
}
