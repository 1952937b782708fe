//! The metrics page (Prometheus text format 0.0.4 or `OpenMetrics`), read as far as the tests need it.

use super::Server;

/// What `/metrics` says at one moment.
pub struct Metrics {
    page: String,
}

/// One line of numbers.
#[derive(Debug, Clone, Copy)]
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl Server {
    pub fn metrics(&self) -> Metrics {
        Metrics { page: self.ok("/metrics").text() }
    }
}

impl Metrics {
    /// Asserts that a family with this name has a help text and a type.
    pub fn assert_explained(&self, family: &str) {
        for kind in ["HELP", "TYPE"] {
            let start = format!("# {kind} {family} ");
            let line = self.page.lines().find_map(|line| line.strip_prefix(&start));
            assert!(line.is_some_and(|rest| !rest.trim().is_empty()), "{start}is in {}", self.page);
        }
    }

    /// The sum of the samples with this name that have all these labels; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has =
            |sample: &Sample<'_>, (key, value): &(&str, &str)| sample.labels.contains(&format!("{key}=\"{value}\""));
        let named = self.samples().filter(|sample| sample.name == name);
        named.filter(|sample| labels.iter().all(|label| has(sample, label))).map(|sample| sample.value).sum()
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            Some(Sample { name, labels, value: value.parse().ok()? })
        })
    }
}
