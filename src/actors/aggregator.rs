//! `BatchAggregator`: makes outcomes durable, in groups: results first, then the records that name them.
//!
//! Takes `EndedFiles`. While one group is being synced, and for a moment while others are on their way, the next one
//! gathers: a group costs the same flushes whatever is in it. A disk that is full or failing holds the group
//! back and nothing is lost: it is tried again until there is room. A batch completes with its last outcome.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::panics::{self, Duty, answering};
use super::{FileBytes, Slot, now_ms};
use crate::batch::{FileId, Outcome};
use crate::custody::{Custody, GivenBack, file_record};
use crate::joblog::{Change, Committed};
use crate::spool::{FrameBody, FrameKind, FrameRef, GroupKind, ResultEntry, ResultsHeader, SpoolError, Timings};

mod gathered;

use gathered::{Gathered, Gathering, Open, OpenFiles};

/// Ended files that may be announced and not yet taken over; their texts are bounded by the budget.
pub const BATCH_AGGREGATOR_MAILBOX_MAX: usize = 16;

/// Bytes of text that may wait to be made durable; past it those who bring more wait.
const TEXT_BUDGET_BYTES: usize = 64 << 20;

/// The grain of the text budget: a semaphore counts in 32 bits.
const BUDGET_GRAIN_BYTES: usize = 1024;

/// How soon after another a group begins as long as more files are on their way.
const GROUP_EVERY: Duration = Duration::from_millis(20);

/// How long a disk is left alone that did not take a group.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Files have come to their end.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct EndedFiles(pub Vec<EndedFile>);

/// A file that has come to its end.
#[derive(Debug, Clone)]
pub struct EndedFile {
    pub file: FileId,
    /// Attempts that were made.
    pub attempts: u32,
    pub outcome: Outcome,
    /// Empty unless the file succeeded; UTF-8.
    pub text: Bytes,
    /// Whether the text was taken over from a file with the same bytes.
    pub is_deduplicated: bool,
    pub timings: Timings,
    /// What is given back once the outcome is durable.
    pub dead_bytes: Option<FileBytes>,
    pub slot: Slot,
}

/// Makes outcomes durable.
pub struct BatchAggregator {
    work: Rc<Work>,
}

struct Work {
    custody: Arc<Custody>,
    /// What texts are made with by this server.
    made_with: u32,
    text_budget: Arc<Semaphore>,
    gathering: Gathering,
    open: Rc<OpenFiles>,
    /// Whether the disk did not take the last group.
    is_held_back: Cell<bool>,
}

impl BatchAggregator {
    #[must_use]
    pub fn new(custody: Arc<Custody>, made_with: u32) -> Self {
        let work = Work {
            custody,
            made_with,
            text_budget: Arc::new(Semaphore::new(TEXT_BUDGET_BYTES / BUDGET_GRAIN_BYTES)),
            gathering: Gathering::default(),
            open: Rc::default(),
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

impl Handler<EndedFiles> for BatchAggregator {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, EndedFiles(files): EndedFiles, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        let open: Vec<(EndedFile, Open)> = files.into_iter().map(|file| (file, work.open.open())).collect();
        let gathered = async move {
            for (file, open) in open {
                work.gather(file, open).await;
            }
        };
        answering(Duty::EndedFiles, &self.work.custody.metrics, gathered)
    }
}

/// Answers when everything that was taken over is durable.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for BatchAggregator {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let work = Rc::clone(&self.work);
        answering(Duty::Flush, &self.work.custody.metrics, async move { work.open.none().await })
    }
}

impl Work {
    async fn gather(&self, ended: EndedFile, open: Open) {
        let EndedFile { file, attempts, outcome, text, is_deduplicated, timings, dead_bytes, slot } = ended;
        let grains = text.len().div_ceil(BUDGET_GRAIN_BYTES).min(TEXT_BUDGET_BYTES / BUDGET_GRAIN_BYTES);
        let grains = u32::try_from(grains).expect("the budget has fewer than 2^32 grains");
        let budget = Arc::clone(&self.text_budget).acquire_many_owned(grains).await;
        let entry = ResultEntry {
            file,
            retries: self.custody.joblog.retries(file),
            attempts,
            outcome,
            ended_ms: now_ms(),
            timings,
            text_offset: 0,
            text_length: text.len() as u64,
            text_crc: crc32fast::hash(&text),
            are_bytes_dead: dead_bytes.is_some(),
            made_with: self.made_with,
            is_deduplicated,
        };
        let budget = budget.expect("the budget is never closed");
        let gathered = Gathered { entry, text, dead_bytes, place: None, _held: (slot, budget, open) };
        self.gathering.push(gathered);
    }

