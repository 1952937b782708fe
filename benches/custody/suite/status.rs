//! e. Status of batches of different sizes while others upload: how long a GET takes, and how many there are a second.
//!
//! The limit is the smallest batch's status under the same load, a request of each taking turns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::load::{Connection, Request, upload, wait_for_end};
use super::report::Target;
use super::spread::{Spread, percentile};
use super::texts::Texts;
use super::{Row, Scale};
use crate::support::{DataDir, Server};

/// Clients that upload meanwhile, and files of each of their batches.
const LOAD_CLIENTS: usize = 2;
const LOAD_FILES: usize = 3;

/// What is asked for: a page as it comes, and one of ten files.
const QUERIES: [(&str, &str); 2] = [("", "first page"), ("?limit=10", "first 10 files")];

/// What a run gave of one address: milliseconds, and requests a second.
#[derive(Default, Clone)]
struct Seen {
    p50: Vec<f64>,
    p99: Vec<f64>,
    rate: Vec<f64>,
}

pub fn measure(scale: &Scale) -> Vec<Row> {
    let server = DataDir::new().serve(&[]);
    let mut texts = Texts::default();
    let mut batch = |files| upload(server.addr, &Request::upload(&texts.batch(files))).1;
    let batches = scale.status_files.map(&mut batch);
    wait_for_end(&server, &batches);
    let requests: Vec<Request<'_>> = QUERIES
        .iter()
        .flat_map(|(query, _)| batches.iter().map(move |batch| Request::get(&format!("/batches/{batch}{query}"))))
        .collect();
    let mut seen = vec![Seen::default(); requests.len()];
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..LOAD_CLIENTS {
            let (server, over) = (&server, &over);
            scope.spawn(move || keep_uploading(server, client, over));
        }
        for _ in 0..scale.runs {
            run(&server, scale.status_requests, &requests, &mut seen);
        }
        over.store(true, Ordering::Relaxed);
    });
    rows(scale, &seen)
}

/// Uploads one small batch after the other until it is over.
fn keep_uploading(server: &Server, client: usize, over: &AtomicBool) {
    // Numbers far from those of the batches that are asked about, and from each other's.
    let mut texts = Texts::beginning_at(u64::try_from(client + 1).expect("there are few clients") << 40);
    let mut connection = Connection::open(server.addr);
    while !over.load(Ordering::Relaxed) {
        connection.exchange(&Request::upload(&texts.batch(LOAD_FILES))).batch();
    }
}

fn run(server: &Server, times: usize, requests: &[Request<'_>], seen: &mut [Seen]) {
    let mut connection = Connection::open(server.addr);
    let mut took = vec![Vec::new(); requests.len()];
    for _ in 0..times {
        for (request, took) in requests.iter().zip(&mut took) {
            let begun = Instant::now();
            let reply = connection.exchange(request);
            assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    for (mut took, Seen { p50, p99, rate }) in took.into_iter().zip(seen) {
        let count = f64::from(u32::try_from(took.len()).expect("a run has fewer requests"));
        rate.push(count * 1e3 / took.iter().sum::<f64>());
        p50.push(percentile(&mut took, 50));
        p99.push(percentile(&mut took, 99));
    }
}

fn rows(scale: &Scale, seen: &[Seen]) -> Vec<Row> {
    let mut rows = Vec::new();
    for ((_, page), seen) in QUERIES.iter().zip(seen.chunks(scale.status_files.len())) {
        let least = &seen[0];
        let beside = format!("of {} files", scale.status_files[0]);
        for (files, Seen { p50, p99, rate }) in scale.status_files.iter().zip(seen) {
            let row = |what: &str, unit: &str, ours: &[f64], least: &[f64]| {
                let row = Row::alone(format!("{what} of {files} files, {page}"), unit, Spread::of(ours.to_vec()));
                if *files == scale.status_files[0] { row } else { row.beside(&beside, &Spread::of(least.to_vec())) }
            };
            rows.push(row("p50", "ms", p50, &least.p50));
            let row_of_p99 = row("p99", "ms", p99, &least.p99);
            let is_budgeted = *files == scale.status_files[2];
            rows.push(if is_budgeted { row_of_p99.target(Target::RatioAtMost(3.0)) } else { row_of_p99 });
            rows.push(row("requests", "/s", rate, &least.rate));
        }
    }
    rows
}
