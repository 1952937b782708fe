//! How glibc is to keep the server's memory (decision 0028).

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What glibc reads once, before `main`: among how many arenas it divides the threads. It gives each thread one of its own
/// otherwise, and what is free in one is of no use to the others.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Puts this program in its own place with two arenas, one for the thread of the pipeline and one for all others, unless its
/// environment says how many. Where that does not work the server runs all the same, and takes more memory.
pub fn share_arenas() {
    if !cfg!(target_env = "gnu") || env::var_os(ARENAS).is_some() {
        return;
    }
    let mut arguments = env::args_os();
    let (Ok(program), Some(name)) = (env::current_exe(), arguments.next()) else { return };
    // Returns only when it has failed.
    let _ = Command::new(program).arg0(name).args(arguments).env(ARENAS, "2").exec();
}
