//! Files that wait for an attempt and are not to have one: their batch is being cancelled.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::attempt::cancelled;
use super::{Supervisor, Work};
use crate::actors::FileOnItsWay;
use crate::actors::panics::{Duty, answering};
use actix::{Handler, Message, ResponseFuture};

/// End what waits of the batches that are being cancelled. What runs is ended where it runs.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SweepCancelled;

impl Handler<SweepCancelled> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: SweepCancelled, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        answering(Duty::Sweep, &self.work.custody.metrics, async move { work.sweep().await })
    }
}

impl Work {
    async fn sweep(&self) {
        let is_cancelled = |file: &FileOnItsWay| self.custody.joblog.is_cancelled(file.id.batch());
        let mut waiting = take_out(&self.queue, is_cancelled);
        waiting.append(&mut take_out(&self.suspects, is_cancelled));
        let claimed = take_out(&self.claimed, |claimed| is_cancelled(&claimed.file));
        self.settle(waiting.into_iter().map(cancelled).collect()).await;
        let (claimed, windows): (Vec<_>, Vec<_>) = claimed.into_iter().map(|it| (it.file, it.window)).unzip();
        self.settle(claimed.into_iter().map(cancelled).collect()).await;
        for window in windows {
            self.windows.leave(window);
        }
        self.changed.notify_waiters();
    }
}

/// Takes those that are `wanted` out of a queue.
fn take_out<T>(queue: &RefCell<VecDeque<T>>, wanted: impl Fn(&T) -> bool) -> VecDeque<T> {
    let (taken, kept) = queue.take().into_iter().partition(wanted);
    queue.replace(kept);
    taken
}
