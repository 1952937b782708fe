//! What has happened, as the log keeps it for those who listen.
//!
//! An event says no more than what cannot be read elsewhere: which file ended and when, or how a batch stood. The rest
//! is in seal and records. Events that became durable together and are of one batch share a record, and their ids
//! follow on one another.

use serde::{Deserialize, Serialize};

use crate::batch::{BatchId, Tally};

/// Events in one record at most, so that reading one costs little.
pub const EVENTS_RECORD_MAX: usize = 256;

/// One thing that has happened to a batch or to one of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The file with this index has come to its end. One that ends anew has another time, by which the two differ.
    Ended {
        index: u16,
        /// Milliseconds since 1970-01-01T00:00:00Z, as in the file's record.
        ended_ms: i64,
    },
    /// The file with this index was refused while it arrived.
    Refused { index: u16 },
    /// The file with this index had failed and is to be tried anew.
    Retried { index: u16 },
    /// A batch, as it stood then.
    Batch {
        change: BatchChange,
        tally: Tally,
        /// Milliseconds since 1970-01-01T00:00:00Z; none while any file is pending.
        finished_ms: Option<i64>,
    },
}

/// What has happened to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchChange {
    /// It was promised.
    Accepted,
    /// Its files that have no outcome are being cancelled.
    Cancelling,
    /// Files of it that had failed are to be tried anew.
    Retrying,
    /// Its last file has ended.
    Completed,
}

/// Events of one batch with ids that follow on one another; the record's key has the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsRecord {
    pub batch: BatchId,
    /// At least one and at most [`EVENTS_RECORD_MAX`].
    pub events: Vec<Event>,
}

/// An event and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedEvent {
    pub id: u64,
    pub batch: BatchId,
    pub event: Event,
}

impl EventsRecord {
    /// The events of the record under the key `first`.
    pub fn numbered(self, first: u64) -> impl Iterator<Item = NumberedEvent> {
        let batch = self.batch;
        (first..).zip(self.events).map(move |(id, event)| NumberedEvent { id, batch, event })
    }
}
