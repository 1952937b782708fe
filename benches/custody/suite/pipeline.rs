//! c. Small texts: from the first byte of the request to the last outcome.
//!
//! The limit is to read and count the same files in a plain loop on all cores, with nothing stored and no child.

use std::time::{Duration, Instant};

use super::directly::{cores, read_all};
use super::load::{Request, upload, wait_for_end};
use super::report::Target;
use super::spread::Spread;
use super::texts::{NamedFile, Texts};
use super::{Row, Scale, memory};
use crate::support::{DataDir, Server};

pub fn measure(scale: &Scale) -> Vec<Row> {
    let cores = cores().to_string();
    let server = DataDir::new().serve(&[("WORKER_PROCESSES", &cores)]);
    memory::wait_until_ready(&server);
    let mut texts = Texts::default();
    let (mut ours, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let files = texts.batch(scale.pipeline_files);
        direct.push(rate(&files, read_all(&files)));
        ours.push(rate(&files, process(&server, &files)));
    }
    let what = format!("{} × 4 KiB, 1 client, to the last outcome", scale.pipeline_files);
    let row = Row::alone(what, "files/s", Spread::of(ours));
    vec![row.beside("extract and count, all cores", &Spread::of(direct)).target(Target::RatioAtLeast(0.7))]
}

/// How long it takes until all of these files have their outcome.
pub fn process(server: &Server, files: &[NamedFile]) -> Duration {
    let request = Request::upload(files);
    let begun = Instant::now();
    let (_, batch) = upload(server.addr, &request);
    wait_for_end(server, &[batch]);
    begun.elapsed()
}

/// Files a second.
pub fn rate(files: &[NamedFile], took: Duration) -> f64 {
    f64::from(u32::try_from(files.len()).expect("a measurement has fewer files")) / took.as_secs_f64()
}
