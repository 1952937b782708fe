//! Follows files to their ends, in the batches of this push and in others that had them before.
//!
//! By long polls and not by events: a push has to learn the whole of what became of its files, whatever broke in between,
//! and a status says that at any time. The oldest batch is waited for, the next ones are looked at in passing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use indicatif::ProgressBar;

use super::fetch::{Fetcher, Succeeded};
use super::ledger::{Ledger, Standing};
use super::plan::Followed;
use super::stop::Stop;
use crate::batch::FileState;
use crate::cli::CliError;
use crate::client::{Api, Batch, File, pause};

/// Batches that one round looks at.
const LOOKED_AT_MAX: usize = 16;
/// Between two rounds, where the server answers waits at once.
const ROUND_MIN: Duration = Duration::from_millis(50);
/// Files on one page of a batch's status.
const PAGE_MAX: usize = 1_000;

/// What the follower of a push knows.
pub struct Follower<'a> {
    pub api: &'a Api,
    pub ledger: &'a Ledger,
    pub bar: &'a ProgressBar,
    pub stop: &'a Stop,
    /// Who fetches the texts, where they are wanted.
    pub fetcher: Option<Fetcher<'a>>,
    /// Whether to wait for outcomes, or only to ask what was refused at once.
    pub is_patient: bool,
}

/// A batch that is followed, and how many of its files had ended when it was last looked at.
struct Open {
    followed: Followed,
    done: usize,
}

impl Follower<'_> {
    /// Follows what is announced until nothing more is and all have ended.
    pub fn work(&self, accepted: &Receiver<Followed>) {
        let mut open: VecDeque<Open> = VecDeque::new();
        while take(accepted, &mut open) {
            if self.stop.is_called() {
                return;
            }
            if let Err(error) = self.round(&mut open) {
                self.stop.call(error);
                return;
            }
        }
    }

    /// Looks at the oldest batches, and settles those that are completed.
    fn round(&self, open: &mut VecDeque<Open>) -> Result<(), CliError> {
        let mut left = VecDeque::new();
        let mut has_waited = !self.is_patient;
        for mut batch in open.drain(..open.len().min(LOOKED_AT_MAX)) {
            let wait = u8::from(!std::mem::replace(&mut has_waited, true));
            match self.look(&mut batch, wait) {
                Ok(true) => {}
                Ok(false) => left.push_back(batch),
                Err(CliError::Client(error)) if error.is_not_found() => self.removed(&batch),
                Err(error) => return Err(error),
            }
        }
        if !left.is_empty() {
            pause(ROUND_MIN);
        }
        left.append(open);
        *open = left;
        Ok(())
    }

    /// Looks at a batch, waiting for so many seconds; whether it is through.
    fn look(&self, batch: &mut Open, wait: u8) -> Result<bool, CliError> {
        let status = self.api.batch(batch.followed.batch, &format!("?limit=1&wait={wait}"))?;
        let is_through = status.is_completed() || !self.is_patient;
        if is_through {
            self.settle(batch, &status)?;
        } else {
            self.count(batch, &status);
        }
        Ok(is_through)
    }

    /// Moves the bar by what has ended meanwhile. Of another's batch it is not known which files these are.
    fn count(&self, batch: &mut Open, status: &Batch) {
        let done = (status.summary.total - status.summary.pending).min(batch.followed.wanted.len());
        if status.summary.total == batch.followed.wanted.len() && done > batch.done {
            self.bar.inc((done - batch.done) as u64);
            batch.done = done;
        }
    }

    /// Learns how each file that is wanted ended, and fetches the texts.
    fn settle(&self, batch: &Open, status: &Batch) -> Result<(), CliError> {
        let Followed { batch: id, wanted } = &batch.followed;
        let mut succeeded = Succeeded::new();
        let mut wanted_left = wanted.iter().peekable();
        while let Some((first, _)) = wanted_left.peek() {
            let after = first.checked_sub(1).map(|before| format!("&after={before}")).unwrap_or_default();
            let page = self.api.batch(*id, &format!("?limit={PAGE_MAX}{after}"))?;
            let Some(last) = page.files.last().map(|file| file.index) else { break };
            let files: BTreeMap<usize, File> = page.files.into_iter().map(|file| (file.index, file)).collect();
            while let Some((index, items)) = wanted_left.next_if(|(index, _)| **index <= last) {
                let Some(file) = files.get(index) else { continue };
                for item in items {
                    self.ledger.note(*item, |entry| entry.hear(file));
                }
                if file.state == FileState::Succeeded {
                    succeeded.insert(*index, (file.id, items.clone()));
                }
            }
        }
        if let Some(fetcher) = &self.fetcher {
            fetcher.fetch(*id, status.summary.total, succeeded)?;
        }
        self.bar.inc((wanted.len() - batch.done) as u64);
        Ok(())
    }

    fn removed(&self, batch: &Open) {
        for item in batch.followed.wanted.values().flatten() {
            let message = "Its batch was removed from the server.";
            self.ledger.note(*item, |entry| entry.fail(Standing::Removed, "removed", message));
        }
        self.bar.inc((batch.followed.wanted.len() - batch.done) as u64);
    }
}

/// Takes what has been announced, waiting where there is nothing else to do; whether there is anything to do.
fn take(accepted: &Receiver<Followed>, open: &mut VecDeque<Open>) -> bool {
    loop {
        let next =
            if open.is_empty() { accepted.recv().map_err(|_| TryRecvError::Disconnected) } else { accepted.try_recv() };
        match next {
            Ok(followed) => open.push_back(Open { followed, done: 0 }),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return !open.is_empty(),
        }
    }
}
