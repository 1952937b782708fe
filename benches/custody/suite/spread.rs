//! What the runs of one thing gave.

use serde::{Deserialize, Serialize};

/// The runs, in their order, and what is in the middle and at the ends of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub runs: Vec<f64>,
}

impl Spread {
    /// # Panics
    /// Without a run.
    pub fn of(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        Self { median: median(&sorted), least, most, runs }
    }

    /// Run by run, how much of another's this is.
    pub fn ratio_to(&self, other: &Self) -> Self {
        Self::of(self.runs.iter().zip(&other.runs).map(|(one, other)| one / other).collect())
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The value below which so many percent of the values lie.
///
/// # Panics
/// Without a value.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}
