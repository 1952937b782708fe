//! The kernel's limits on what the child may use.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Files that a program has open at a time: a few more than its pipes, since it loads one library after the other.
const PROGRAM_FILES_MAX: u64 = 32;

/// How far this process stands back where there is more to do than processors: it gets a third of what the server would.
const NICENESS: i32 = 5;

/// Lets the server go first: what arrives is to be made durable before what has arrived is read. Where that is forbidden
/// both do their work all the same.
pub fn stand_back() {
    let _ = nice(NICENESS);
}

/// Lowers a limit of this process for good.
pub fn limit(resource: Resource, wanted: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(wanted, |maximum| maximum.min(wanted));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Takes away what a reader of pipes has no use for: files to open or to fill, processes, locked memory, queues.
pub fn take_all() -> io::Result<()> {
    for resource in [Resource::Nofile, Resource::Fsize, Resource::Nproc, Resource::Memlock, Resource::Msgqueue] {
        limit(resource, 0)?;
    }
    Ok(())
}

/// Takes away what a program has no use for that reads stdin and writes stdout, but for the few files that it loads.
pub fn take_most() -> io::Result<()> {
    limit(Resource::Nofile, PROGRAM_FILES_MAX)?;
    for resource in [Resource::Fsize, Resource::Nproc, Resource::Memlock, Resource::Msgqueue] {
        limit(resource, 0)?;
    }
    Ok(())
}

/// Lets this process compute for so long from now on; then the kernel ends it with SIGXCPU.
///
/// The server's clock ends it sooner. This is for the case that the server is stopped or too busy to look.
pub fn limit_processor_time(more: Duration) -> io::Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let used_seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    // The kernel counts whole seconds; both parts have lost up to one.
    let wanted = used_seconds.saturating_add(more.as_secs()).saturating_add(2);
    let maximum = getrlimit(Resource::Cpu).maximum;
    let current = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum })?)
}
