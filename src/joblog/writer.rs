//! The one writer: takes whatever changes are waiting, applies them in one atomic step and flushes once for all.
//!
//! What a crash leaves: before the flush, nothing of the group or all of it; after it, all. A flush that failed is never
//! believed again: sled's pages may be anything then, so every later change is refused until the log is opened anew.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::blobs::Blobs;
use super::change::{Change, Committed};
use super::events::News;
use super::step::Step;
use super::{Index, JobLogError};
use crate::fault::{self, DurableStep};
use crate::spool::SyncObserver;

/// Orders that may wait for the writer: those of the supervisor and the aggregator, with room for recovery.
pub const ORDER_QUEUE_MAX: usize = 64;

/// Changes that become durable together, and who waits for them.
pub struct Order {
    pub changes: Vec<Change>,
    pub answer: oneshot::Sender<Result<Committed, JobLogError>>,
}

/// The writer's state, on its own thread.
pub struct Writer {
    queue: mpsc::Receiver<Order>,
    index: Arc<Index>,
    /// sled's log file.
    file: File,
    /// What sled keeps outside of it.
    blobs: Blobs,
    observe_sync: SyncObserver,
}

impl Writer {
    pub fn new(
        queue: mpsc::Receiver<Order>,
        index: Arc<Index>,
        opened: (File, Blobs),
        observe_sync: SyncObserver,
    ) -> Self {
        let (file, blobs) = opened;
        Self { queue, index, file, blobs, observe_sync }
    }

    /// Commits groups until every sender is gone, and flushes once more for what was entered without a commit.
    pub fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            while let Ok(next) = self.queue.try_recv() {
                group.push(next);
            }
            self.commit(group);
        }
        if let Err(error) = self.flush() {
            log::error!("the job log could not be flushed at its end: {error}");
        }
    }

    fn commit(&mut self, group: Vec<Order>) {
        let index = Arc::clone(&self.index);
        let mut step = Step::new(&index);
        let (answers, outcomes): (Vec<_>, Vec<_>) =
            group.into_iter().map(|order| (order.answer, step.take(order.changes))).unzip();
        let written = if self.index.trouble().is_some() { Err(JobLogError::Closed) } else { self.write(step) };
        let written = written.map(|news| self.index.events.publish(news));
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let committed = written.and(outcome);
            if let Ok(committed) = &committed {
                self.index.announce(committed);
            }
            // Whoever asked may be gone; the changes are durable all the same.
            let _ = answer.send(committed);
        }
    }

    fn write(&mut self, step: Step<'_>) -> Result<Vec<News>, JobLogError> {
        let written = step.apply().and_then(|news| self.flush().map(|()| news));
        if let Err(error) = &written {
            log::error!("the job log takes no more changes: {error}");
            self.index.mark_broken(*error);
        }
        written
    }

    fn flush(&mut self) -> Result<(), JobLogError> {
        let begun = Instant::now();
        fault::step(DurableStep::LogFlush, || {
            self.index.db.flush().map(|_bytes| ()).map_err(|error| JobLogError::from_sled(&error))
        })?;
        let synced = self.sync();
        (self.observe_sync)(begun.elapsed());
        synced
    }

    /// Makes durable what sled has written.
    pub fn sync(&mut self) -> Result<(), JobLogError> {
        let synced: io::Result<()> =
            fault::step(DurableStep::LogSync, || self.blobs.sync().and_then(|()| self.file.sync_data()));
        synced.map_err(|error| JobLogError::from_io(&error))
    }
}
