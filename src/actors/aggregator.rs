//! `BatchAggregator`: makes outcomes durable, in groups: results first, then the records that name them.
//!
//! Takes `EndedFile`. While one group is being synced the next one gathers. A disk that is full or failing holds the group
//! back and nothing is lost: it is tried again until there is room. A batch completes with its last outcome.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::{DeadBytes, now_ms, panics};
use crate::batch::{BatchId, FileId, Outcome};
use crate::custody::{Custody, file_record};
use crate::joblog::{Change, Committed};
use crate::metrics::StateLabels;
use crate::spool::{FrameBody, FrameKind, FrameRef, ResultEntry, ResultsHeader, SpoolError, Timings};

/// Ended files that may be announced and not yet taken over; their texts are bounded by the budget.
pub const BATCH_AGGREGATOR_MAILBOX_MAX: usize = 16;

/// Bytes of text that may wait to be made durable; past it those who bring more wait.
const TEXT_BUDGET_BYTES: usize = 64 << 20;

/// The grain of the text budget: a semaphore counts in 32 bits.
const BUDGET_GRAIN_BYTES: usize = 1024;

/// How long a disk is left alone that did not take a group.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A file has come to its end.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct EndedFile {
    pub file: FileId,
    /// Attempts that were made.
    pub attempts: u32,
    pub outcome: Outcome,
    /// Empty unless the file succeeded.
    pub text: String,
    pub timings: Timings,
    /// What is given back once the outcome is durable.
    pub dead_bytes: Option<DeadBytes>,
    pub slot: OwnedSemaphorePermit,
}

/// Makes outcomes durable.
pub struct BatchAggregator {
    work: Rc<Work>,
}

struct Work {
    custody: Arc<Custody>,
    text_budget: Arc<Semaphore>,
    gathered: RefCell<Vec<Gathered>>,
    arrived: Notify,
    /// Files that were taken over and are not durable yet.
    open: Cell<usize>,
    emptied: Notify,
    /// Whether the disk did not take the last group.
    is_held_back: Cell<bool>,
}

/// An outcome that waits to be made durable, and what it holds meanwhile.
struct Gathered {
    entry: ResultEntry,
    text: String,
    dead_bytes: Option<DeadBytes>,
    _slot: OwnedSemaphorePermit,
    _text_budget: OwnedSemaphorePermit,
}

impl BatchAggregator {
    #[must_use]
    pub fn new(custody: Arc<Custody>) -> Self {
        let work = Work {
            custody,
            text_budget: Arc::new(Semaphore::new(TEXT_BUDGET_BYTES / BUDGET_GRAIN_BYTES)),
            gathered: RefCell::default(),
            arrived: Notify::new(),
            open: Cell::new(0),
            emptied: Notify::new(),
            is_held_back: Cell::new(false),
        };
        Self { work: Rc::new(work) }
    }
}

impl Actor for BatchAggregator {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(BATCH_AGGREGATOR_MAILBOX_MAX);
        let work = Rc::clone(&self.work);
        let metrics = Arc::clone(&work.custody.metrics);
        actix_rt::spawn(panics::restarting("aggregator", metrics, move || Rc::clone(&work).commit_groups()));
    }
}

impl Handler<EndedFile> for BatchAggregator {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ended: EndedFile, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        work.open.set(work.open.get() + 1);
        Box::pin(async move { work.gather(ended).await })
    }
}

/// Answers when everything that was taken over is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for BatchAggregator {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        Box::pin(async move {
            loop {
                let emptied = work.emptied.notified();
                if work.open.get() == 0 {
                    return;
                }
                emptied.await;
            }
        })
    }
}

impl Work {
    async fn gather(&self, ended: EndedFile) {
        let EndedFile { file, attempts, outcome, text, timings, dead_bytes, slot } = ended;
        let grains = text.len().div_ceil(BUDGET_GRAIN_BYTES).min(TEXT_BUDGET_BYTES / BUDGET_GRAIN_BYTES);
        let grains = u32::try_from(grains).expect("the budget has fewer than 2^32 grains");
        let budget = Arc::clone(&self.text_budget).acquire_many_owned(grains).await;
        let entry = ResultEntry {
            file,
            attempts,
            outcome,
            ended_ms: now_ms(),
            timings,
            text_offset: 0,
            text_length: text.len() as u64,
            text_crc: crc32fast::hash(text.as_bytes()),
        };
        let budget = budget.expect("the budget is never closed");
        self.gathered.borrow_mut().push(Gathered { entry, text, dead_bytes, _slot: slot, _text_budget: budget });
        self.arrived.notify_one();
    }

