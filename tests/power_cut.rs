//! Power cuts under load, round after round on one disk: what was answered had been synced, and not only written.
//!
//! A killed process leaves all that it wrote in the kernel's memory; here that is lost, too. `make power-cut` shows the
//! table of 60 rounds.

mod support;

mod torture {
    pub mod audit;
    pub mod disk;
    pub mod findings;
    pub mod ledger;
    pub mod load;
    pub mod peer;
    pub mod plan;
    pub mod rounds;
}

use std::ffi::OsStr;
use std::fs::{self, File};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;
use rustix::fs::{Advice, fadvise};
use rustix::process::Signal;
use support::disk::{Disk, Switch};
use support::server::{SMALL_SEGMENTS, Setting, write_file};
use support::{DataDir, Form, Server, wait_until};
use torture::plan::chance;
use torture::rounds::{Blow, Course, Rounds};

/// Rounds where nobody says how many; `make power-cut` has 60.
const ROUNDS: u32 = 8;

/// The disk of the rounds. Its file has holes where nothing was written.
const DISK_MIB: u64 = 16 << 10;

/// The disk of the tests without a load, and what lets a server do with it.
const QUIET_DISK_MIB: u64 = 256;
const QUIET: [Setting<'_>; 4] = [
    SMALL_SEGMENTS[0],
    SMALL_SEGMENTS[1],
    ("LIMITS_DISK_FREE_BYTES_MIN", "0"),
    ("SPOOL_SMALL_BATCH_BYTES_MAX", "1 MiB"),
];

/// How often some of what was not synced is on the disk all the same at the cut.
const WRITTEN_BACK: f64 = 0.3;

#[test]
fn power_cuts_under_load_lose_nothing_double_nothing_tear_nothing_and_leave_nothing() {
    let Some(disk) = Disk::forgetful_or_skip("power cuts under load", DISK_MIB) else { return };
    let course = Course::asked_for("power_cut", "CONSIGN_POWER_CUTS", ROUNDS);
    let data = DataDir::on(&disk.path());
    Rounds::run(&course, data, PowerCut::on(disk, course.seed));
}

#[test]
fn an_answer_that_no_other_sync_comes_after_survives_a_power_cut() {
    let Some(disk) = Disk::forgetful_or_skip("power cuts without a load", QUIET_DISK_MIB) else { return };
    let data = DataDir::on(&disk.path());
    let cut = |mut switch: Switch, server: Server| {
        switch.cut();
        server.kill();
        switch.release();
        mount_again(&disk);
        data.serve(&QUIET)
    };
    let mut server = data.serve(&QUIET);
    for number in 0..4 {
        // Every other one streams into a segment of its own.
        let words = format!("batch {number}: {}", "words ".repeat([10, 400_000][number % 2]));
        let switch = disk.switch();
        let id = server.upload(Form::new().file("words.txt", &words)).id;
        server = cut(switch, server);
        let switch = disk.switch();
        let completed = server.completed(&id);
        completed.assert_succeeded();
        server = cut(switch, server);
        let again = server.batch(&id);
        assert_eq!((&again.finished_at, &again.summary), (&completed.finished_at, &completed.summary));
        assert!(server.text(&again.files[0]).trim() == words.trim(), "the text is whole");
        assert!(server.content(&again.files[0]).body == words.as_bytes(), "the bytes are whole");
        let switch = disk.switch();
        assert_eq!(server.try_delete(&format!("/batches/{id}")).expect("the server lives").status, 204);
        server = cut(switch, server);
        assert_eq!(server.list("").batches.len(), 0, "what was removed does not come back");
    }
    let names = fs::read_dir(data.path()).expect("the directory can be read").map(|entry| entry.expect("it is there"));
    let damaged: Vec<_> = names.map(|entry| entry.file_name()).filter(|name| is_put_aside(name)).collect();
    assert!(damaged.is_empty(), "the first start's log opens after a cut, too: {damaged:?}");
}

/// Whether it is a job log that did not open.
fn is_put_aside(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.contains("damaged"))
}

/// Claims and attempts are all that the job log alone knows: seals and results say nothing of them.
#[cfg(feature = "test-hooks")]
#[test]
fn a_file_that_takes_the_power_with_it_each_time_is_given_up() {
    let Some(disk) = Disk::forgetful_or_skip("a file that takes the power with it", QUIET_DISK_MIB) else { return };
    let data = DataDir::on(&disk.path());
    let settings = [&QUIET[..], &[("ATTEMPTS_MAX", "2")]].concat();
    let mut server = data.serve(&settings);
    let id = server.upload(Form::new().file("hung.txt", "consign-test-hook: hang\n")).id;
    // Once among others, as far as the server knows, and twice alone.
    for _ in 0..3 {
        let mut switch = disk.switch();
        wait_until("the file to be tried", || server.batch(&id).files[0].state == "processing");
        switch.cut();
        server.kill();
        switch.release();
        mount_again(&disk);
        server = data.serve(&settings);
    }
    let given_up = server.completed(&id);
    given_up.files[0].assert_ended("failed", "crashed");
    assert_eq!(given_up.files[0].attempts, 2);
    assert!(given_up.files[0].error().message.contains("the server stopped"), "{:?}", given_up.files[0]);
}

