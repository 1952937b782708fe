//! A small disk of a test's own: ext4 on a file, mounted by root. It can be filled, made read-only, and lose power.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::skip;

/// Asks ext4 to stop at once and to flush nothing, not even its journal (`EXT4_IOC_SHUTDOWN`, `NOLOGFLUSH`), which is
/// how xfstests cut the power.
const CUT: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// What is written at a time to fill it.
const FILLER_BYTES: usize = 64 << 10;

/// A mounted disk; dropped, it is unmounted.
pub struct Disk {
    dir: TempDir,
}

impl Disk {
    /// One of so many MiB; without root or mounts, says that `test` did not run.
    pub fn or_skip(test: &str, mib: u64) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip(test, "mounting a disk takes root");
            return None;
        }
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
        let disk = Self { dir };
        std::fs::create_dir(disk.path()).expect("a directory can be made");
        File::create(disk.image()).and_then(|image| image.set_len(mib << 20)).expect("the disk's file can be made");
        // No blocks are kept back for root, so that full is full.
        let made = run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(disk.image()));
        if let Err(why) = made.and_then(|()| disk.mount()) {
            skip(test, &format!("a disk cannot be made here: {why}"));
            return None;
        }
        Some(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    pub fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }

    pub fn unmount(&self) -> Result<(), String> {
        run(Command::new("umount").arg(self.path()))
    }

    /// `ro` or `rw`.
    pub fn remount(&self, option: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(self.path())).expect("it is mounted");
    }

    /// Takes every block that is left.
    pub fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).expect("a file can be made");
        for bytes in [FILLER_BYTES, 1024] {
            while filler.write_all(&vec![0xaa; bytes]).and_then(|()| filler.sync_data()).is_ok() {}
        }
    }

    /// Gives back what was taken.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the filler is there");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// The power goes: what was not synced is lost. The disk must be unmounted and mounted again.
    pub fn cut_power(&self) {
        run(Command::new("python3").args(["-c", CUT]).arg(self.path())).expect("ext4 can be shut down");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, since a server that is being killed may still hold it.
        let _ = run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
