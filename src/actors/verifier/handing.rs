//! Handing out: the files of a turn get their slots, and set out. Small ones are looked at together, since waking a thread
//! costs more than looking.

use std::iter;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::Work;
use super::check::{Checked, Sound};
use super::turn::{WaitingFile, read_turn};
use crate::actors::panics::{self, Duty};
use crate::actors::rotation::Turn;
use crate::actors::{Held, Slot, ms_since};
use crate::spool::Timings;

/// How long the job log is left alone when a turn's files could not be read from it.
const TURN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A file that sets out, and its place.
type Outgoing = (Arc<WaitingFile>, Slot);

impl Work {
    /// Hands out files in turn until the slots are closed.
    pub(super) async fn hand_out(self: Rc<Self>) {
        loop {
            let Some(turn) = self.next_turn() else {
                self.announced.notified().await;
                continue;
            };
            self.in_hand.set(Some(turn.batch));
            let mut waiting = self.waiting_files(turn).await;
            while !waiting.is_empty() {
                let Some(slots) = self.free_slots(waiting.len()).await else { return };
                if self.in_hand.get().is_none() {
                    break;
                }
                let placed = waiting.drain(..slots.len()).zip(slots);
                let begun = placed.filter(|(file, _)| self.custody.joblog.begin(file.id, file.retries, file.attempts));
                self.send_out(begun.map(|(file, slot)| (Arc::new(file), Held::new(slot))).collect());
            }
        }
    }

    fn next_turn(&self) -> Option<Turn> {
        self.rotation.borrow_mut().turn()
    }

    /// The files of a turn that have no outcome yet. A turn that cannot be read comes again later; the others go on.
    pub(super) async fn waiting_files(self: &Rc<Self>, turn: Turn) -> Vec<WaitingFile> {
        let (custody, read) = (Arc::clone(&self.custody), turn.clone());
        match self.off_thread(Duty::Turn, move || read_turn(&custody, &read)).await {
            Some(Ok(files)) => return files,
            Some(Err(error)) => log::error!("batch {}: files {:?} cannot be read now: {error}", turn.batch, turn.files),
            None => log::error!("batch {}: reading files {:?} failed", turn.batch, turn.files),
        }
        let work = Rc::clone(self);
        actix_rt::spawn(async move {
            tokio::time::sleep(TURN_RETRY_AFTER).await;
            work.rotation.borrow_mut().again(turn);
            work.announced.notify_one();
        });
        Vec::new()
    }

    /// As many slots as are free, at least one and at most `most`; none when they are closed.
    async fn free_slots(&self, most: usize) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let more = iter::from_fn(|| Arc::clone(&self.slots).try_acquire_owned().ok());
        Some(iter::once(first).chain(more).take(most).collect())
    }

    fn send_out(self: &Rc<Self>, files: Vec<Outgoing>) {
        let (small, large): (Vec<_>, Vec<_>) = files.into_iter().partition(|(file, _)| file.is_small());
        let begun = Instant::now();
        for file in large {
            self.set_out(file, begun, None);
        }
        if !small.is_empty() {
            let work = Rc::clone(self);
            actix_rt::spawn(async move {
                let name = format!("verification of {} files, which wait for the next start", small.len());
                panics::counted(name, &work.custody.metrics, work.look_at_all(small, begun)).await
            });
        }
    }

    async fn look_at_all(self: &Rc<Self>, small: Vec<Outgoing>, begun: Instant) {
        let files: Vec<_> = small.iter().map(|(file, _)| Arc::clone(file)).collect();
        let looked = self.look(&files).await;
        let timings = Timings { verify_ms: ms_since(begun), ..Timings::default() };
        let mut verified = Vec::with_capacity(small.len());
        for ((file, slot), checked) in small.into_iter().zip(looked) {
            match checked {
                Checked::Sound(sound) if self.needs_no_more(&file, &sound, &slot) => {
                    verified.extend(self.verified(&file, sound, timings, slot));
                }
                checked => self.set_out((file, slot), begun, Some(checked)),
            }
        }
        self.pass_on(verified).await;
    }

    /// Whether a file that is sound is to be read without further ado.
    fn needs_no_more(&self, file: &WaitingFile, sound: &Sound, slot: &Slot) -> bool {
        self.options.scan.is_none()
            && !self.custody.joblog.is_cancelled(file.id.batch())
            && self.is_first(file, sound, slot)
    }

    /// Sets a file on its way, with what a look showed if there was one.
    fn set_out(self: &Rc<Self>, (file, slot): Outgoing, begun: Instant, looked: Option<Checked>) {
        let work = Rc::clone(self);
        actix_rt::spawn(async move {
            let name = format!("verification of file {}, which waits for the next start", file.id);
            panics::counted(name, &work.custody.metrics, work.verify(file, slot, begun, looked)).await
        });
    }
}
