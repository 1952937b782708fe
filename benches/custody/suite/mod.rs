//! Seven workloads, each measured beside the limit that the machine sets it.
//!
//! A figure says something only beside one of the same run: machines differ, and so does what else they do. Therefore each
//! run measures a limit and then the server, and what counts is the median of the runs' ratios. Nothing here asserts a
//! time. All bytes are made before a clock starts, and no two files are the same: the server would read them once.

mod directly;
mod documents;
mod large;
mod limits;
mod load;
mod memory;
pub mod page;
mod pipeline;
mod report;
mod scale;
mod small;
mod spread;
mod start;
mod status;
mod texts;

pub use report::{Report, Row};
pub use scale::Scale;

/// Something that is measured.
pub struct Workload {
    pub letter: char,
    pub title: &'static str,
    /// What came of it; nothing where it cannot be measured here, which it has said then.
    measure: fn(&Scale) -> Vec<Row>,
}

pub const WORKLOADS: [Workload; 7] = [
    Workload { letter: 'a', title: "small files, first byte to durable 202", measure: small::measure },
    Workload { letter: 'b', title: "a large file, first byte to durable 202", measure: large::measure },
    Workload { letter: 'c', title: "small texts, first byte to last outcome", measure: pipeline::measure },
    Workload { letter: 'd', title: "documents, first byte to last outcome", measure: documents::measure },
    Workload { letter: 'e', title: "status under load", measure: status::measure },
    Workload { letter: 'f', title: "memory", measure: memory::measure },
    Workload { letter: 'g', title: "start to first 202", measure: start::measure },
];

/// Measures one workload; none where that is not possible here.
pub fn measure(workload: &Workload, scale: &Scale) -> Option<Report> {
    let before = report::load_average();
    let rows = (workload.measure)(scale);
    (!rows.is_empty()).then(|| Report::new(workload.letter, workload.title, before, rows))
}
