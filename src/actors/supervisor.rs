//! Supervisor: owns the pool, claims files in windows, and decides what becomes of an attempt.
//!
//! Takes `VerifiedFiles`. Before files are tried, one durable record names them, so that one flush serves many. A file that
//! may have taken the process down is tried alone, with nothing else claimed, so that it is counted even if it does so
//! again. What may pass is tried again with backoff, up to `attempts.max`; a processor that dies is replaced.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message, ResponseFuture};
use tokio::sync::{Mutex, Notify, mpsc};

use super::aggregator::BatchAggregator;
use super::panics::{self, Duty, answering};
use super::processor::{Processor, ProcessorOptions};
use super::{FileOnItsWay, SLOTS_MAX};
use crate::custody::Custody;
use crate::joblog::{Change, Claim, ClaimedFile};

mod attempt;
mod cancel;
mod together;
mod windows;

pub use cancel::SweepCancelled;
use windows::Windows;

/// Verified files that may be announced and not yet queued; the queue itself is bounded by the slots.
pub const SUPERVISOR_MAILBOX_MAX: usize = 16;

/// How long a job log that took no claim is left alone.
const CLAIM_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How files are tried.
#[derive(Debug, Clone, Copy)]
pub struct SupervisorOptions {
    /// Children at the same time.
    pub processors: usize,
    pub attempts_max: u32,
    pub retry_base: Duration,
    /// Files that one claim names at most.
    pub claim_window: usize,
    /// Whether the bytes of a file are kept once its text is there.
    pub keeps_originals: bool,
}

/// Owns the pool.
pub struct Supervisor {
    work: Rc<Work>,
    idle: Rc<Mutex<mpsc::Receiver<Addr<Processor>>>>,
}

/// A file that may be tried now.
struct ClaimedWork {
    file: FileOnItsWay,
    window: u64,
    /// Whether it is to be tried by itself.
    is_alone: bool,
}

struct Work {
    custody: Arc<Custody>,
    aggregator: Addr<BatchAggregator>,
    processor: Arc<ProcessorOptions>,
    options: SupervisorOptions,
    queue: RefCell<VecDeque<FileOnItsWay>>,
    suspects: RefCell<VecDeque<FileOnItsWay>>,
    /// Something was queued, or an attempt is over.
    changed: Notify,
    windows: Windows,
    claimed: RefCell<VecDeque<ClaimedWork>>,
    to_idle: mpsc::Sender<Addr<Processor>>,
    running: Cell<usize>,
    draining: Cell<bool>,
}

impl Supervisor {
    #[must_use]
    pub fn new(
        custody: Arc<Custody>,
        aggregator: Addr<BatchAggregator>,
        processor: Arc<ProcessorOptions>,
        options: SupervisorOptions,
    ) -> Self {
        let (to_idle, idle) = mpsc::channel(options.processors);
        let work = Work {
            custody,
            aggregator,
            processor,
            options,
            queue: RefCell::new(VecDeque::with_capacity(SLOTS_MAX)),
            suspects: RefCell::default(),
            changed: Notify::new(),
            windows: Windows::default(),
            claimed: RefCell::default(),
            to_idle,
            running: Cell::new(0),
            draining: Cell::new(false),
        };
        Self { work: Rc::new(work), idle: Rc::new(Mutex::new(idle)) }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(SUPERVISOR_MAILBOX_MAX);
        for _ in 0..self.work.options.processors {
            self.work.add_processor();
        }
        let metrics = &self.work.custody.metrics;
        let work = Rc::clone(&self.work);
        let claiming = move || Rc::clone(&work).claim_windows();
        actix_rt::spawn(panics::restarting("supervisor", Arc::clone(metrics), claiming));
        let (work, idle) = (Rc::clone(&self.work), Rc::clone(&self.idle));
        let dispatching = move || Rc::clone(&work).dispatch(Rc::clone(&idle));
        actix_rt::spawn(panics::restarting("supervisor", Arc::clone(metrics), dispatching));
    }
}

/// Files are what their seals promise, and may be tried.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct VerifiedFiles(pub Vec<FileOnItsWay>);

impl Handler<VerifiedFiles> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, VerifiedFiles(files): VerifiedFiles, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        answering(Duty::VerifiedFiles, &self.work.custody.metrics, async move { work.enqueue(files) })
    }
}

/// Begin no more attempts; answers when those that run are over.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Drain;

impl Handler<Drain> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        work.draining.set(true);
        work.changed.notify_waiters();
        let over = async move { work.until(|work| work.running.get() == 0).await };
        answering(Duty::Drain, &self.work.custody.metrics, over)
    }
}