    /// Makes whatever has gathered durable, one group after the other.
    async fn commit_groups(self: Rc<Self>) {
        let mut next = Instant::now();
        loop {
            self.gathering.ready(next, || self.custody.joblog.moving_count()).await;
            next = Instant::now() + GROUP_EVERY;
            // Held here while it is worked on, so that a panic costs a try and no outcome.
            let mut group = self.gathering.take();
            let is_over = panics::caught(Duty::Group, &self.custody.metrics, self.commit(&mut group)).await.is_some();
            if is_over {
                group.retain(|result| result.place.is_none());
            }
            if !group.is_empty() {
                self.gathering.put_back(group);
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Makes a group's results durable and enters those that are; what the disk did not take has no place afterwards.
    async fn commit(&self, group: &mut [Gathered]) {
        self.append_results(group).await;
        self.enter(group).await;
    }

    /// Appends a group's results, one region for each batch, and notes where they lie.
    async fn append_results(&self, group: &mut [Gathered]) {
        group.sort_by_key(|result| (result.place.is_some(), result.entry.file.batch()));
        let new = group.partition_point(|result| result.place.is_none());
        let of_batch = |a: &Gathered, b: &Gathered| a.entry.file.batch() == b.entry.file.batch();
        let mut appended = Vec::new();
        for results in group[..new].chunk_by_mut(of_batch) {
            appended.push(self.append(results).await);
        }
        let (mut trouble, mut held_back) = (None, 0);
        for (results, place) in group[..new].chunk_by_mut(of_batch).zip(appended) {
            let place = match place {
                Ok(place) => place.await.unwrap_or(Err(SpoolError::Closed)),
                Err(error) => Err(error),
            };
            match place {
                Ok(place) => results.iter_mut().for_each(|result| result.place = Some(place)),
                Err(error) => {
                    held_back += results.len();
                    trouble = Some(error);
                }
            }
        }
        // Said once, and not each second for as long as it lasts.
        if let Some(error) = trouble.filter(|_| !self.is_held_back.get()) {
            log::error!("{held_back} outcomes are held back: {error}; they are tried again each second");
        }
        self.is_held_back.set(trouble.is_some());
    }

    /// Hands the results of one batch to the committer, as one region.
    async fn append(
        &self,
        results: &mut [Gathered],
    ) -> Result<oneshot::Receiver<Result<FrameRef, SpoolError>>, SpoolError> {
        let batch = results[0].entry.file.batch();
        self.custody.results.has_room()?;
        let mut texts = Vec::with_capacity(results.iter().map(|result| result.text.len()).sum());
        for result in results.iter_mut() {
            result.entry.text_offset = texts.len() as u64;
            texts.extend_from_slice(&result.text);
        }
        let entries: Vec<&ResultEntry> = results.iter().map(|result| &result.entry).collect();
        let frame =
            FrameBody::encode(FrameKind::Results, &ResultsHeader { batch, holds: GroupKind::Outcomes }, &entries);
        let (answer, place) = oneshot::channel();
        let on_committed = Box::new(move |committed| {
            // Whoever asked is gone only when the server is; the results are durable all the same.
            let _ = answer.send(committed);
        });
        self.custody.results.append(texts, frame, on_committed).await?;
        Ok(place)
    }

    /// Enters durable outcomes in the job log; what it does not take, the next start enters from the results.
    async fn enter(&self, group: &[Gathered]) {
        let end = |result: &Gathered| {
            let record = Box::new(file_record(result.entry.clone(), result.place?));
            Some(Change::End { file: result.entry.file, record })
        };
        let ends: Vec<Change> = group.iter().filter_map(end).collect();
        if ends.is_empty() {
            return;
        }
        let count = ends.len();
        match self.custody.joblog.commit(ends).await {
            Ok(committed) => {
                self.announce(group, &committed);
                self.give_back(group);
            }
            Err(error) => log::error!("{count} outcomes wait for the next start: {error}"),
        }
    }

    /// Gives the blocks of files that were lost or refused back to the filesystem. One that a crash leaves goes with its
    /// batch.
    fn give_back(&self, group: &[Gathered]) {
        let durable = group.iter().filter(|result| result.place.is_some());
        let dead = durable.filter_map(|result| result.dead_bytes).map(|bytes| (bytes.extent, bytes.lender));
        let dead: Vec<GivenBack> = dead.collect();
        if dead.is_empty() {
            return;
        }
        let custody = Arc::clone(&self.custody);
        actix_rt::task::spawn_blocking(move || custody.give_back(dead));
    }

    fn announce(&self, group: &[Gathered], committed: &Committed) {
        let metrics = &self.custody.metrics;
        let ended: HashSet<FileId> = committed.ended.iter().copied().collect();
        for result in group.iter().filter(|result| ended.contains(&result.entry.file)) {
            metrics.count_ended(result.entry.outcome.state());
        }
        metrics.queue_depth.dec_by(i64::try_from(committed.ended.len()).unwrap_or(i64::MAX));
        for batch in &committed.completed {
            log::info!("batch {batch}: completed");
            // One that was removed meanwhile has no outcome any more.
            let record = self.custody.joblog.batch(*batch).ok().flatten();
            if let Some(outcome) = record.and_then(|record| record.tally.outcome()) {
                metrics.operation.count_completed(outcome);
            }
        }
    }
}
