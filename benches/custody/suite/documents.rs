//! d. Documents of the open collection, format by format: from the first byte to the last outcome.
//!
//! The limit is the library called directly on all cores. A collection has few files of some formats, so they are sent
//! again and again, to a server that reads the same bytes each time: as many as keep the library at work for a while, since
//! what a file takes is to be compared, and not what it takes to begin. Pictures and scans are left out: another program reads
//! them.

use std::collections::BTreeMap;

use super::directly::{cores, read_all};
use super::pipeline::{process, rate};
use super::report::Target;
use super::spread::Spread;
use super::texts::NamedFile;
use super::{Row, Scale, memory};
use crate::support::DataDir;
use crate::support::corpus::{Corpus, base_name};

/// What tesseract reads.
const RECOGNISED: [&str; 2] = ["image", "pdf-scan"];

pub fn measure(scale: &Scale) -> Vec<Row> {
    let Some(corpus) = Corpus::or_skip("workload d") else { return Vec::new() };
    let cores = cores().to_string();
    // A search path without tesseract, since the library alone has none either.
    let data = DataDir::after("PATH=/var/empty exec");
    let server = data.serve(&[("DEDUP_ENABLED", "false"), ("WORKER_PROCESSES", &cores)]);
    memory::wait_until_ready(&server);
    let formats: Vec<_> = by_format(&corpus).into_iter().take(scale.formats_max).collect();
    let mut seconds = vec![(0.0, 0.0); scale.runs];
    let mut table: Vec<Row> = Vec::new();
    for (format, files) in formats {
        let files = enough_of(&files, scale);
        let (mut ours, mut direct) = (Vec::new(), Vec::new());
        for (ours_seconds, direct_seconds) in &mut seconds {
            let (alone, through) = (read_all(&files), process(&server, &files));
            *direct_seconds += alone.as_secs_f64();
            *ours_seconds += through.as_secs_f64();
            direct.push(rate(&files, alone));
            ours.push(rate(&files, through));
        }
        let row = Row::alone(format!("{format}, {} files", files.len()), "files/s", Spread::of(ours));
        table.push(row.beside("the library, all cores", &Spread::of(direct)).target(Target::RatioAtLeast(0.9)));
    }
    let (ours, direct): (Vec<f64>, Vec<f64>) = seconds.into_iter().unzip();
    let all = Row::alone("all of these together", "s", Spread::of(ours));
    // Seconds, so that less is better: 1 / 0.9.
    table.push(all.beside("the library, all cores", &Spread::of(direct)).target(Target::RatioAtMost(1.11)));
    table
}

/// The files, as often as the library takes so long for them on all cores, unless they are too many by then.
fn enough_of(files: &[NamedFile], scale: &Scale) -> Vec<NamedFile> {
    let once = read_all(files);
    let is_enough = |rounds: &u32| once * *rounds >= scale.documents_time;
    let rounds = (1..scale.documents_max).find(is_enough).unwrap_or(scale.documents_max);
    files.iter().cycle().take(files.len() * rounds as usize).cloned().collect()
}

/// The files of each format.
fn by_format(corpus: &Corpus) -> BTreeMap<String, Vec<NamedFile>> {
    let mut formats: BTreeMap<String, Vec<NamedFile>> = BTreeMap::new();
    for path in corpus.paths_below("good") {
        let format = path.split('/').nth(1).expect("a path has a folder");
        if !RECOGNISED.contains(&format) {
            formats.entry(format.to_owned()).or_default().push((base_name(&path), corpus.read(&path)));
        }
    }
    formats
}
