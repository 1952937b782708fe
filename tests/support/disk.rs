//! A small disk of a test's own: ext4 on a file, mounted by root. It can be filled, made read-only, and lose power.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::fs::FallocateFlags;
use tempfile::TempDir;

use super::skip;

/// Waits for a word, and asks ext4 to stop at once and to flush nothing, not even its journal (`EXT4_IOC_SHUTDOWN`,
/// `NOLOGFLUSH`), which is how xfstests cut the power.
const CUT: &str = "import fcntl, os, struct, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
if sys.stdin.readline():
    fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2))
    print('cut', flush=True)";

/// How a disk is mounted that writes nothing by itself for as long as a test looks: ext4 commits its journal every 5 s
/// else.
const FORGETFUL: &str = "loop,commit=300";

/// What is taken at a time to fill it, in bytes, down to a block.
const FILLER_BYTES: [u64; 4] = [16 << 20, 1 << 20, 64 << 10, 1 << 10];

/// A mounted disk; dropped, it is unmounted.
pub struct Disk {
    dir: TempDir,
    /// How it is mounted.
    options: &'static str,
}

impl Disk {
    /// One of so many MiB; without root or mounts, says that `test` did not run.
    pub fn or_skip(test: &str, mib: u64) -> Option<Self> {
        Self::mounted_or_skip(test, mib, "loop")
    }

    /// One that keeps as little as it may of what is not synced, for power cuts.
    pub fn forgetful_or_skip(test: &str, mib: u64) -> Option<Self> {
        if let Err(why) = run(Command::new("python3").arg("--version")) {
            skip(test, &format!("cutting the power takes python3: {why}"));
            return None;
        }
        Self::mounted_or_skip(test, mib, FORGETFUL)
    }

    fn mounted_or_skip(test: &str, mib: u64, options: &'static str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip(test, "mounting a disk takes root");
            return None;
        }
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
        let disk = Self { dir, options };
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
        run(Command::new("mount").args(["-o", self.options]).arg(self.image()).arg(self.path()))
    }

    pub fn unmount(&self) -> Result<(), String> {
        run(Command::new("umount").arg(self.path()))
    }

    /// `ro` or `rw`.
    pub fn remount(&self, option: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(self.path())).expect("it is mounted");
    }

    /// Takes every block that is left. Blocks are taken without being written, which is quick on a slow disk, too.
    pub fn fill(&self) {
        let filler = File::options().create(true).append(true).open(self.filler()).expect("a file can be made");
        let mut end = 0;
        for bytes in FILLER_BYTES {
            while rustix::fs::fallocate(&filler, FallocateFlags::empty(), end, bytes).is_ok() {
                end += bytes;
            }
        }
        filler.sync_all().expect("a full disk takes a sync");
    }

    /// Gives back what was taken.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the filler is there");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Has ext4 write its journal, as it does every few seconds by itself: what is in it of any file is on the disk then.
    pub fn commit(&self) {
        let synced = File::create(self.path().join("committed")).and_then(|file| file.sync_all());
        synced.expect("a file can be synced");
    }

    /// The power goes: what was not synced is lost. The disk must be unmounted and mounted again.
    pub fn cut_power(&self) {
        let mut switch = self.switch();
        switch.cut();
        switch.release();
    }

    /// A hand at the switch, so that nothing delays the cut.
    pub fn switch(&self) -> Switch {
        let mut command = Command::new("python3");
        command.args(["-c", CUT]).arg(self.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 can be run");
        let said = BufReader::new(child.stdout.take().expect("its standard output is a pipe"));
        let mut switch = Switch { child, said };
        switch.hear("ready");
        switch
    }

    /// Leaves the disk's file where it is when the test ends, for whoever looks into a failure.
    pub fn keep(&mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.image()
    }
}

/// A process that has the disk open, and cuts its power once.
pub struct Switch {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Switch {
    /// The power is off when this returns.
    pub fn cut(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("its standard input is a pipe");
        stdin.write_all(b"cut\n").expect("the switch waits for its word");
        self.hear("cut");
    }

    /// Lets go of the disk, so that it can be unmounted; nothing can be cut any more.
    pub fn release(&mut self) {
        self.child.stdin = None;
        self.child.wait().expect("the switch can be waited for");
    }

    fn hear(&mut self, word: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("the switch says what it did");
        assert_eq!(line.trim(), word, "ext4 can be shut down");
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.release();
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
