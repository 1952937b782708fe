//! g. From the start of the process to the first durable 202, with an empty log and with a full one.
//!
//! The full log has files that have ended and files that wait, of a server that was killed.

use super::load::{Request, upload, wait_for_end};
use super::report::Target;
use super::spread::Spread;
use super::texts::Texts;
use super::{Row, Scale};
use crate::support::DataDir;
use crate::support::start::Start;

/// Files of one batch, at the most.
const BATCH_FILES: usize = 10_000;

pub fn measure(scale: &Scale) -> Vec<Row> {
    let full = full_log(scale);
    let (mut with_empty, mut with_full) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        with_empty.push(seconds_until_202(&DataDir::new()));
        with_full.push(seconds_until_202(&full));
    }
    let with_empty = Spread::of(with_empty);
    let what = format!("{} files ended, up to {} wait", scale.ended_files, scale.waiting_files);
    vec![
        Row::alone("an empty log", "s", with_empty.clone()),
        Row::alone(what, "s", Spread::of(with_full))
            .beside("an empty log", &with_empty)
            .target(Target::OursAtMost(2.0)),
    ]
}

fn seconds_until_202(data: &DataDir) -> f64 {
    let (server, start) = Start::of(data);
    server.kill();
    start.acknowledges.as_secs_f64()
}

/// A directory in which so many files have ended and so many wait.
fn full_log(scale: &Scale) -> DataDir {
    let server = DataDir::new().serve(&[]);
    let mut texts = Texts::default();
    let mut upload_files = |files: usize| -> Vec<String> {
        let batches = 0..files.div_ceil(BATCH_FILES);
        batches.map(|_| upload(server.addr, &Request::upload(&texts.batch(BATCH_FILES.min(files)))).1).collect()
    };
    wait_for_end(&server, &upload_files(scale.ended_files));
    upload_files(scale.waiting_files);
    server.kill()
}
