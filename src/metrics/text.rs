//! The metrics in Prometheus' text format 0.0.4, from their form as `OpenMetrics`.
//!
//! The two differ in little: the older names a counter in `HELP` and `TYPE` as its sample is named, with `_total`, has no
//! type for a metric that only informs, and neither units nor an end. It is what a scraper gets that asks for nothing else,
//! and what `promtool check metrics` reads.

/// The text in the older format.
#[must_use]
pub fn to_prometheus(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some((_, told)) = help.take_if(|(of, _)| *of == name) {
                text.extend(["# HELP ", name, suffix, " ", told, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_told_of_by_the_names_of_their_samples() {
        let openmetrics = "# HELP a_b Some.\n# TYPE a_b counter\na_b_total{x=\"y z\"} 1\n\
                           # HELP c Which.\n# TYPE c info\nc_info{version=\"1\"} 1\n\
                           # HELP d_seconds Time.\n# TYPE d_seconds gauge\n# UNIT d_seconds seconds\nd_seconds 0.5\n# EOF\n";
        let expected = "# HELP a_b_total Some.\n# TYPE a_b_total counter\na_b_total{x=\"y z\"} 1\n\
                        # HELP c_info Which.\n# TYPE c_info gauge\nc_info{version=\"1\"} 1\n\
                        # HELP d_seconds Time.\n# TYPE d_seconds gauge\nd_seconds 0.5\n";
        assert_eq!(to_prometheus(openmetrics), expected);
    }
}
