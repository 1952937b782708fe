//! a. Small files: from the first byte of the request to the head of the durable 202.
//!
//! The limits are what others do, a file and its syncs each, on one thread and on as many as help, and the least that
//! durable can cost: all bytes appended to one file, and one sync.

use std::time::Duration;

use super::limits::{Ground, files_one_by_one, one_append};
use super::load::{Request, upload_all, wait_for_end};
use super::report::Target;
use super::spread::Spread;
use super::texts::Texts;
use super::{Row, Scale};
use crate::support::{DataDir, Server};

const UNIT: &str = "files/s";

/// What the runs gave, in files a second.
struct Runs {
    /// The one batch from one client that the limits are of.
    batch: Vec<f64>,
    /// By number of threads.
    loops: Vec<Vec<f64>>,
    append: Vec<f64>,
    /// By files of a batch and clients.
    batches: Vec<Vec<f64>>,
}

pub fn measure(scale: &Scale) -> Vec<Row> {
    let server = DataDir::new().serve(&[]);
    let (mut ground, mut texts) = (Ground::new(), Texts::default());
    let mut runs = Runs {
        batch: Vec::new(),
        loops: vec![Vec::new(); scale.loop_threads.len()],
        append: Vec::new(),
        batches: vec![Vec::new(); scale.small_batches.len()],
    };
    for _ in 0..scale.runs {
        run(&server, scale, &mut ground, &mut texts, &mut runs);
    }
    rows(scale, runs)
}

/// Measures each thing once.
fn run(server: &Server, scale: &Scale, ground: &mut Ground, texts: &mut Texts, runs: &mut Runs) {
    let files = texts.batch(scale.small_files);
    for (threads, seen) in scale.loop_threads.iter().zip(&mut runs.loops) {
        seen.push(rate(files.len(), files_one_by_one(&ground.fresh(), &files, *threads)));
    }
    runs.batch.push(upload(server, texts, Load { files: scale.small_files, clients: 1, requests: 1 }));
    runs.append.push(rate(files.len(), one_append(&ground.fresh(), &files)));
    for ((files, clients), seen) in scale.small_batches.iter().zip(&mut runs.batches) {
        let requests = scale.small_batches_files.div_ceil(files * clients);
        seen.push(upload(server, texts, Load { files: *files, clients: *clients, requests }));
    }
}

/// So many clients that each send so many batches of so many files.
#[derive(Clone, Copy)]
struct Load {
    files: usize,
    clients: usize,
    requests: usize,
}

/// Files a second; all of them have ended when this returns, so that nothing works beside the next measurement.
fn upload(server: &Server, texts: &mut Texts, load: Load) -> f64 {
    let Load { files, clients, requests } = load;
    let mut client = || (0..requests).map(|_| Request::upload(&texts.batch(files))).collect::<Vec<_>>();
    let all: Vec<_> = (0..clients).map(|_| client()).collect();
    let (took, batches) = upload_all(server.addr, &all);
    wait_for_end(server, &batches);
    rate(files * clients * requests, took)
}

fn rate(files: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(files).expect("a measurement has fewer files")) / took.as_secs_f64()
}

fn rows(scale: &Scale, runs: Runs) -> Vec<Row> {
    let Runs { batch, loops, append, batches } = runs;
    let best = (0..scale.runs).map(|run| loops.iter().map(|seen| seen[run]).fold(0.0, f64::max)).collect();
    let (batch, append, best) = (Spread::of(batch), Spread::of(append), Spread::of(best));
    let loops: Vec<Spread> = loops.into_iter().map(Spread::of).collect();
    let ours = || Row::alone(format!("1 client, one batch of {}", scale.small_files), UNIT, batch.clone());
    let mut rows = vec![
        ours().beside("plain loop, 1 thread", &loops[0]).target(Target::RatioAtLeast(25.0)),
        ours().beside("plain loop, best number of threads", &best).target(Target::RatioAtLeast(4.0)),
        ours().beside("one append, one sync", &append).target(Target::RatioAtLeast(0.2)),
    ];
    for ((files, clients), seen) in scale.small_batches.iter().zip(batches) {
        let row = Row::alone(named(*clients, *files), UNIT, Spread::of(seen));
        let row = row.beside("plain loop, 1 thread", &loops[0]);
        let is_budgeted = (*files, *clients) == (3, 32);
        rows.push(if is_budgeted { row.target(Target::RatioAtLeast(5.0)) } else { row });
    }
    for (threads, seen) in scale.loop_threads.iter().zip(loops).skip(1) {
        rows.push(Row::alone(format!("the plain loop itself, {threads} threads"), UNIT, seen));
    }
    rows
}

fn named(clients: usize, files: usize) -> String {
    format!("{clients} client{}, batches of {files}", if clients == 1 { "" } else { "s" })
}
