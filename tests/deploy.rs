//! What is deployed beside a server speaks of this server: the dashboard, the alerts, and the book that they send people to.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Server, promtool};

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const ALERTS_TEST: &str = "deploy/prometheus/alerts_test.yml";
const DASHBOARD: &str = "deploy/grafana/consign.json";
const BOOK: &str = "docs/operations.md";

/// A family of metrics, as a server shows it.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

#[test]
fn dashboard_and_alerts_name_metrics_that_a_server_shows() {
    let families = shown();
    let samples: BTreeSet<String> = families
        .iter()
        .flat_map(|(name, family)| {
            let parts: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            parts.iter().map(move |part| format!("{name}{part}"))
        })
        .collect();
    for file in [ALERTS, ALERTS_TEST, DASHBOARD] {
        let text = read(file);
        let named: BTreeSet<_> = words(&text).filter(|word| word.starts_with("consign_")).map(str::to_owned).collect();
        let unknown: Vec<_> = named.difference(&samples).collect();
        assert!(named.len() > 5 && unknown.is_empty(), "{file} names {} metrics, unknown: {unknown:?}", named.len());
    }
}

#[test]
fn every_panel_of_the_dashboard_is_whole_and_has_its_place() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "twice: {}", panel["title"]);
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().expect("a place"));
        assert!(x + w <= 24, "{}", panel["title"]);
        let cells = (y..y + h).flat_map(|row| (x..x + w).map(move |column| (row, column)));
        cells.for_each(|cell| assert!(taken.insert(cell), "{} lies on another", panel["title"]));
        let asked = panel["targets"].as_array().into_iter().flatten();
        let is_row = panel["type"] == "row";
        assert_ne!(is_row, asked.filter(|target| target["expr"].as_str().is_some()).count() > 0, "{}", panel["title"]);
    }
}

#[test]
fn every_alert_sends_whoever_gets_it_to_a_heading_of_the_book() {
    let headings: BTreeSet<_> = read(BOOK).lines().filter_map(|line| line.strip_prefix("### ").map(anchor)).collect();
    let alerts = read(ALERTS);
    let count = alerts.matches("- alert: ").count();
    let runbooks: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    assert_eq!(runbooks.len(), count, "each alert has a runbook");
    let named: BTreeSet<_> = runbooks.iter().map(|url| url.split_once('#').expect("an anchor")).collect();
    for (file, anchor) in named {
        assert!(file == BOOK && headings.contains(anchor), "{file}#{anchor} is none of {headings:?}");
    }
}

#[test]
fn the_book_lists_the_metrics_that_a_server_shows() {
    let families = shown();
    let mut table = "| metric | kind | labels | what it tells |\n|---|---|---|---|\n".to_owned();
    for (name, Family { kind, help, labels }) in families {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(table, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).expect("a string takes all");
    }
    let book = read(BOOK);
    assert!(book.contains(&table), "the table of metrics in {BOOK} is to be:\n{table}");
    let listed = book.lines().filter(|line| line.starts_with("| `consign_")).count();
    assert_eq!(listed, table.lines().count() - 2, "it is the only such table");
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules_and_they_ring_when_they_should() {
    promtool::assert_well_or_skip("alert rules", &["check", "rules", ALERTS], "");
    promtool::assert_well_or_skip("alert rules", &["test", "rules", ALERTS_TEST], "");
    promtool::assert_well_or_skip("scraping", &["check", "config", "deploy/prometheus/prometheus.yml"], "");
}

#[test]
fn every_alert_is_tried_on_a_server_that_is_well_and_on_one_that_is_not() {
    let tests = read(ALERTS_TEST);
    for alert in read(ALERTS).lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let well = format!("- {{alertname: {alert}, eval_time: 2h}}");
        let ill = format!("alertname: {alert}\n        exp_alerts:\n");
        assert!(tests.contains(&well) && tests.contains(&ill), "{alert} is to be tried both ways in {ALERTS_TEST}");
    }
}

/// The families that a server shows.
fn shown() -> BTreeMap<String, Family> {
    let server = Server::start(&[]);
    // What is told of requests by route is there from the first one on.
    server.ok("/healthz");
    families(&server.ok("/metrics").text())
}

/// The families on a page of metrics in Prometheus' text format, by name.
fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut name = String::new();
    for line in page.lines() {
        if let Some((of, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            of.clone_into(&mut name);
            help.trim_end_matches('.').clone_into(&mut families.entry(name.clone()).or_default().help);
        } else if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kind.clone_into(&mut families.entry(name.clone()).or_default().kind);
        } else if let Some((_, labels)) = line.split_once('{') {
            let labels = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(label, _)| label);
            let labels = labels.filter(|label| *label != "le").map(str::to_owned);
            families.entry(name.clone()).or_default().labels.extend(labels);
        }
    }
    families
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}