#[test]
fn a_clean_end_leaves_nothing_to_a_power_cut() {
    let Some(disk) = Disk::forgetful_or_skip("a power cut after a clean end", QUIET_DISK_MIB) else { return };
    let data = DataDir::on(&disk.path());
    let mut server = data.serve(&QUIET);
    let told = ["first", "second"].map(|words| server.process(Form::new().file("words.txt", words)));
    let removed = server.process(Form::new().file("words.txt", "third"));
    assert_eq!(server.try_delete(&format!("/batches/{}", removed.id)).expect("the server lives").status, 204);
    assert!(server.terminate().success());
    disk.cut_power();
    mount_again(&disk);
    let server = data.serve(&QUIET);
    for batch in &told {
        let again = server.batch(&batch.id);
        assert_eq!((&again.finished_at, &again.summary), (&batch.finished_at, &batch.summary));
        assert_eq!(server.text(&again.files[0]), server.content(&again.files[0]).text());
    }
    assert_eq!(server.list("").batches.len(), told.len(), "what was removed does not come back");
}

#[test]
fn a_power_cut_takes_what_was_not_synced() {
    let Some(disk) = Disk::forgetful_or_skip("what a power cut takes", 64) else { return };
    let [synced, overwritten, unsynced] = ["synced", "overwritten", "unsynced"].map(|name| disk.path().join(name));
    for path in [&synced, &overwritten] {
        write_file(path, &[1; 10_000]);
        File::open(path).and_then(|file| file.sync_all()).expect("a file can be synced");
    }
    write_file(&overwritten, &[2; 10_000]);
    write_file(&unsynced, &[3; 10_000]);
    disk.cut_power();
    fs::read(&synced).expect_err("the disk is off");
    mount_again(&disk);
    assert!(fs::read(&synced).is_ok_and(|bytes| bytes == [1; 10_000]), "what was synced is there");
    assert!(fs::read(&overwritten).is_ok_and(|bytes| bytes == [1; 10_000]), "what was synced is there as it was");
    assert!(fs::read(&unsynced).is_err(), "what was only written is not");
}

/// A cut of the power: what the kernel has taken and not yet written to the disk is lost with it.
struct PowerCut {
    disk: Disk,
    switch: Switch,
    chance: StdRng,
}

impl PowerCut {
    fn on(disk: Disk, seed: u64) -> Self {
        Self { switch: disk.switch(), disk, chance: chance(seed, "write-back") }
    }

    /// Has the kernel write back, in no order, some of what it would have kept for a while.
    fn write_back_some(&mut self, data: &Path) {
        let mut files = files_below(data);
        files.retain(|_| self.chance.random_bool(0.5));
        // One or the other may be gone by now.
        for file in files.into_iter().filter_map(|path| File::open(path).ok()) {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            let start = self.chance.random_range(0..=length);
            let range = NonZeroU64::new(self.chance.random_range(0..=length - start));
            // The kernel starts to write dirty pages that it is told nobody needs.
            fadvise(&file, start, range, Advice::DontNeed).expect("any range can be named");
        }
        self.disk.commit();
    }
}

/// Has the journal of a disk that was cut off replayed.
fn mount_again(disk: &Disk) {
    // A child of the server may be dying still.
    wait_until("the disk to be let go", || disk.unmount().is_ok());
    disk.mount().expect("the disk can be mounted again");
}

/// All files below a directory in which files come and go.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let found = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => vec![entry.path()],
    });
    found.collect()
}

impl Blow for PowerCut {
    const NAME: &str = "cuts";
    const MAY_LOSE_UNANSWERED: bool = true;
    // A sync that is under way when ext4 is shut down may succeed although nothing comes of it.
    const ENDS_PROMISES: bool = true;

    fn prepare(&mut self, server: &Server) {
        if self.chance.random_bool(WRITTEN_BACK) {
            self.write_back_some(&server.data.path());
        }
    }

    fn strike(&mut self, server: &Server) -> String {
        // What it says from then on, it says of a disk that is off.
        let log = server.log();
        self.switch.cut();
        server.signal(Signal::KILL);
        log
    }

    fn clear_up(&mut self) {
        self.switch.release();
        mount_again(&self.disk);
        self.switch = self.disk.switch();
    }

    fn keep(&mut self, _: &mut DataDir) -> PathBuf {
        self.disk.keep()
    }
}
