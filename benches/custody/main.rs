//! `make bench`: measures the real server, each workload beside its limit of the same run.
//!
//! A table goes to standard output, each workload's runs to `target/bench/LETTER.json`, and with `--record` the table of
//! all that lies there into `docs/performance.md`. `CONSIGN_BENCH_WORKLOADS=ab` measures some of them only, and
//! `CONSIGN_BENCH_QUICK=1` in small, which shows that it works and nothing else.

mod suite;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use suite::{Report, Scale, WORKLOADS};

/// Where the figures lie.
const REPORTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../bench");

/// The page that has the budget.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

fn main() -> io::Result<()> {
    let is_quick = std::env::var("CONSIGN_BENCH_QUICK").is_ok_and(|quick| quick == "1");
    let scale = if is_quick { Scale::quick() } else { Scale::full() };
    let is_wanted = |letter: char| std::env::var("CONSIGN_BENCH_WORKLOADS").map_or(true, |all| all.contains(letter));
    let reports = Path::new(REPORTS);
    std::fs::create_dir_all(reports)?;
    let mut out = io::stdout();
    for workload in WORKLOADS.iter().filter(|workload| is_wanted(workload.letter)) {
        let Some(report) = suite::measure(workload, &scale) else { continue };
        write!(out, "\n{}. {}\n\n{}", report.workload, report.title, report.table())?;
        std::fs::write(path_of(reports, workload.letter), report.json())?;
    }
    if std::env::args().any(|argument| argument == "--record") {
        let texts = WORKLOADS.iter().filter_map(|workload| std::fs::read(path_of(reports, workload.letter)).ok());
        let all: Vec<Report> = texts.map(|json| Report::of_json(&json)).collect();
        std::fs::write(PAGE, suite::page::with_budget(&std::fs::read_to_string(PAGE)?, &all))?;
    }
    Ok(())
}

fn path_of(reports: &Path, letter: char) -> PathBuf {
    reports.join(format!("{letter}.json"))
}
