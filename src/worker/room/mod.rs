//! The locked room: what a child gives up before it reads a byte of user data.
//!
//! Three walls, built so that each holds where another has a hole: the kernel's limits on what a process may use, with
//! no capability left; Landlock, with no file, no connection and no signal to others; and seccomp, with no system call
//! but those that reading a pipe, computing and writing a pipe need. What is refused fails with an error, so that a
//! library that asks for too much goes on without it. Where a kernel lacks a wall, the gap is told and the rest stands.

mod calls;
mod files;
mod limits;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::chdir;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use serde::{Deserialize, Serialize};

pub(super) use limits::{limit, limit_processor_time, stand_back};

/// One of the room's walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wall {
    /// Resource limits, and no capabilities.
    Limits,
    /// Landlock.
    Files,
    /// Seccomp.
    Calls,
}

/// All of them.
pub const WALLS: &[Wall] = &[Wall::Limits, Wall::Files, Wall::Calls];

/// Locks this process in for good, so that it can become the program and let that read its data, and little else.
///
/// # Errors
/// When the kernel refuses what every kernel can do.
pub(super) fn lock_program(program: &Path, data: &[PathBuf]) -> io::Result<()> {
    chdir("/")?;
    set_no_new_privs(true)?;
    // Where a kernel lacks one of these, the others stand; the server has been told.
    let _ = files::close_but(program, data);
    drop_capabilities()?;
    limits::take_most()?;
    let _ = calls::close_to_programs();
    Ok(())
}

fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// Locks this process in for good, with nothing but its pipes, and tells what the kernel could not do.
///
/// Everything that is loaded from a file must have been loaded before.
///
/// # Errors
/// When the kernel refuses what every kernel can do.
pub(super) fn lock(input: &File, output: &File, walls: &[Wall]) -> io::Result<Vec<String>> {
    let mut gaps = Vec::new();
    chdir("/")?;
    set_no_new_privs(true)?;
    // In this order: each wall still needs what the next one takes away.
    if walls.contains(&Wall::Files) {
        gaps.extend(files::close().err());
    }
    if walls.contains(&Wall::Limits) {
        drop_capabilities()?;
        limits::take_all()?;
    }
    if walls.contains(&Wall::Calls) {
        gaps.extend(calls::close(input, output).err());
    }
    Ok(gaps)
}
