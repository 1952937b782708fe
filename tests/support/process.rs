//! What Linux says of processes and disks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// The ids of a process's children.
pub fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux shows its processes");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// A process's parent; none when it has ended. A zombie has ended.
fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The command's name is in parentheses and may hold anything, even spaces and parentheses.
    let mut after_name = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = after_name.next()?;
    let parent = after_name.next()?.parse().ok()?;
    (state != "Z").then_some(parent)
}

/// Whether a process runs.
pub fn is_alive(id: u32) -> bool {
    parent_of(id).is_some()
}

/// Kills what was a killed server's child, should it still run as our binary.
pub fn kill_if_orphan(id: u32) {
    let ours =
        fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_consign")));
    if let (true, Some(pid)) = (ours, i32::try_from(id).ok().and_then(Pid::from_raw)) {
        // It may end by itself first.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// A field of `/proc/PID/status` in bytes: `VmRSS`, `VmHWM`.
pub fn memory_bytes(id: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    field_bytes(&status, field)
}

fn field_bytes(fields: &str, field: &str) -> u64 {
    let line = fields.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("{field} is among {fields}")) * 1024
}

/// A process's share of the memory that is resident, in bytes: a page that several processes have counts in equal parts
/// for each (`Pss` of `/proc/PID/smaps_rollup`), so that the sum over processes is what they take together.
pub fn share_of_memory_bytes(id: u32) -> u64 {
    let path = format!("/proc/{id}/smaps_rollup");
    field_bytes(&fs::read_to_string(path).expect("the process runs"), "Pss")
}

/// How far a process stands back behind others.
pub fn niceness(id: u32) -> i32 {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).expect("a process of our own can be read");
    // The program's name comes second, in brackets, and may hold anything (proc_pid_stat(5)).
    let (_, fields) = status.rsplit_once(") ").expect("a name is in brackets");
    fields.split(' ').nth(16).and_then(|nice| nice.parse().ok()).expect("the nineteenth field is a number")
}

/// How many files a process has open, sockets and pipes among them.
pub fn open_files(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd")).expect("the process runs").count()
}

/// Bytes that a directory's files take on the disk.
pub fn bytes_on_disk(dir: &Path) -> u64 {
    // What vanishes while it is looked at takes nothing.
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_on_disk(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// Whether a file, or any file under a directory, holds this text.
pub fn any_file_holds(path: &Path, text: &str) -> bool {
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).any(|entry| any_file_holds(&entry.path(), text)),
        // The search in a text is the standard library's, which is optimized even where the tests are not.
        Err(_) => fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)),
    }
}