/// Everything that ran is over or was given up: nothing claimed is being tried any more.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct ReleaseClaims;

impl Handler<ReleaseClaims> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: ReleaseClaims, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        let released = async move {
            work.windows.close_all();
            work.release().await;
        };
        answering(Duty::ReleaseClaims, &self.work.custody.metrics, released)
    }
}

impl Work {
    fn enqueue(&self, files: Vec<FileOnItsWay>) {
        for file in files {
            let queue = if file.is_suspect { &self.suspects } else { &self.queue };
            queue.borrow_mut().push_back(file);
        }
        self.changed.notify_waiters();
    }

    /// Waits until `reached` says so; it is asked again after each change.
    async fn until(&self, reached: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            if reached(self) {
                return;
            }
            changed.await;
        }
    }

    /// Whether there is something to claim or to release.
    fn has_claims(&self) -> bool {
        !self.queue.borrow().is_empty() || !self.suspects.borrow().is_empty() || self.windows.have_closed()
    }

    /// Claims windows and passes their files on, until draining. What is to be released goes with the next claim.
    async fn claim_windows(self: Rc<Self>) {
        loop {
            self.until(|work| work.draining.get() || work.has_claims()).await;
            if self.draining.get() {
                return;
            }
            let suspect = self.suspects.borrow_mut().pop_front();
            if let Some(suspect) = suspect {
                self.until(|work| work.windows.are_closed()).await;
                self.claim(vec![suspect], true).await;
                self.until(|work| work.windows.are_closed()).await;
            } else if self.queue.borrow().is_empty() {
                self.release().await;
            } else {
                let files = {
                    let mut queue = self.queue.borrow_mut();
                    let window = self.options.claim_window.min(queue.len());
                    queue.drain(..window).collect()
                };
                self.claim(files, false).await;
            }
        }
    }

    async fn claim(&self, files: Vec<FileOnItsWay>, is_alone: bool) {
        let window = self.windows.open(files.len());
        let claimed = |file: &FileOnItsWay| ClaimedFile {
            file: file.id,
            retries: self.custody.joblog.retries(file.id),
            attempt: file.attempts + 1,
        };
        let claimed = files.iter().map(claimed).collect();
        let claim = Claim { files: claimed, is_alone };
        let closed = self.windows.take_closed();
        loop {
            let mut changes = releases(&closed);
            changes.push(Change::Claim { window, claim: claim.clone() });
            let written = self.custody.joblog.commit(changes);
            match panics::caught(Duty::Claim, &self.custody.metrics, written).await {
                Some(Ok(_)) => break,
                Some(Err(error)) => log::error!("{} files cannot be claimed: {error}", files.len()),
                None => {}
            }
            if self.draining.get() {
                return;
            }
            tokio::time::sleep(CLAIM_RETRY_AFTER).await;
        }
        self.until(|work| work.draining.get() || work.claimed.borrow().len() < work.options.claim_window).await;
        let claimed = files.into_iter().map(|file| ClaimedWork { file, window, is_alone });
        self.claimed.borrow_mut().extend(claimed);
        self.changed.notify_waiters();
    }

    /// Gives claimed files to idle processors, until draining.
    async fn dispatch(self: Rc<Self>, idle: Rc<Mutex<mpsc::Receiver<Addr<Processor>>>>) {
        let mut idle = idle.lock().await;
        loop {
            self.until(|work| work.draining.get() || !work.claimed.borrow().is_empty()).await;
            // What is claimed stays where a cancelling finds it until there is a processor for it.
            let Some(processor) = idle.recv().await else { return };
            if self.draining.get() {
                return;
            }
            let files = self.next_claimed();
            if files.is_empty() {
                self.make_idle(processor);
                continue;
            }
            self.running.set(self.running.get() + 1);
            actix_rt::spawn(Rc::clone(&self).settle_all(processor, files));
        }
    }

    async fn release(&self) {
        if let Err(error) = self.custody.joblog.commit(releases(&self.windows.take_closed())).await {
            log::error!("claims could not be released: {error}");
        }
    }

    fn add_processor(&self) {
        self.make_idle(Processor::new(Arc::clone(&self.processor)).start());
    }

    fn make_idle(&self, processor: Addr<Processor>) {
        // There is a place for each processor, so this fails only when nobody dispatches any more.
        let _ = self.to_idle.try_send(processor);
    }
}

fn releases(windows: &[u64]) -> Vec<Change> {
    windows.iter().map(|window| Change::Release { window: *window }).collect()
}
