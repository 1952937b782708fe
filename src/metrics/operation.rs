//! What an operator watches beside the counts of files: requests, batches, attempts, workers, the disk, the build.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::batch::BatchOutcome;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: String,
}

/// These metrics.
#[derive(Debug, Default)]
pub struct Operation {
    pub requests_in_flight: Gauge,
    pub batches_open: Gauge,
    batches_completed: Family<OutcomeLabels, Counter>,
    /// Stored files of which verification said that they are sound or not.
    pub(super) verifications: Counter,
    pub(super) verifications_failed: Counter,
    /// Attempts that a worker answered or died over.
    pub attempts: Counter,
    pub workers_alive: Gauge,
    pub workers_started: Counter,
    pub disk_reserve_bytes: Gauge,
    pub storage_working: Gauge,
    /// What the histogram of processing sums up and counts, which it does not give back.
    pub(super) texts: Counter,
    pub(super) texts_seconds: Counter<f64, AtomicU64>,
}

/// Counts something for as long as it is held.
#[derive(Debug)]
pub struct Present(Gauge);

impl Present {
    /// One more, until this is dropped.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Operation {
    /// Counts a batch whose last file has ended. One that is retried is counted again.
    pub fn count_completed(&self, outcome: BatchOutcome) {
        self.batches_completed.get_or_create(&OutcomeLabels { outcome: outcome.to_string() }).inc();
    }

    pub(super) fn start_at_zero(&self) {
        use BatchOutcome as Outcome;
        for outcome in [Outcome::Succeeded, Outcome::Partial, Outcome::Failed, Outcome::Cancelled] {
            drop(self.batches_completed.get_or_create(&OutcomeLabels { outcome: outcome.to_string() }));
        }
    }

    pub(super) fn register(&self, r: &mut Registry) {
        r.register("build", "The program that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let in_flight = self.requests_in_flight.clone();
        r.register("http_requests_in_flight", "Requests whose answer has not been handed over whole", in_flight);
        r.register("batches_open", "Batches with files that wait for their outcome", self.batches_open.clone());
        let completed = self.batches_completed.clone();
        r.register("batches_completed", "Batches whose last file ended, by outcome", completed);
        r.register("verifications", "Stored files that were looked at to an end", self.verifications.clone());
        r.register("attempts", "Attempts that a worker answered or died over", self.attempts.clone());
        r.register("workers_alive", "Workers that read files or are ready to", self.workers_alive.clone());
        let started = self.workers_started.clone();
        r.register("workers_started", "Workers that were started, those in place of others too", started);
        let reserve = self.disk_reserve_bytes.clone();
        r.register_with_unit("disk_reserve", "Free bytes below which uploads are turned away", Unit::Bytes, reserve);
        let working = self.storage_working.clone();
        r.register("storage_working", "1 while batches and outcomes can be made durable, else 0", working);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_present_is_counted_until_it_is_gone() {
        let operation = Operation::default();
        let held = [Present::new(&operation.workers_alive), Present::new(&operation.workers_alive)];
        assert_eq!(operation.workers_alive.get(), 2);
        drop(held);
        assert_eq!(operation.workers_alive.get(), 0);
    }
}