    /// Makes whatever has gathered durable, one group after the other.
    async fn commit_groups(self: Rc<Self>) {
        loop {
            let group = std::mem::take(&mut *self.gathered.borrow_mut());
            if group.is_empty() {
                self.arrived.notified().await;
                continue;
            }
            let (durable, held_back) = self.append_results(group).await;
            let ended = durable.len();
            if ended > 0 {
                self.enter(durable).await;
                self.open.set(self.open.get() - ended);
                self.emptied.notify_waiters();
            }
            if !held_back.is_empty() {
                self.gathered.borrow_mut().splice(0..0, held_back);
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Appends a group's results, one region for each batch, and says where they lie; what the disk did not take is
    /// handed back.
    async fn append_results(&self, group: Vec<Gathered>) -> (Vec<(Gathered, FrameRef)>, Vec<Gathered>) {
        let mut of_batch: HashMap<BatchId, Vec<Gathered>> = HashMap::new();
        for gathered in group {
            of_batch.entry(gathered.entry.file.batch()).or_default().push(gathered);
        }
        let mut appended = Vec::with_capacity(of_batch.len());
        for (batch, mut results) in of_batch {
            let place = self.append(batch, &mut results).await;
            appended.push((results, place));
        }
        let (mut durable, mut held_back, mut trouble) = (Vec::new(), Vec::new(), None);
        for (results, place) in appended {
            let place = match place {
                Ok(place) => place.await.unwrap_or(Err(SpoolError::Closed)),
                Err(error) => Err(error),
            };
            match place {
                Ok(place) => durable.extend(results.into_iter().map(|result| (result, place))),
                Err(error) => {
                    held_back.extend(results);
                    trouble = Some(error);
                }
            }
        }
        // Said once, and not each second for as long as it lasts.
        if let Some(error) = trouble.filter(|_| !self.is_held_back.get()) {
            log::error!("{} outcomes are held back: {error}; they are tried again each second", held_back.len());
        }
        self.is_held_back.set(trouble.is_some());
        (durable, held_back)
    }

    /// Hands the results of one batch to the committer, as one region.
    async fn append(
        &self,
        batch: BatchId,
        results: &mut [Gathered],
    ) -> Result<oneshot::Receiver<Result<FrameRef, SpoolError>>, SpoolError> {
        self.custody.results.has_room()?;
        let mut texts = Vec::with_capacity(results.iter().map(|result| result.text.len()).sum());
        for result in results.iter_mut() {
            result.entry.text_offset = texts.len() as u64;
            texts.extend_from_slice(result.text.as_bytes());
        }
        let entries: Vec<&ResultEntry> = results.iter().map(|result| &result.entry).collect();
        let frame = FrameBody::encode(FrameKind::Results, &ResultsHeader { batch }, &entries);
        let (answer, place) = oneshot::channel();
        let on_committed = Box::new(move |committed| {
            // Whoever asked is gone only when the server is; the results are durable all the same.
            let _ = answer.send(committed);
        });
        self.custody.results.append(texts, frame, on_committed).await?;
        Ok(place)
    }

    /// Enters durable outcomes in the job log; what it does not take, the next start enters from the results.
    async fn enter(&self, durable: Vec<(Gathered, FrameRef)>) {
        let end = |(result, place): &(Gathered, FrameRef)| Change::End {
            file: result.entry.file,
            record: Box::new(file_record(result.entry.clone(), *place)),
        };
        match self.custody.joblog.commit(durable.iter().map(end).collect()).await {
            Ok(committed) => {
                self.announce(&durable, &committed);
                self.give_back(&durable);
            }
            Err(error) => log::error!("{} outcomes wait for the next start: {error}", durable.len()),
        }
    }

    /// Gives the blocks of files that were lost or refused back to the filesystem. One that a crash leaves goes with its
    /// batch.
    fn give_back(&self, durable: &[(Gathered, FrameRef)]) {
        let dead: Vec<DeadBytes> = durable.iter().filter_map(|(result, _)| result.dead_bytes).collect();
        if dead.is_empty() {
            return;
        }
        let custody = Arc::clone(&self.custody);
        actix_rt::task::spawn_blocking(move || {
            for DeadBytes { segment, start, length } in dead {
                if let Err(error) = custody.spool.store().punch(segment, start, length) {
                    log::warn!("segment {segment}: the bytes of a dead file are kept: {error}");
                }
            }
        });
    }

    fn announce(&self, durable: &[(Gathered, FrameRef)], committed: &Committed) {
        let metrics = &self.custody.metrics;
        let ended: HashSet<FileId> = committed.ended.iter().copied().collect();
        for (result, _) in durable.iter().filter(|(result, _)| ended.contains(&result.entry.file)) {
            let state = result.entry.outcome.state().to_string();
            metrics.files_ended.get_or_create(&StateLabels { state }).inc();
        }
        metrics.queue_depth.dec_by(i64::try_from(committed.ended.len()).unwrap_or(i64::MAX));
        for batch in &committed.completed {
            log::info!("batch {batch}: completed");
        }
    }
}
