//! The child that becomes the OCR engine: it locks itself in, and then the engine takes its place.

use std::convert::Infallible;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Resource, Signal, set_parent_process_death_signal};

use super::ocr::Plan;
use super::room::{self, limit, limit_processor_time, stand_back};

/// The exit code when the engine could not be started, as shells have it.
const NOT_STARTED: u8 = 126;

/// Becomes the engine of this plan, which the server wrote. Returns only when that fails.
#[must_use]
pub fn become_engine(plan: &str) -> ExitCode {
    let Err(error) = lock_and_start(plan);
    // The server reads it; nobody else is left to hear it.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::from(NOT_STARTED)
}

fn lock_and_start(plan: &str) -> io::Result<Infallible> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    stand_back();
    let Plan { program, arguments, data, memory_bytes, wall_ms } = serde_json::from_str(plan)?;
    limit(Resource::Core, 0)?;
    limit(Resource::As, memory_bytes)?;
    limit_processor_time(Duration::from_millis(wall_ms))?;
    // What the kernel lacks was told when the first worker was locked in.
    room::lock_program(&program, &data)?;
    Err(Command::new(program).args(arguments).exec())
}
