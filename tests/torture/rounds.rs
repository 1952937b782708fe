//! The rounds of a trial: starts, looks, loads and blows on one data directory, and the table of what came of it.
//!
//! When a server goes down follows from the clock as well as from the seed, so a seed brings back the load and its
//! moments, not every race; what lies on the disk after a failure is kept.

use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::audit::{Audit, Scope};
use super::disk;
use super::findings::Fault;
use super::ledger::Ledger;
use super::load::{Load, pause};
use super::plan::chance;
use crate::support::server::{SMALL_SEGMENTS, Setting};
use crate::support::{DataDir, Server, wait_until};

/// How often the server is brought down at its start, too, and when; and how often the load begins while it still
/// recovers.
const STRUCK_AT_START: f64 = 0.25;
const STRUCK_AT_START_AFTER_MS: std::ops::Range<u64> = 0..400;
const LOADED_AT_START: f64 = 0.25;

/// Rounds between two lines that say how far it is.
const REPORTED_EVERY: u32 = 25;

/// An innocent file may be alone in a child's hands at some blows; it is not to run out of attempts by that. Small
/// windows, so that a start is soon through with its suspects; small segments and batches, so that segments change often
/// and many batches stream into their own.
const SETTINGS: [Setting<'_>; 5] = [
    SMALL_SEGMENTS[0],
    SMALL_SEGMENTS[1],
    ("ATTEMPTS_MAX", "10"),
    ("ATTEMPTS_CLAIM_WINDOW", "16"),
    ("SPOOL_SMALL_BATCH_BYTES_MAX", "1 MiB"),
];

/// What brings a server down, round after round.
pub trait Blow {
    /// What the table calls many of them.
    const NAME: &str;

    /// Whether it may leave a whole seal, of which nobody was told, and take bytes before it.
    const MAY_LOSE_UNANSWERED: bool;

    /// Whether the server may go on for a moment on a disk that is gone, so that what it answers from the blow on is no
    /// promise.
    const ENDS_PROMISES: bool;

    /// What has to be done before the blow, which is to be sudden, while the server works.
    fn prepare(&mut self, server: &Server);

    /// Brings the server down and waits for nothing; says what it had logged until then.
    fn strike(&mut self, server: &Server) -> String;

    /// Sees to it that there can be another start, once the server is gone.
    fn clear_up(&mut self);

    /// Leaves what lies on the disk where it is, and says where.
    fn keep(&mut self, data: &mut DataDir) -> PathBuf;
}

/// What a trial is asked for.
pub struct Course {
    pub rounds: u32,
    pub seed: u64,
}

impl Course {
    /// What the caller asks for in `CONSIGN_NAME_ROUNDS` and `CONSIGN_NAME_SEED`, or these rounds and any seed; says how
    /// the test `name` is run so again.
    pub fn asked_for(name: &str, rounds_variable: &str, rounds: u32) -> Self {
        let seed_variable = format!("CONSIGN_{}_SEED", name.to_uppercase());
        let rounds = from_environment(rounds_variable).unwrap_or(rounds);
        let seed = from_environment(&seed_variable).unwrap_or_else(rand::random);
        let release = if cfg!(debug_assertions) { "" } else { "--release " };
        show(&format!(
            "again: {seed_variable}={seed} {rounds_variable}={rounds} cargo test {release}--test {name} -- --nocapture\n"
        ));
        Self { rounds, seed }
    }
}

/// A number that the caller may set.
fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Shows a table to whoever asked for it.
pub fn show(table: &str) {
    std::io::stdout().write_all(table.as_bytes()).expect("standard output can be written");
}

/// A trial under way.
pub struct Rounds<B: Blow> {
    ledger: Ledger,
    blow: B,
    seed: u64,
    data: DataDir,
    blows: usize,
    /// From the start of the process until it was ready, of each start; and until all files had ended.
    ready: Vec<Duration>,
    caught_up: Vec<Duration>,
    was_loaded_at_start: bool,
}

impl<B: Blow> Rounds<B> {
    /// Runs the whole course on an empty data directory and shows its table.
    ///
    /// # Panics
    /// When something was found.
    pub fn run(course: &Course, data: DataDir, blow: B) {
        let Course { rounds, seed } = *course;
        let mut trial = Self {
            ledger: Ledger::new(B::MAY_LOSE_UNANSWERED),
            blow,
            seed,
            data,
            blows: 0,
            ready: Vec::new(),
            caught_up: Vec::new(),
            was_loaded_at_start: false,
        };
        for round in 0..rounds {
            trial.run_round(round);
            trial.report(round + 1);
        }
        trial.run_end();
        show(&trial.table(rounds));
        let findings = &trial.ledger.findings;
        assert!(findings.is_empty(), "seed {seed}:\n{findings}");
    }

