//! One attempt, and what becomes of the file by it: an end, or another attempt.

use std::rc::Rc;
use std::time::Instant;

use actix::Addr;
use bytes::Bytes;

use super::Work;
use crate::actors::aggregator::EndedFile;
use crate::actors::panics::{self, Duty, deliver};
use crate::actors::processor::{Attempt, Fault, Processor};
use crate::actors::{FileOnItsWay, backoff, ms_since};
use crate::batch::{FileError, FileErrorCode, FileEvent, Outcome};
use crate::joblog::Change;
use crate::worker::{Extraction, Job};

impl Work {
    /// One attempt, and what becomes of the file by it.
    pub(super) async fn attempt(self: &Rc<Self>, processor: Addr<Processor>, mut file: FileOnItsWay) {
        if self.custody.joblog.is_cancelled(file.id.batch()) {
            self.make_idle(processor);
            return self.settle(file, Outcome::Cancelled, Bytes::new()).await;
        }
        if file.attempts >= self.options.attempts_max {
            self.make_idle(processor);
            let error = FileError::with_detail(FileErrorCode::Crashed, "the server stopped during each attempt");
            return self.end(file, Err(error)).await;
        }
        if let Err(error) = self.custody.joblog.apply(file.id, FileEvent::Started) {
            self.make_idle(processor);
            return log::error!("file {}: {error}", file.id);
        }
        file.timings.queued_ms = ms_since(file.queued_at);
        let job = Job { file: file.id, media_type: file.media_type.clone(), length: file.bytes.extent.length };
        let begun = Instant::now();
        let asked = processor.send(Attempt { job, extent: file.bytes.extent });
        let answer = panics::caught(Duty::Ask, &self.custody.metrics, asked).await;
        file.timings.process_ms = ms_since(begun);
        file.attempts += 1;
        match answer {
            Some(Ok(Ok(extraction))) => {
                self.custody.metrics.count_text(begun.elapsed());
                self.custody.joblog.read(file.id);
                self.end(file, Ok(extraction)).await;
            }
            Some(Ok(Err(fault))) => self.fault(file, fault).await,
            Some(Err(_)) | None => {
                log::error!("file {}: its processor panicked and is replaced", file.id);
                self.add_processor();
                return self.fault(file, Fault::Retry(FileErrorCode::Panicked.into())).await;
            }
        }
        // Only now: while a text waits for room, no other is made.
        self.make_idle(processor);
    }

    async fn fault(self: &Rc<Self>, file: FileOnItsWay, fault: Fault) {
        match fault {
            Fault::Retry(error) if file.attempts < self.options.attempts_max => self.try_again(file, &error).await,
            Fault::Retry(error) | Fault::GiveUp(error) => self.end(file, Err(error)).await,
            Fault::Cancelled => self.settle(file, Outcome::Cancelled, Bytes::new()).await,
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
                    work.enqueue(file);
                }
                () = work.custody.joblog.cancelled(file.id.batch()) => {
                    work.settle(file, Outcome::Cancelled, Bytes::new()).await;
                }
            }
        });
    }

    async fn end(&self, mut file: FileOnItsWay, answer: Result<Extraction, FileError>) {
        let (outcome, text) = match answer {
            Ok(Extraction { text, mut info }) => {
                info.warnings.splice(0..0, std::mem::take(&mut file.warnings));
                (Outcome::Succeeded(info), text.into())
            }
            Err(error) => (Outcome::Failed(error), Bytes::new()),
        };
        self.settle(file, outcome, text).await;
    }

    /// Hands a file's outcome over to be made durable.
    pub(super) async fn settle(&self, file: FileOnItsWay, outcome: Outcome, text: Bytes) {
        let FileOnItsWay { id, bytes, attempts, timings, slot, .. } = file;
        let are_bytes_dead = !self.options.keeps_originals && matches!(outcome, Outcome::Succeeded(_));
        let dead_bytes = are_bytes_dead.then_some(bytes);
        let is_deduplicated = false;
        let ended = EndedFile { file: id, attempts, outcome, text, is_deduplicated, timings, dead_bytes, slot };
        if !deliver(&self.aggregator, ended).await {
            log::error!("file {id}: the aggregator takes no outcome; the file waits for the next start");
        }
    }
}
