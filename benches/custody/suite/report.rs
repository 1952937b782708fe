//! What came of a workload: rows of runs, each beside its limit, as JSON and as a table.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::directly::cores;
use super::spread::Spread;

/// A workload that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub workload: char,
    pub title: String,
    /// RFC 3339.
    pub measured_at: String,
    pub cores: usize,
    /// Of the last minute, before and after: above the number of cores others have had a part of them.
    pub load_average: [f64; 2],
    /// Whether the server was built for use, and not for tests.
    pub is_release: bool,
    pub rows: Vec<Row>,
}

/// Something that the server does, and the limit that it is held against.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub what: String,
    pub unit: String,
    pub ours: Spread,
    pub limit: Option<Limit>,
    /// Ours to the limit, run by run.
    pub ratio: Option<Spread>,
    pub target: Option<Target>,
}

/// What the machine can do, or the server in the least of cases.
#[derive(Debug, Serialize, Deserialize)]
pub struct Limit {
    pub what: String,
    pub runs: Spread,
}

/// What is to be reached, in the median.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    OursAtMost(f64),
}

impl Row {
    /// What is told for itself.
    pub fn alone(what: impl Into<String>, unit: &str, ours: Spread) -> Self {
        Self { what: what.into(), unit: unit.into(), ours, limit: None, ratio: None, target: None }
    }

    /// The same, beside a limit that was measured in the same runs.
    #[must_use]
    pub fn beside(self, what: impl Into<String>, runs: &Spread) -> Self {
        let ratio = Some(self.ours.ratio_to(runs));
        Self { limit: Some(Limit { what: what.into(), runs: runs.clone() }), ratio, ..self }
    }

    #[must_use]
    pub fn target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// Whether the target is met, where there is one.
    pub fn is_met(&self) -> Option<bool> {
        let ratio = self.ratio.as_ref().map(|ratio| ratio.median);
        Some(match self.target? {
            Target::RatioAtLeast(least) => ratio? >= least,
            Target::RatioAtMost(most) => ratio? <= most,
            Target::OursAtMost(most) => self.ours.median <= most,
        })
    }

    /// A line of the table.
    pub fn line(&self, workload: char) -> String {
        let Self { what, unit, ours, limit, ratio, target } = self;
        let limit =
            limit.as_ref().map_or_else(|| "–".into(), |limit| format!("{}: {}", limit.what, figure(limit.runs.median)));
        let ratio = ratio.as_ref().map_or_else(
            || "–".into(),
            |ratio| format!("{} ({}–{})", figure(ratio.median), figure(ratio.least), figure(ratio.most)),
        );
        let target = target.map_or_else(
            || "–".into(),
            |target| format!("{}{}", target.words(unit), if self.is_met() == Some(true) { "" } else { ", missed" }),
        );
        let ours = format!("{} {unit} ({}–{})", figure(ours.median), figure(ours.least), figure(ours.most));
        format!("| {workload} | {what} | {limit} | {ours} | {ratio} | {target} |\n")
    }
}

impl Target {
    fn words(self, unit: &str) -> String {
        match self {
            Self::RatioAtLeast(least) => format!("≥ {least}"),
            Self::RatioAtMost(most) => format!("≤ {most}"),
            Self::OursAtMost(most) => format!("≤ {most} {unit}"),
        }
    }
}

/// Above the lines of a table.
pub const TABLE_HEAD: &str = "| | what | limit | ours | ours ÷ limit | target |\n|---|---|---|---|---|---|\n";

impl Report {
    pub fn new(workload: char, title: &str, load_before: f64, rows: Vec<Row>) -> Self {
        Self {
            workload,
            title: title.into(),
            measured_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            cores: cores(),
            load_average: [load_before, load_average()],
            is_release: !cfg!(debug_assertions),
            rows,
        }
    }

    pub fn table(&self) -> String {
        self.rows.iter().fold(TABLE_HEAD.to_owned(), |table, row| table + &row.line(self.workload))
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is JSON") + "\n"
    }

    pub fn of_json(json: &[u8]) -> Self {
        serde_json::from_slice(json).expect("a report of an older form is removed: rm target/bench/*.json")
    }
}

/// How many processes wanted a core in the last minute.
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").expect("Linux tells its load");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("the load is a number")
}

/// A number with as many digits as say something.
fn figure(number: f64) -> String {
    let digits = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let plain = format!("{number:.digits$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        write!(grouped, "{digit}").expect("a string takes what is written to it");
    }
    grouped + rest
}
