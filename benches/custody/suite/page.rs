//! The table in `docs/performance.md`.

use std::fmt::Write;

use super::Report;
use super::report::TABLE_HEAD;

/// Between these lines the page is ours.
const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->\n";

/// The page with the budget of these reports in place of the one before.
///
/// # Panics
/// When the page has no place for it.
pub fn with_budget(page: &str, reports: &[Report]) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the page says where its budget begins");
    let (_, after) = rest.split_once(END).expect("the page says where its budget ends");
    format!("{before}{BEGIN}\n{}\n{END}{after}", budget(reports))
}

fn budget(reports: &[Report]) -> String {
    let mut text = TABLE_HEAD.to_owned();
    for report in reports {
        for row in &report.rows {
            text += &row.line(report.workload);
        }
    }
    text.push('\n');
    for Report { workload, measured_at, cores, load_average: [before, after], is_release, .. } in reports {
        let build = if *is_release { "release" } else { "debug" };
        writeln!(
            text,
            "- {workload}: {measured_at}, {build} build, {cores} cores, load average {before} before and {after} after."
        )
        .expect("a string takes what is written to it");
    }
    text
}
