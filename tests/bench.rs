//! `make bench` goes on working: every workload is measured, in small. What it takes is asserted nowhere.

#[path = "../benches/custody/suite/mod.rs"]
mod suite;
mod support;

use suite::{Report, Scale, WORKLOADS};

#[test]
fn every_workload_is_measured_beside_its_limit() {
    let scale = Scale::quick();
    for workload in &WORKLOADS {
        // It has said why it cannot be measured here.
        let Some(report) = suite::measure(workload, &scale) else { continue };
        let report = Report::of_json(report.json().as_bytes());
        assert_eq!(report.workload, workload.letter);
        assert!(report.rows.iter().any(|row| row.target.is_some()), "{report:?}");
        for row in &report.rows {
            assert!(row.ours.median.is_finite() && row.ours.least <= row.ours.most, "{row:?}");
            assert_eq!(row.limit.is_some(), row.ratio.is_some(), "{row:?}");
        }
        assert_eq!(report.table().lines().count(), 2 + report.rows.len(), "{}", report.table());
        let page = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n";
        let page = suite::page::with_budget(page, &[report]);
        assert!(page.starts_with("before\n") && page.ends_with("after\n") && !page.contains("old"), "{page}");
    }
}

#[test]
fn what_counts_is_measured_five_times() {
    assert!(Scale::full().runs >= 5);
}
