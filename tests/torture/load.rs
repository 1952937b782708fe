//! The load: eight clients that upload, go away, look and remove, until the server is killed under them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rand::RngExt;
use rustix::process::Signal;

use super::findings::Fault;
use super::ledger::{Ledger, Standing};
use super::peer::{Heard, Peer, Reply};
use super::plan::{Key, Manner, Plan, chance};
use crate::support::{Server, form};

const CLIENTS: u32 = 8;

/// When the server is killed, counted from the first upload on.
const KILLED_AFTER_MS: std::ops::Range<u64> = 50..1500;

/// How often the kill waits for the next 202, and for how long at most: then the promise is as young as can be.
const KILLED_AT_PROMISE: f64 = 0.4;
const PROMISED_WITHIN: Duration = Duration::from_secs(2);

/// A round's load.
pub struct Load<'a> {
    pub ledger: &'a Ledger,
    pub seed: u64,
    pub round: u32,
}

impl Load<'_> {
    /// Loads the server and kills it at a moment that the seed decides.
    pub fn kill(&self, server: Server) {
        let killed = AtomicBool::new(false);
        let (to_killer, promises) = mpsc::channel();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let peer = Peer::new(&server);
                let (killed, to_killer) = (&killed, to_killer.clone());
                scope.spawn(move || self.client(client, &peer, killed, &to_killer));
            }
            self.wait_for_the_moment(&promises);
            // First, so that no client takes the end for the server's own doing.
            killed.store(true, Ordering::SeqCst);
            server.signal(Signal::KILL);
        });
        server.kill();
    }

    fn wait_for_the_moment(&self, promises: &Receiver<()>) {
        let mut chance = chance(self.seed, format!("moment {}", self.round));
        pause(Duration::from_millis(chance.random_range(KILLED_AFTER_MS)));
        if chance.random_bool(KILLED_AT_PROMISE) {
            while promises.try_recv().is_ok() {}
            // A load that goes on without one is as good a moment.
            let _ = promises.recv_timeout(PROMISED_WITHIN);
        }
    }

    fn client(&self, client: u32, peer: &Peer, killed: &AtomicBool, to_killer: &Sender<()>) {
        for number in 0.. {
            let plan = Plan::of(self.seed, Key { round: self.round, client, number });
            if let Err(error) = self.upload(peer, &plan, to_killer) {
                if !killed.load(Ordering::SeqCst) {
                    self.ledger.findings.note(Fault::Wrong, format!("{}: {error}", plan.key));
                }
                return;
            }
        }
    }

    fn upload(&self, peer: &Peer, plan: &Plan, to_killer: &Sender<()>) -> Heard<()> {
        let body = plan.form().finish();
        match plan.manner {
            Manner::BreakOff(part) => {
                self.ledger.open(plan, Standing::Nothing);
                // Before the last boundary: without it the form has no end.
                peer.break_off(&body, part_of(body.len() - form::closing().len(), part))
            }
            Manner::LeaveUnanswered => {
                self.ledger.open(plan, Standing::Unanswered);
                peer.break_off(&body, body.len())
            }
            Manner::Keep | Manner::Watch | Manner::Remove => {
                self.ledger.open(plan, Standing::Unanswered);
                let reply = peer.upload(&body)?;
                if !self.is_as_it_must_be(plan, &reply, 202) {
                    return Ok(());
                }
                // The killer may have gone by now.
                let _ = to_killer.send(());
                let id = self.ledger.acknowledge(plan, &reply.json());
                self.ledger.look(plan, &reply.json());
                match plan.manner {
                    Manner::Watch => self.watch(peer, plan, &id),
                    Manner::Remove => self.remove(peer, plan),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Waits for the end of a batch, and looks at it: what is seen here is not to change after the kill.
    fn watch(&self, peer: &Peer, plan: &Plan, id: &str) -> Heard<()> {
        let reply = peer.get(&format!("/batches/{id}?wait=60"))?;
        if self.is_as_it_must_be(plan, &reply, 200) {
            let batch = self.ledger.look(plan, &reply.json());
            if batch.state == "completed" {
                self.ledger.complete(plan.key);
            }
        }
        Ok(())
    }

    fn remove(&self, peer: &Peer, plan: &Plan) -> Heard<()> {
        let Some((key, id)) = self.ledger.take_completed(&mut chance(self.seed, format!("removed by {}", plan.key)))
        else {
            return Ok(());
        };
        let path = format!("/batches/{id}");
        if self.is_as_it_must_be(plan, &peer.delete(&path)?, 204) {
            self.ledger.with(key, |record, tally| {
                record.standing = Standing::Gone;
                tally.removed += 1;
            });
            self.is_as_it_must_be(plan, &peer.get(&path)?, 404);
        }
        Ok(())
    }

    fn is_as_it_must_be(&self, plan: &Plan, reply: &Reply, status: u16) -> bool {
        if reply.status != status {
            let said = String::from_utf8_lossy(&reply.body);
            self.ledger
                .findings
                .note(Fault::Wrong, format!("{}: {} instead of {status}: {said}", plan.key, reply.status));
        }
        reply.status == status
    }
}

/// A part of a length, less than all of it.
fn part_of(length: usize, part: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "bodies are far smaller than 2^52 bytes, and a part is from 0 to 1"
    )]
    let part = (length as f64 * part) as usize;
    part.min(length - 1)
}

/// Lets time pass. A kill at a random moment is the one thing here that waits for no state.
pub fn pause(length: Duration) {
    let begun = Instant::now();
    while let Some(left) = length.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
