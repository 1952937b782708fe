//! The load: eight clients that upload, go away, look and remove, until the server is brought down under them.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rand::RngExt;

use super::findings::Fault;
use super::ledger::{Ledger, Standing};
use super::peer::{Heard, Peer, Reply};
use super::plan::{Key, Manner, Plan, chance};
use super::rounds::Blow;
use crate::support::{Server, form};

const CLIENTS: u32 = 8;

/// When the server is struck, counted from the first upload on.
const STRUCK_AFTER_MS: std::ops::Range<u64> = 50..1500;

/// How often the blow waits for the next promise, and for how long at most: a 202, the end of a batch, or the 204 of a
/// removal, which is as young as can be then.
const STRUCK_AT_PROMISE: f64 = 0.4;
const PROMISED_WITHIN: Duration = Duration::from_secs(2);

/// A round's load.
pub struct Load<'a> {
    ledger: &'a Ledger,
    seed: u64,
    round: u32,
    /// Whether the blow has fallen, or is falling. Clients may hear anything then, or nothing.
    is_struck: AtomicBool,
    /// Whether a 202 is a promise even then.
    promises_last: bool,
}

impl<'a> Load<'a> {
    /// A load for such a blow.
    pub fn new<B: Blow>(ledger: &'a Ledger, seed: u64, round: u32) -> Self {
        Self { ledger, seed, round, is_struck: AtomicBool::new(false), promises_last: !B::ENDS_PROMISES }
    }

    /// Loads the server and strikes it at a moment that the seed decides; says what it had logged until then.
    pub fn strike(&self, server: &Server, blow: &mut impl Blow) -> String {
        let (to_striker, promises) = mpsc::channel();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let at = Client { peer: Peer::new(server), to_striker: to_striker.clone() };
                scope.spawn(move || self.run_client(client, &at));
            }
            self.wait_for_the_moment(&promises);
            blow.prepare(server);
            // First, so that no client takes the end for the server's own doing.
            self.is_struck.store(true, Ordering::SeqCst);
            blow.strike(server)
        })
    }

    fn wait_for_the_moment(&self, promises: &Receiver<()>) {
        let mut chance = chance(self.seed, format!("moment {}", self.round));
        pause(Duration::from_millis(chance.random_range(STRUCK_AFTER_MS)));
        if chance.random_bool(STRUCK_AT_PROMISE) {
            while promises.try_recv().is_ok() {}
            // A load that goes on without one is as good a moment.
            let _ = promises.recv_timeout(PROMISED_WITHIN);
        }
    }

    fn run_client(&self, client: u32, at: &Client) {
        for number in 0.. {
            let plan = Plan::of(self.seed, Key { round: self.round, client, number });
            if let Err(error) = self.upload(at, &plan) {
                self.note_wrong(plan.key, error);
                return;
            }
        }
    }

    fn upload(&self, at: &Client, plan: &Plan) -> Heard<()> {
        let (body, peer, key) = (plan.form().finish(), &at.peer, &plan.key.to_string());
        match plan.manner {
            Manner::BreakOff(part) => {
                self.ledger.open(plan, Standing::Nothing);
                // Before the last boundary: without it the form has no end.
                peer.break_off(key, &body, part_of(body.len() - form::closing().len(), part))
            }
            Manner::LeaveUnanswered => {
                self.ledger.open(plan, Standing::Unanswered);
                peer.break_off(key, &body, body.len())
            }
            Manner::Keep | Manner::Watch | Manner::Remove => {
                self.ledger.open(plan, Standing::Unanswered);
                let reply = peer.upload(key, &body)?;
                if !self.is_as_it_must_be(plan, &reply, 202) {
                    return Ok(());
                }
                if !self.is_promise() {
                    return Ok(());
                }
                at.tell_of_promise();
                let id = self.ledger.acknowledge(plan, &reply.json());
                self.ledger.look(plan, &reply.json());
                match plan.manner {
                    Manner::Watch => self.watch(at, plan, &id),
                    Manner::Remove => self.remove(at, plan),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Waits for the end of a batch, and looks at it: what is seen here is not to change after the blow.
    fn watch(&self, at: &Client, plan: &Plan, id: &str) -> Heard<()> {
        let reply = at.peer.get(&format!("/batches/{id}?wait=60"))?;
        if self.is_as_it_must_be(plan, &reply, 200) && self.is_promise() {
            at.tell_of_promise();
            let batch = self.ledger.look(plan, &reply.json());
            if batch.state == "completed" {
                self.ledger.complete(plan.key);
            }
        }
        Ok(())
    }

    fn remove(&self, at: &Client, plan: &Plan) -> Heard<()> {
        let Some((key, id)) = self.ledger.take_completed(&mut chance(self.seed, format!("removed by {}", plan.key)))
        else {
            return Ok(());
        };
        let path = format!("/batches/{id}");
        if self.is_as_it_must_be(plan, &at.peer.delete(&path)?, 204) && self.is_promise() {
            at.tell_of_promise();
            self.ledger.with(key, |record, tally| {
                record.standing = Standing::Gone;
                tally.removed += 1;
            });
            self.is_as_it_must_be(plan, &at.peer.get(&path)?, 404);
        }
        Ok(())
    }

    fn is_as_it_must_be(&self, plan: &Plan, reply: &Reply, status: u16) -> bool {
        if reply.status != status {
            let said = String::from_utf8_lossy(&reply.body);
            self.note_wrong(plan.key, format!("{} instead of {status}: {said}", reply.status));
        }
        reply.status == status
    }

    /// Whether the answer that has just been read binds the server.
    fn is_promise(&self) -> bool {
        self.promises_last || !self.is_struck.load(Ordering::SeqCst)
    }

    /// Notes what went wrong with an upload, unless the server was struck.
    fn note_wrong(&self, key: Key, what: impl Display) {
        if !self.is_struck.load(Ordering::SeqCst) {
            self.ledger.findings.note(Fault::Wrong, format!("{key}: {what}"));
        }
    }
}

/// Where a client's requests go, and whom it tells of what it was promised.
struct Client {
    peer: Peer,
    to_striker: Sender<()>,
}

impl Client {
    fn tell_of_promise(&self) {
        // Whoever strikes may have gone by now.
        let _ = self.to_striker.send(());
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

/// Lets time pass. A blow at a random moment is the one thing here that waits for no state.
pub fn pause(length: Duration) {
    let begun = Instant::now();
    while let Some(left) = length.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
