//! The order of system calls behind a 202, seen from outside.

mod support;

use std::path::Path;
use std::process::Command;

use support::skip;

/// What the script ends with when it cannot be tried.
const CANNOT_TRY: i32 = 77;

#[test]
fn the_seal_is_written_and_synced_before_the_202_and_a_thousand_files_cost_at_most_4_syncs() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strace_upload.sh");
    let mut command = Command::new("sh");
    command.arg(script).arg(env!("CARGO_BIN_EXE_consign")).env("TMPDIR", env!("CARGO_TARGET_TMPDIR"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CONSIGN_")) {
        command.env_remove(name);
    }

    let output = command.output().expect("a shell can be run");

    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(CANNOT_TRY) {
        return skip("order of system calls", said.trim());
    }
    assert!(output.status.success(), "{said}");
}