    fn run_round(&mut self, round: u32) {
        let mut chance = chance(self.seed, format!("round {round}"));
        if chance.random_bool(STRUCK_AT_START) {
            let server = self.data.spawn(&SETTINGS);
            pause(Duration::from_millis(chance.random_range(STRUCK_AT_START_AFTER_MS)));
            self.blow.prepare(&server);
            let log = self.blow.strike(&server);
            self.clear_up(server, &log);
        }
        let server = self.start();
        // Never twice in a row: what recovers has to come to its end before its files have used up their attempts.
        self.was_loaded_at_start = chance.random_bool(LOADED_AT_START) && !self.was_loaded_at_start;
        if !self.was_loaded_at_start {
            self.audit(&server, Scope::New);
        }
        let log = Load::new::<B>(&self.ledger, self.seed, round).strike(&server, &mut self.blow);
        self.clear_up(server, &log);
    }

    /// Waits for the end of a server that was struck.
    fn clear_up(&mut self, server: Server, log: &str) {
        server.kill();
        self.blow.clear_up();
        self.blows += 1;
        self.read_log(log);
    }

    /// Looks at everything twice, before and after a clean end, and then at the disk: with all batches, and without any.
    fn run_end(&mut self) {
        let server = self.start();
        self.audit(&server, Scope::All);
        self.stop(server);
        let server = self.start();
        self.audit(&server, Scope::All);
        let ended_again = server.metrics().sum("consign_files_ended_total", &[]);
        if ended_again > 0.0 {
            self.ledger.findings.note(Fault::Duplicated, format!("{ended_again} outcomes after all had ended"));
        }
        self.stop(server);
        self.count_orphans();
        let server = self.start();
        Audit { ledger: &self.ledger, server: &server, seed: self.seed }.remove_all();
        self.stop(server);
        // What was shared with the last batches goes at the next start.
        let server = self.start();
        self.stop(server);
        self.count_orphans();
    }

    /// Starts the server and measures how long it takes until it can take work.
    fn start(&mut self) -> Server {
        let begun = Instant::now();
        let server = self.data.serve(&SETTINGS);
        wait_until("the server to be ready", || server.get("/readyz").status == 200);
        self.ready.push(begun.elapsed());
        server
    }

    fn stop(&self, mut server: Server) {
        assert_eq!(server.terminate().code(), Some(0));
        self.read_log(&server.log());
    }

    fn audit(&mut self, server: &Server, scope: Scope) {
        let took = Audit { ledger: &self.ledger, server, seed: self.seed }.run(scope);
        if scope == Scope::New {
            self.caught_up.push(took);
        }
    }

    /// What lies in the data directory of the stopped server and belongs to no batch that is there.
    fn count_orphans(&self) {
        disk::look(&self.data.path(), &self.ledger, self.seed);
    }

    /// Nothing that a blow does is an error to the start after it, or to the server that it was done to.
    fn read_log(&self, log: &str) {
        for line in log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked at")) {
            self.ledger.findings.note(Fault::Wrong, line);
        }
    }

    /// Says now and then how far it is.
    fn report(&self, rounds: u32) {
        if rounds.is_multiple_of(REPORTED_EVERY) {
            let (files, findings) = (self.ledger.tally().acknowledged_files, &self.ledger.findings);
            show(&format!("after {rounds} rounds: {files} files acknowledged\n{findings}"));
        }
    }

    fn table(&self, rounds: u32) -> String {
        let tally = self.ledger.tally();
        let count = |fault| self.ledger.findings.count(fault);
        let (ready, caught_up) = (Spread::of(&self.ready), Spread::of(&self.caught_up));
        format!(
            "rounds  acknowledged files  lost  duplicated outcomes  torn results  orphans  resume ms p50  max\n\
             {rounds:<7} {:<19} {:<5} {:<20} {:<13} {:<8} {:<14} {}\n\
             {:<6} acknowledged batches  removed  broken off  kept unanswered  damaged  errors  all ended ms p50  max\n\
             {:<6} {:<21} {:<8} {:<11} {:<16} {:<8} {:<7} {:<17} {}\n",
            tally.acknowledged_files,
            count(Fault::Lost),
            count(Fault::Duplicated),
            count(Fault::Torn),
            count(Fault::Orphan),
            ready.median_ms,
            ready.max_ms,
            B::NAME,
            self.blows,
            tally.acknowledged_batches,
            tally.removed,
            tally.broken_off,
            tally.kept_unanswered,
            tally.damaged_unanswered,
            count(Fault::Wrong),
            caught_up.median_ms,
            caught_up.max_ms,
        )
    }
}

impl<B: Blow> Drop for Rounds<B> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the data directory is kept: {}", self.blow.keep(&mut self.data).display());
        }
    }
}

/// The middle and the end of a series of times.
struct Spread {
    median_ms: u128,
    max_ms: u128,
}

impl Spread {
    fn of(times: &[Duration]) -> Self {
        let mut times: Vec<u128> = times.iter().map(Duration::as_millis).collect();
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or(0);
        Self { median_ms: at(times.len() / 2), max_ms: at(times.len().saturating_sub(1)) }
    }
}
