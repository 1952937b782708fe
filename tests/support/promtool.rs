//! `promtool`, which Prometheus checks metrics and rules with (Debian: `prometheus`).

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::skip;

/// Has promtool look at `input`; where it is not installed, it is said that `test` did not run.
///
/// # Panics
/// With what promtool says when it finds anything.
pub fn assert_well_or_skip(test: &str, words: &[&str], input: &str) {
    let started = Command::new("promtool")
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else { return skip(test, "promtool is not installed (Debian: prometheus)") };
    // One that has seen enough closes its end.
    let _ = promtool.stdin.take().expect("its input is a pipe").write_all(input.as_bytes());
    let output = promtool.wait_with_output().expect("promtool can be waited for");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && !said.contains("FAILED"), "promtool {words:?}: {said}\nof\n{input}");
}
