//! Kills under load, round after round on one data directory: what was promised is kept, once, whole, and nothing else is.
//!
//! `make torture` shows the table of 200 rounds. When a server dies follows from the clock as well as from the seed, so a
//! seed brings back the load and its moments, not every race; what lies on the disk after a failure is kept.

mod support;

mod torture {
    pub mod audit;
    pub mod disk;
    pub mod findings;
    pub mod ledger;
    pub mod load;
    pub mod peer;
    pub mod plan;
}

use std::io::Write as _;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::RngExt;
use support::server::{SMALL_SEGMENTS, Setting};
use support::{DataDir, Server, wait_until};
use torture::audit::{Audit, Scope};
use torture::disk;
use torture::findings::Fault;
use torture::ledger::Ledger;
use torture::load::{Load, pause};
use torture::plan::chance;

/// Rounds where nobody says how many; `make torture` has 200.
const ROUNDS: u32 = 25;

/// How often the server is killed at its start, too, and when; and how often the load begins while it still recovers.
const KILLED_AT_START: f64 = 0.25;
const KILLED_AT_START_AFTER_MS: std::ops::Range<u64> = 0..400;
const LOADED_AT_START: f64 = 0.25;

/// An innocent file may be alone in a child's hands at some kills; it is not to run out of attempts by that. Small
/// windows, so that a start is soon through with its suspects; small segments and batches, so that segments change often
/// and many batches stream into their own.
const SETTINGS: [Setting<'_>; 5] = [
    SMALL_SEGMENTS[0],
    SMALL_SEGMENTS[1],
    ("ATTEMPTS_MAX", "10"),
    ("ATTEMPTS_CLAIM_WINDOW", "16"),
    ("SPOOL_SMALL_BATCH_BYTES_MAX", "1 MiB"),
];

#[test]
fn kills_under_load_lose_nothing_double_nothing_tear_nothing_and_leave_nothing() {
    let rounds = from_environment("CONSIGN_TORTURE_ROUNDS").unwrap_or(ROUNDS);
    let seed = from_environment("CONSIGN_TORTURE_SEED").unwrap_or_else(rand::random);
    let release = if cfg!(debug_assertions) { "" } else { "--release " };
    show(&format!(
        "again: CONSIGN_TORTURE_SEED={seed} CONSIGN_TORTURE_ROUNDS={rounds} \
         cargo test {release}--test torture -- --nocapture\n"
    ));
    let mut torture = Torture::new(seed);
    for round in 0..rounds {
        torture.run_round(round);
        torture.report(round + 1);
    }
    torture.run_end();
    show(&torture.table(rounds));
    let findings = &torture.ledger.findings;
    assert!(findings.is_empty(), "seed {seed}:\n{findings}");
}

/// A number that the caller may set.
fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Shows a table to whoever ran `make torture`.
fn show(table: &str) {
    std::io::stdout().write_all(table.as_bytes()).expect("standard output can be written");
}

struct Torture {
    seed: u64,
    data: DataDir,
    ledger: Ledger,
    kills: usize,
    /// From the start of the process until it was ready, of each start; and until all files had ended.
    ready: Vec<Duration>,
    caught_up: Vec<Duration>,
    was_loaded_at_start: bool,
}

impl Torture {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            data: DataDir::new(),
            ledger: Ledger::default(),
            kills: 0,
            ready: Vec::new(),
            caught_up: Vec::new(),
            was_loaded_at_start: false,
        }
    }

    fn run_round(&mut self, round: u32) {
        let mut chance = chance(self.seed, format!("round {round}"));
        if chance.random_bool(KILLED_AT_START) {
            let server = self.data.spawn(&SETTINGS);
            pause(Duration::from_millis(chance.random_range(KILLED_AT_START_AFTER_MS)));
            server.kill();
            self.kills += 1;
        }
        let server = self.start();
        // Never twice in a row: what recovers has to come to its end before its files have used up their attempts.
        self.was_loaded_at_start = chance.random_bool(LOADED_AT_START) && !self.was_loaded_at_start;
        if !self.was_loaded_at_start {
            self.audit(&server, Scope::New);
        }
        Load { ledger: &self.ledger, seed: self.seed, round }.kill(server);
        self.kills += 1;
    }

    /// Looks at everything twice, before and after a clean end, and then at the disk: with all batches, and without any.
    fn run_end(&mut self) {
        let server = self.start();
        self.audit(&server, Scope::All);
        Self::stop(server);
        let server = self.start();
        self.audit(&server, Scope::All);
        let ended_again = server.metrics().sum("consign_files_ended_total", &[]);
        if ended_again > 0.0 {
            self.ledger.findings.note(Fault::Duplicated, format!("{ended_again} outcomes after all had ended"));
        }
        Self::stop(server);
        self.count_orphans();
        let server = self.start();
        Audit { ledger: &self.ledger, server: &server, seed: self.seed }.remove_all();
        Self::stop(server);
        // What was shared with the last batches goes at the next start.
        Self::stop(self.start());
        self.count_orphans();
        self.read_logs();
    }

    /// Starts the server and measures how long it takes until it can take work.
    fn start(&mut self) -> Server {
        let begun = Instant::now();
        let server = self.data.serve(&SETTINGS);
        wait_until("the server to be ready", || server.get("/readyz").status == 200);
        self.ready.push(begun.elapsed());
        server
    }

    fn stop(mut server: Server) {
        assert_eq!(server.terminate().code(), Some(0));
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

    /// Nothing that a kill does is an error to the start after it, or to the server that it was done to.
    fn read_logs(&self) {
        for entry in std::fs::read_dir(self.data.scratch()).expect("the logs are there") {
            let path = entry.expect("the logs are there").path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let log = std::fs::read(&path).expect("a log can be read");
                let log = String::from_utf8_lossy(&log);
                for line in log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked at")) {
                    self.ledger.findings.note(Fault::Wrong, line);
                }
            }
        }
    }

    /// Says now and then how far it is.
    fn report(&self, rounds: u32) {
        if rounds.is_multiple_of(ROUNDS) {
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
             kills  acknowledged batches  removed  broken off  kept unanswered  errors  all ended ms p50  max\n\
             {:<6} {:<21} {:<8} {:<11} {:<16} {:<7} {:<17} {}\n",
            tally.acknowledged_files,
            count(Fault::Lost),
            count(Fault::Duplicated),
            count(Fault::Torn),
            count(Fault::Orphan),
            ready.median_ms,
            ready.max_ms,
            self.kills,
            tally.acknowledged_batches,
            tally.removed,
            tally.broken_off,
            tally.kept_unanswered,
            count(Fault::Wrong),
            caught_up.median_ms,
            caught_up.max_ms,
        )
    }
}

impl Drop for Torture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the data directory is kept: {}", self.data.keep().display());
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
