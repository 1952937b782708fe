//! The end of the files of a cancelled batch that have not been handed out: they need no attempt, and wait for none.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Handler, Message, ResponseFuture};

use super::{Verifier, Work};
use crate::actors::Held;
use crate::actors::panics::{self, Duty, answering, deliver};
use crate::actors::rotation::Rotation;
use crate::actors::supervisor::SweepCancelled;
use crate::batch::{BatchId, Outcome};
use crate::spool::Timings;

/// The job log says durably that a batch is to be cancelled.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct CancelledBatch {
    pub batch: BatchId,
    /// Files in the batch, those that have ended among them.
    pub files: usize,
}

impl Handler<CancelledBatch> for Verifier {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, CancelledBatch { batch, files }: CancelledBatch, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        answering(Duty::CancelledBatch, &self.work.custody.metrics, async move { work.cancel(batch, files) })
    }
}

impl Work {
    /// Takes a batch out of the turns and ends what waits of it, here and at the supervisor's.
    pub(super) fn cancel(self: &Rc<Self>, batch: BatchId, files: usize) {
        self.rotation.borrow_mut().remove(batch);
        if self.in_hand.get() == Some(batch) {
            self.in_hand.set(None);
        }
        let work = Rc::clone(self);
        actix_rt::spawn(async move {
            let name = format!("cancelling of batch {batch}, which goes on at the next start");
            panics::counted(name, &work.custody.metrics, work.end_waiting(batch, files)).await
        });
    }

    async fn end_waiting(self: &Rc<Self>, batch: BatchId, files: usize) {
        if !deliver(&self.supervisor, SweepCancelled).await {
            log::error!("batch {batch}: the supervisor does not end what waits; that ends in its turn");
        }
        let mut turns = Rotation::default();
        turns.push(batch, files);
        while let Some(turn) = turns.turn() {
            for file in self.waiting_files(turn).await {
                let Ok(slot) = Arc::clone(&self.slots_of_cancelled).acquire_owned().await else { return };
                // What is handed out already is ended where it is.
                if self.custody.joblog.begin(file.id, file.retries, file.attempts) {
                    self.end(&file, Outcome::Cancelled, false, Timings::default(), Held::new(slot)).await;
                }
            }
        }
    }
}
