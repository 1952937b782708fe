//! Small files go to a child together: what it costs to hand a file over and to hear of it is more than reading it.
//!
//! A child that does not answer for all of them leaves open which file it was, so that nothing is said of those without an
//! answer, and each is tried by itself. That costs a child, and no file an attempt.

use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use actix::Addr;

use super::attempt::job;
use super::{ClaimedWork, Work};
use crate::actors::panics::{self, Duty};
use crate::actors::processor::{AttemptTogether, Processor};
use crate::actors::{Names, ms_since};
use crate::batch::FileEvent;
use crate::extract::media;

/// Files that are tried together.
const FILES_MAX: usize = 16;

/// Their bytes: what a pipe takes at once.
const BYTES_MAX: u64 = 60 << 10;

/// Types that often hold pictures. A child that asks for the text in one is in conversation about one file.
const PICTURED: [&str; 5] = ["image/", media::PDF, media::ZIP, media::TAR, media::GZIP];

impl Work {
    /// What a processor is given next: a claimed file, or some small ones, but no more than leave some for the others.
    pub(super) fn next_claimed(&self) -> Vec<ClaimedWork> {
        let mut claimed = self.claimed.borrow_mut();
        let files_max = (claimed.len() / (2 * self.options.processors)).clamp(1, FILES_MAX);
        let mut bytes = 0;
        let together = claimed.iter().take(files_max).take_while(|claimed| {
            bytes += claimed.file.bytes.extent.length;
            bytes <= BYTES_MAX && self.goes_together(claimed)
        });
        let count = together.count().max(1).min(claimed.len());
        claimed.drain(..count).collect()
    }

    fn goes_together(&self, ClaimedWork { file, is_alone, .. }: &ClaimedWork) -> bool {
        !is_alone
            && file.attempts == 0
            && (self.processor.worker.ocr.is_none()
                || !PICTURED.iter().any(|pictured| file.media_type.starts_with(pictured)))
            && !self.custody.joblog.is_cancelled(file.id.batch())
    }

    /// Tries files; those that were not tried are the next to be, each by itself.
    pub(super) async fn settle_all(self: Rc<Self>, processor: Addr<Processor>, files: Vec<ClaimedWork>) {
        let names: Names = files.iter().map(|claimed| claimed.file.id).collect();
        let windows: Vec<u64> = files.iter().map(|claimed| claimed.window).collect();
        let settled = fmt::from_fn(move |f| write!(f, "what becomes of {names} until the next start"));
        let tried = panics::counted(settled, &self.custody.metrics, self.attempt_all(processor, files)).await;
        if tried.is_none() {
            self.add_processor();
        }
        let untried = tried.unwrap_or_default();
        windows[..windows.len() - untried.len()].iter().for_each(|window| self.windows.leave(*window));
        self.claimed_again(untried);
        self.running.set(self.running.get() - 1);
        self.changed.notify_waiters();
    }

    /// Tries files, and gives those back that were not.
    async fn attempt_all(self: &Rc<Self>, processor: Addr<Processor>, mut files: Vec<ClaimedWork>) -> Vec<ClaimedWork> {
        if files.len() > 1 {
            return self.attempt_together(processor, files).await;
        }
        if let Some(ClaimedWork { file, .. }) = files.pop() {
            self.attempt(processor, file).await;
        }
        files
    }

    async fn attempt_together(
        self: &Rc<Self>,
        processor: Addr<Processor>,
        mut files: Vec<ClaimedWork>,
    ) -> Vec<ClaimedWork> {
        let begun = Instant::now();
        let jobs = files.iter().map(|claimed| (job(&claimed.file), claimed.file.bytes.extent)).collect();
        let asked = processor.send(AttemptTogether(jobs));
        let Some(Ok(answers)) = panics::caught(Duty::Ask, &self.custody.metrics, asked).await else {
            let names: Names = files.iter().map(|claimed| claimed.file.id).collect();
            log::error!("{names}: their processor panicked and is replaced; each is tried alone");
            self.add_processor();
            return files;
        };
        let share = begun.elapsed() / u32::try_from(answers.len().max(1)).unwrap_or(u32::MAX);
        let untried = files.split_off(answers.len());
        let mut ended = Vec::with_capacity(files.len());
        for (ClaimedWork { mut file, .. }, answer) in files.into_iter().zip(answers) {
            if let Err(error) = self.custody.joblog.apply(file.id, FileEvent::Started) {
                log::error!("file {}: {error}", file.id);
                continue;
            }
            file.timings.queued_ms = ms_since(file.queued_at).saturating_sub(ms_since(begun));
            ended.extend(self.attempted(file, answer, share).await);
        }
        self.settle(ended).await;
        self.make_idle(processor);
        untried
    }

    fn claimed_again(&self, files: Vec<ClaimedWork>) {
        let mut claimed = self.claimed.borrow_mut();
        files.into_iter().rev().for_each(|file| claimed.push_front(ClaimedWork { is_alone: true, ..file }));
    }
}
