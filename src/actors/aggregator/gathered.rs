//! Outcomes that the aggregator has taken over and that are not durable yet.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::actors::{FileBytes, Slot};
use crate::spool::{FrameRef, ResultEntry};

/// An outcome that waits to be made durable.
pub struct Gathered {
    pub entry: ResultEntry,
    pub text: Bytes,
    pub dead_bytes: Option<FileBytes>,
    /// Where the result lies once it is durable.
    pub place: Option<FrameRef>,
    /// The file's place, its text's share of the budget, and that it counts as open: all free again with this.
    pub _held: (Slot, OwnedSemaphorePermit, Open),
}

/// The outcomes that the next group is made of.
#[derive(Default)]
pub struct Gathering {
    files: RefCell<Vec<Gathered>>,
    arrived: Notify,
}

impl Gathering {
    pub fn push(&self, file: Gathered) {
        self.files.borrow_mut().push(file);
        self.arrived.notify_one();
    }

    /// All that have gathered.
    pub fn take(&self) -> Vec<Gathered> {
        self.files.take()
    }

    /// Puts back what the disk did not take, before all others.
    pub fn put_back(&self, files: Vec<Gathered>) {
        self.files.borrow_mut().splice(0..0, files);
    }

    /// Waits for an outcome, and then for more until `next`, or until none of the files on their way could bring one.
    pub async fn ready(&self, next: Instant, on_their_way: impl Fn() -> usize) {
        loop {
            let gathered = self.files.borrow().len();
            if gathered == 0 {
                self.arrived.notified().await;
            } else if gathered >= on_their_way() || next <= Instant::now() {
                return;
            } else {
                tokio::select! {
                    () = self.arrived.notified() => {}
                    () = sleep_until(next) => {}
                }
            }
        }
    }
}

/// How many files were taken over and are not durable yet.
#[derive(Debug, Default)]
pub struct OpenFiles {
    count: Cell<usize>,
    fewer: Notify,
}

/// One of them, for as long as this is there.
pub struct Open(Rc<OpenFiles>);

impl OpenFiles {
    /// One more.
    pub fn open(self: &Rc<Self>) -> Open {
        self.count.set(self.count.get() + 1);
        Open(Rc::clone(self))
    }

    /// Resolves when there is none.
    pub async fn none(&self) {
        loop {
            let fewer = self.fewer.notified();
            if self.count.get() == 0 {
                return;
            }
            fewer.await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        self.0.fewer.notify_waiters();
    }
}
