//! Kills under load, round after round on one data directory: what was promised is kept, once, whole, and nothing else is.
//!
//! `make torture` shows the table of 200 rounds.

mod support;

mod torture {
    pub mod audit;
    pub mod disk;
    pub mod findings;
    pub mod ledger;
    pub mod load;
    pub mod peer;
    pub mod plan;
    pub mod rounds;
}

use std::path::PathBuf;

use rustix::process::Signal;
use support::{DataDir, Server};
use torture::rounds::{Blow, Course, Rounds};

/// Rounds where nobody says how many; `make torture` has 200.
const ROUNDS: u32 = 25;

#[test]
fn kills_under_load_lose_nothing_double_nothing_tear_nothing_and_leave_nothing() {
    let course = Course::asked_for("torture", "CONSIGN_TORTURE_ROUNDS", ROUNDS);
    Rounds::run(&course, DataDir::new(), Kill);
}

/// `kill -9`: what the kernel has taken, it keeps.
struct Kill;

impl Blow for Kill {
    const NAME: &str = "kills";
    const MAY_LOSE_UNANSWERED: bool = false;
    const ENDS_PROMISES: bool = false;

    fn prepare(&mut self, _: &Server) {}

    fn strike(&mut self, server: &Server) -> String {
        server.signal(Signal::KILL);
        server.log()
    }

    fn clear_up(&mut self) {}

    fn keep(&mut self, data: &mut DataDir) -> PathBuf {
        data.keep()
    }
}
