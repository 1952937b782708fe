//! One attempt, and what becomes of the file by it: an end, or another attempt.

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::Addr;
use bytes::Bytes;

use super::Work;
use crate::actors::aggregator::{EndedFile, EndedFiles};
use crate::actors::panics::{self, Duty, deliver};
use crate::actors::processor::{Attempt, Fault, Processor};
use crate::actors::{FileOnItsWay, Names, backoff, ms, ms_since};
use crate::batch::{FileError, FileErrorCode, FileEvent, Outcome};
use crate::joblog::Change;
use crate::worker::{Extraction, Job};

impl Work {
    /// One attempt, and what becomes of the file by it.
    pub(super) async fn attempt(self: &Rc<Self>, processor: Addr<Processor>, mut file: FileOnItsWay) {
        if self.custody.joblog.is_cancelled(file.id.batch()) {
            self.make_idle(processor);
            return self.settle(vec![cancelled(file)]).await;
        }
        if file.attempts >= self.options.attempts_max {
            self.make_idle(processor);
            let error = FileError::with_detail(FileErrorCode::Crashed, "the server stopped during each attempt");
            return self.settle(vec![failed(file, error)]).await;
        }
        if let Err(error) = self.custody.joblog.apply(file.id, FileEvent::Started) {
            self.make_idle(processor);
            return log::error!("file {}: {error}", file.id);
        }
        file.timings.queued_ms = ms_since(file.queued_at);
        let begun = Instant::now();
        let asked = processor.send(Attempt { job: job(&file), extent: file.bytes.extent });
        let answer = panics::caught(Duty::Ask, &self.custody.metrics, asked).await;
        let Some(Ok(answer)) = answer else {
            log::error!("file {}: its processor panicked and is replaced", file.id);
            self.add_processor();
            let panicked = Err(Fault::Retry(FileErrorCode::Panicked.into()));
            let ended = self.attempted(file, panicked, begun.elapsed()).await;
            return self.settle(ended.into_iter().collect()).await;
        };
        let ended = self.attempted(file, answer, begun.elapsed()).await;
        self.settle(ended.into_iter().collect()).await;
        // Only now: while a text waits for room, no other is made.
        self.make_idle(processor);
    }

    /// What becomes of a file by an attempt that is over: its end, or nothing yet.
    pub(super) async fn attempted(
        self: &Rc<Self>,
        mut file: FileOnItsWay,
        answer: Result<Extraction, Fault>,
        took: Duration,
    ) -> Option<EndedFile> {
        file.timings.process_ms = ms(took);
        file.attempts += 1;
        match answer {
            Ok(extraction) => {
                self.custody.metrics.count_text(took);
                self.custody.joblog.read(file.id);
                Some(self.succeeded(file, extraction))
            }
            Err(Fault::Retry(error)) if file.attempts < self.options.attempts_max => {
                self.try_again(file, &error).await;
                None
            }
            Err(Fault::Retry(error) | Fault::GiveUp(error)) => Some(failed(file, error)),
            Err(Fault::Cancelled) => Some(cancelled(file)),
        }
    }

    /// Writes the attempt down and queues the file again after a while.
    async fn try_again(self: &Rc<Self>, mut file: FileOnItsWay, error: &FileError) {
        self.custody.metrics.processing_retries.inc();
        let delay = backoff::delay(self.options.retry_base, file.attempts);
        log::info!("file {}: attempt {} ended with {error}; the next is in {delay:?}", file.id, file.attempts);
        let counted = Change::Attempts {
            file: file.id,
            retries: self.custody.joblog.retries(file.id),
            attempts: file.attempts,
            is_suspect: file.is_suspect,
        };
        if let Err(error) = self.custody.joblog.commit(vec![counted]).await {
            log::error!("file {}: its attempts could not be written down: {error}", file.id);
        }
        // Seen from outside only now: a kill must not take back an attempt that somebody was told of.
        if let Err(error) = self.custody.joblog.apply(file.id, FileEvent::WillRetry) {
            return log::error!("file {}: {error}", file.id);
        }
        let work = Rc::clone(self);
        actix_rt::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(delay) => {
                    file.queued_at = Instant::now();
                    work.enqueue(vec![file]);
                }
                () = work.custody.joblog.cancelled(file.id.batch()) => {
                    work.settle(vec![cancelled(file)]).await;
                }
            }
        });
    }

    fn succeeded(&self, mut file: FileOnItsWay, Extraction { text, mut info }: Extraction) -> EndedFile {
        info.warnings.splice(0..0, std::mem::take(&mut file.warnings));
        let dead_bytes = (!self.options.keeps_originals).then_some(file.bytes);
        EndedFile { dead_bytes, ..ended(file, Outcome::Succeeded(info), text.into()) }
    }

    /// Hands files' outcomes over to be made durable.
    pub(super) async fn settle(&self, files: Vec<EndedFile>) {
        let names: Names = files.iter().map(|ended| ended.file).collect();
        if !files.is_empty() && !deliver(&self.aggregator, EndedFiles(files)).await {
            log::error!("{names}: the aggregator takes no outcome; they wait for the next start");
        }
    }
}

/// What a child is told of a file.
pub(super) fn job(file: &FileOnItsWay) -> Job {
    Job { file: file.id, media_type: file.media_type.clone(), length: file.bytes.extent.length }
}

fn ended(file: FileOnItsWay, outcome: Outcome, text: Bytes) -> EndedFile {
    let FileOnItsWay { id, attempts, timings, slot, .. } = file;
    EndedFile { file: id, attempts, outcome, text, is_deduplicated: false, timings, dead_bytes: None, slot }
}

fn failed(file: FileOnItsWay, error: FileError) -> EndedFile {
    ended(file, Outcome::Failed(error), Bytes::new())
}

pub(super) fn cancelled(file: FileOnItsWay) -> EndedFile {
    ended(file, Outcome::Cancelled, Bytes::new())
}
