//! How much is measured.

use std::time::Duration;

/// Sizes and numbers of all workloads.
#[derive(Debug, Clone)]
pub struct Scale {
    /// How often each thing is measured.
    pub runs: usize,
    /// Files in the batch that is compared with the plain loop.
    pub small_files: usize,
    /// Threads of the plain loop.
    pub loop_threads: Vec<usize>,
    /// Files of a batch and clients that send such ones at the same time.
    pub small_batches: Vec<(usize, usize)>,
    /// Files that all the clients of such a measurement send together, at the least.
    pub small_batches_files: usize,
    pub large_bytes: usize,
    pub pipeline_files: usize,
    /// How long the library is to be at work for a format's documents, which are sent as often, and how often at most.
    pub documents_time: Duration,
    pub documents_max: u32,
    /// Formats of documents, from the first on.
    pub formats_max: usize,
    /// Files of the batches that are asked about.
    pub status_files: [usize; 3],
    /// How often each is asked about in a run.
    pub status_requests: usize,
    /// Files that end between two looks at the memory.
    pub memory_files: usize,
    pub waiting_files: usize,
    /// Files of the full log that have ended.
    pub ended_files: usize,
}

impl Scale {
    /// As it counts, with what the environment says of some sizes.
    pub fn full() -> Self {
        Self {
            runs: number("CONSIGN_BENCH_RUNS", 5),
            small_files: 1_000,
            loop_threads: vec![1, 2, 4, 8, 16, 32],
            small_batches: small_batches(),
            small_batches_files: 1_500,
            large_bytes: number("CONSIGN_BENCH_LARGE_MIB", 1_024) << 20,
            pipeline_files: 2_000,
            documents_time: Duration::from_secs(1),
            documents_max: 100,
            formats_max: usize::MAX,
            status_files: [10, 1_000, 10_000],
            status_requests: 300,
            memory_files: 10_000,
            waiting_files: 1_000 * number("CONSIGN_WAITING_THOUSANDS", 100),
            ended_files: 1_000 * number("CONSIGN_ENDED_THOUSANDS", 100),
        }
    }

    /// As little as shows that everything is measured.
    pub fn quick() -> Self {
        Self {
            runs: 1,
            small_files: 20,
            loop_threads: vec![1, 2],
            small_batches: vec![(3, 2)],
            small_batches_files: 12,
            large_bytes: 9 << 20,
            pipeline_files: 20,
            documents_time: Duration::ZERO,
            documents_max: 1,
            formats_max: 2,
            status_files: [1, 2, 20],
            status_requests: 5,
            memory_files: 10,
            waiting_files: 20,
            ended_files: 20,
        }
    }
}

/// All of them but the largest from the most clients, whose 32,000 files take longer to be read afterwards than all others.
fn small_batches() -> Vec<(usize, usize)> {
    let all = [1, 8, 32].into_iter().flat_map(|clients| [3, 10, 100, 1_000].map(|files| (files, clients)));
    all.filter(|batch| *batch != (1_000, 32)).collect()
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
