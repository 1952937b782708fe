//! f. Resident memory of the server and its children: at rest, with many files that wait, and after ever more that ended.
//!
//! What the processes share, as the program itself, is counted once.

use std::fs;

use serde_json::Value;

use super::directly::cores;
use super::load::{Request, upload, wait_for_end};
use super::report::Target;
use super::spread::Spread;
use super::texts::Texts;
use super::{Row, Scale};
use crate::support::{DataDir, Server, process, wait_until};

const UNIT: &str = "MiB";

/// Files of one batch, at the most.
const BATCH_FILES: usize = 10_000;

pub fn measure(scale: &Scale) -> Vec<Row> {
    let cores = cores().to_string();
    let settings = [("WORKER_PROCESSES", cores.as_str())];
    let idle: Vec<f64> = (0..scale.runs).map(|_| at_rest(&DataDir::new().serve(&settings))).collect();
    let mut texts = Texts::default();
    let server = DataDir::new().serve(&settings);
    let ended: Vec<f64> = (0..3).map(|_| after_the_end_of(&server, &mut texts, scale.memory_files)).collect();
    let (waited, waiting) = with_waiting(&mut texts, scale.waiting_files);
    let of_one = |mib: f64| Spread::of(vec![mib]);
    let mut rows = vec![
        Row::alone("server and children, idle", UNIT, Spread::of(idle)).target(Target::OursAtMost(60.0)),
        Row::alone(format!("the same while {waited} files wait"), UNIT, of_one(waiting)),
    ];
    for (at, mib) in ended.iter().enumerate() {
        let what = format!("the same after {} files ended", scale.memory_files * (at + 1));
        rows.push(Row::alone(what, UNIT, of_one(*mib)));
    }
    let last = rows.pop().expect("there is a row for each look");
    let before = format!("after {}", scale.memory_files * 2);
    rows.push(last.beside(before, &of_one(ended[1])).target(Target::RatioAtMost(1.05)));
    rows
}

/// What they have when all children are ready.
fn at_rest(server: &Server) -> f64 {
    wait_until_ready(server);
    resident(server)
}

fn after_the_end_of(server: &Server, texts: &mut Texts, files: usize) -> f64 {
    let (_, batch) = upload(server.addr, &Request::upload(&texts.batch(files)));
    wait_for_end(server, &[batch]);
    resident(server)
}

/// How many files wait when all are uploaded, and the memory then.
fn with_waiting(texts: &mut Texts, files: usize) -> (u64, f64) {
    let server = DataDir::new().serve(&[("WORKER_PROCESSES", "1")]);
    let requests: Vec<_> =
        (0..files.div_ceil(BATCH_FILES)).map(|_| Request::upload(&texts.batch(BATCH_FILES.min(files)))).collect();
    let batches: Vec<String> = requests.iter().map(|request| upload(server.addr, request).1).collect();
    let memory = resident(&server);
    let pending = |batch| {
        let status: Value = server.ok(&format!("/batches/{batch}?limit=1")).json();
        status["summary"]["pending"].as_u64().expect("a batch tells what is pending")
    };
    (batches.iter().map(pending).sum(), memory)
}

/// Waits until each child of a server that has one for each core is ready for a file, its vocabulary loaded.
pub fn wait_until_ready(server: &Server) {
    let wanted = f64::from(u32::try_from(cores()).expect("a machine has fewer cores"));
    wait_until("the children", || server.metrics().sum("consign_workers_alive", &[]) >= wanted);
}

/// MiB that the server and its children have together.
fn resident(server: &Server) -> f64 {
    let own = process::share_of_memory_bytes(server.pid());
    let children = process::children(server.pid());
    // A child that has spent its files may be replaced meanwhile.
    let alive = children.into_iter().filter(|child| process::is_alive(*child));
    mib(own + alive.map(process::share_of_memory_bytes).sum::<u64>())
}

/// Has the peak of a process's resident memory begin anew.
pub fn forget_peak(process: u32) {
    fs::write(format!("/proc/{process}/clear_refs"), "5").expect("a process of our own can be asked");
}

pub fn mib(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).expect("a process has less than 4 TiB")) / 1024.0
}
