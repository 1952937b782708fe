//! The fault matrix: in each phase of a batch's life the process ends, or the disk refuses, at each fault point that the
//! phase passes, and everything must be as a model in this test says.
//!
//! `CONSIGN_MATRIX_SEED` chooses at which of its passings a point fails; without it a new one is taken and shown.
#![cfg(all(feature = "fault", feature = "test-hooks"))]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use consign::fault::DurableStep;
use rand::{RngExt, SeedableRng};
use support::fault::Faults;
use support::server::Setting;
use support::{Batch, DataDir, FileStatus, Form, Server, sha256, wait_until};

/// A part of a batch's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Upload,
    Verify,
    Process,
    Close,
    Retry,
    Delete,
    Replay,
}

impl Phase {
    /// Whether a point belongs to the phase: what storing a batch passes is the upload's alone.
    fn owns(self, point: &str) -> bool {
        use DurableStep as S;
        let stores = [S::BlockAppend, S::SealAppend, S::SealSync, S::LogEnter];
        let makes = [S::SegmentCreate, S::SegmentPreallocate, S::SegmentHeader, S::SegmentSync, S::DirectorySync];
        let (step, _side) = point.split_once('/').expect("a point is a step and a side");
        let is_upload = stores.iter().chain(&makes).any(|known| known.to_string() == step);
        match self {
            Self::Upload => is_upload || step == S::SegmentTrim.to_string(),
            Self::Replay => true,
            Self::Verify | Self::Process | Self::Close | Self::Retry | Self::Delete => !is_upload,
        }
    }
}

/// What must become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its text is its content.
    Text,
    Rejected,
    Failed,
}

/// A batch that was sent, and what must become of it once it is acknowledged.
#[derive(Debug, Clone)]
struct Sent {
    number: usize,
    files: Vec<(String, Vec<u8>, End)>,
}

impl Sent {
    fn new(number: usize, files: &[(&str, &[u8], End)]) -> Self {
        let files = files.iter().map(|(name, bytes, end)| ((*name).to_owned(), bytes.to_vec(), *end)).collect();
        Self { number, files }
    }

    fn texts(number: usize, count: usize) -> Self {
        let text = |index: usize| (format!("{index}.txt"), format!("words {number} {index}").into_bytes(), End::Text);
        Self { number, files: (0..count).map(text).collect() }
    }

    /// One that streams into a segment of its own.
    fn large(number: usize) -> Self {
        let text = format!("a line of batch {number}\n").repeat(500_000);
        let common = common();
        Self::new(number, &[("large.txt", text.as_bytes(), End::Text), ("common.txt", &common, End::Text)])
    }

    /// One with the bytes that large ones have, too.
    fn sharing(number: usize) -> Self {
        let own = format!("words {number}");
        Self::new(number, &[("own.txt", own.as_bytes(), End::Text), ("common.txt", &common(), End::Text)])
    }

    /// The idempotency key that it is sent under.
    fn key(&self) -> String {
        format!("batch-{}", self.number)
    }

    fn form(&self) -> Form {
        let form = Form::new().field("metadata", &format!("{{\"number\": {}}}", self.number));
        form.files(self.files.iter().map(|(name, bytes, _)| (name, bytes)))
    }

    /// Asserts that a completed batch is what the model says, after so many retries of what failed.
    fn assert_is(&self, server: &Server, batch: &Batch, retries: u64) {
        assert_eq!(batch.files.len(), self.files.len(), "{batch:?}");
        for (file, (name, bytes, end)) in batch.files.iter().zip(&self.files) {
            assert_eq!((&file.name, file.sha256.as_ref()), (name, Some(&sha256(bytes))), "{file:?}");
            match end {
                End::Text => {
                    assert_eq!(file.state, "succeeded", "{file:?}");
                    assert!(server.text(file).trim().as_bytes() == bytes.trim_ascii(), "{name} has its own text");
                    assert!(server.content(file).body == *bytes, "{name} has its own bytes");
                }
                End::Rejected => assert_eq!(file.state, "rejected", "{file:?}"),
                End::Failed => {
                    assert_eq!(file.state, "failed", "{file:?}");
                    assert_eq!(file.attempts.to_string(), ATTEMPTS_MAX, "attempts are counted: {file:?}");
                    assert!(file.retries >= retries, "a retry that was answered is kept: {file:?}");
                }
            }
        }
        let counted = &batch.summary;
        assert_eq!(counted.pending, 0, "{batch:?}");
        assert_eq!(counted.succeeded + counted.failed + counted.rejected, counted.total, "{batch:?}");
    }
}

/// Bytes that are stored once.
fn common() -> Vec<u8> {
    b"a line of many batches\n".repeat(2_000)
}

const ATTEMPTS_MAX: &str = "3";

/// A data directory, what was sent to it, and what a client knows of it.
struct World {
    data: DataDir,
    faults: Faults,
    sent: Vec<Sent>,
    /// The ids of those that were answered 202.
    acknowledged: BTreeMap<usize, String>,
    /// Those whose retry was answered.
    retried: BTreeSet<usize>,
    /// Those whose removal was asked for, and those whose removal was answered.
    doomed: BTreeSet<usize>,
    removed: BTreeSet<usize>,
}

impl World {
    fn new() -> Self {
        let data = DataDir::new();
        let faults = Faults::of(&data);
        let (sent, acknowledged) = Default::default();
        let (retried, doomed, removed) = Default::default();
        Self { data, faults, sent, acknowledged, retried, doomed, removed }
    }

    fn settings(&self) -> Vec<Setting<'_>> {
        let quick = [("ATTEMPTS_RETRY_MS_BASE", "10"), ("ATTEMPTS_MAX", ATTEMPTS_MAX), ("WORKER_PROCESSES", "1")];
        let small = [("SPOOL_SEGMENT_BYTES", "8 MiB"), ("SPOOL_STOCK_SEGMENTS", "1")];
        quick.into_iter().chain(small).chain([self.faults.setting()]).collect()
    }

    fn serve(&self) -> Server {
        self.data.serve(&self.settings())
    }

    /// Sends a batch; the server may be gone before it answers.
    fn send(&mut self, server: &Server, sent: Sent) {
        let answer = server.try_post_under(sent.form(), &sent.key());
        if let Ok(answer) = answer.as_ref()
            && answer.status == 202
        {
            self.acknowledged.insert(sent.number, answer.accepted().id);
        }
        self.sent.push(sent);
    }

    /// Waits until all that was acknowledged is completed, or the server is gone.
    fn wait(&self, server: &mut Server) {
        for id in self.acknowledged.values() {
            wait_until("the end of a batch or of the server", || {
                match server.try_get(&format!("/batches/{id}?wait=1")) {
                    Ok(answer) => answer.status != 200 || answer.json()["state"] == "completed",
                    Err(_) => server.has_ended(),
                }
            });
        }
    }

    fn retry(&mut self, server: &Server, number: usize) {
        let Some(id) = self.acknowledged.get(&number) else { return };
        if let Ok(answer) = server.try_post_to(&format!("/batches/{id}/retry"))
            && answer.status == 202
        {
            self.retried.insert(number);
        }
    }

    fn remove(&mut self, server: &Server, number: usize) {
        self.doomed.insert(number);
        if let Ok(answer) = server.try_delete(&format!("/batches/{}", self.acknowledged[&number]))
            && answer.status == 204
        {
            self.removed.insert(number);
        }
    }

    /// Starts the server anew without faults, and holds everything against the model; twice, since a second recovery
    /// must change nothing.
    fn check(&self) {
        self.faults.disarm();
        let server = self.serve();
        let first = self.check_with(&server);
        let mut server = server.kill().serve(&self.settings());
        assert_eq!(first, self.check_with(&server), "a second start changed something");
        self.send_again(&server);
        assert!(server.terminate().success());
    }

    /// Sends batches again under the keys that they were sent under: what is there is met, what is not is made, once.
    fn send_again(&self, server: &Server) {
        let there = self.check_with(server);
        // Those that knocked until the disk was well are too many for one page of the list, and large ones take long.
        let is_small = |sent: &Sent| sent.files.iter().all(|(_, bytes, _)| bytes.len() < 1 << 20);
        let is_wanted = |sent: &&Sent| sent.number < 100 && is_small(sent) && !self.doomed.contains(&sent.number);
        for sent in self.sent.iter().filter(is_wanted) {
            let answer = server.try_post_under(sent.form(), &sent.key()).expect("the server lives");
            let id = answer.accepted().id;
            let is_replayed = answer.find_header("idempotency-replayed").is_some();
            assert_eq!(is_replayed, there.contains_key(&id), "batch {}: {}", sent.number, answer.lossy());
            let acknowledged = self.acknowledged.get(&sent.number);
            assert!(acknowledged.is_none_or(|known| *known == id), "batch {} under another id, {id}", sent.number);
        }
        self.check_with(server);
    }

    /// What the server says of every batch there is.
    fn check_with(&self, server: &Server) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        let mut numbers = BTreeSet::new();
        for listed in server.list("?limit=100").batches {
            let batch = server.completed(&listed.id);
            let number = batch.metadata["number"].as_u64().and_then(|number| usize::try_from(number).ok());
            let sent = self.sent.iter().find(|sent| Some(sent.number) == number).expect("the batch was sent");
            assert!(numbers.insert(sent.number), "batch {} is there twice", sent.number);
            if let Some(id) = self.acknowledged.get(&sent.number) {
                assert_eq!(*id, batch.id, "an acknowledged batch keeps its id");
            }
            sent.assert_is(server, &batch, u64::from(self.retried.contains(&sent.number)));
            let end = |file: &FileStatus| format!("{} {} {} {}", file.id, file.state, file.retries, file.attempts);
            let ends = batch.files.iter().map(end);
            seen.insert(batch.id.clone(), ends.collect::<Vec<_>>().join("\n"));
        }
        for number in self.acknowledged.keys().filter(|number| !self.doomed.contains(number)) {
            assert!(numbers.contains(number), "batch {number} was acknowledged and is lost");
        }
        for number in &self.removed {
            assert!(!numbers.contains(number), "batch {number} was removed and is back");
        }
        seen
    }
}

/// What happens before a phase, without faults.
fn prepare(phase: Phase, world: &mut World) -> Option<Server> {
    if !matches!(phase, Phase::Delete | Phase::Replay) {
        return Some(world.serve());
    }
    let mut server = world.serve();
    for sent in [Sent::texts(1, 3), Sent::large(2), Sent::sharing(5), Sent::sharing(6)] {
        world.send(&server, sent);
        world.wait(&mut server);
    }
    if phase == Phase::Delete {
        return Some(server);
    }
    // A removal that a crash cut short, a large upload that never ended, and a batch in mid-work.
    world.faults.arm("frame_erase/after=crash");
    world.remove(&server, 2);
    server.ended();
    for (fault, sent) in
        [("block_append/after#3=crash", Sent::large(3)), ("result_sync/after=crash", Sent::texts(4, 9))]
    {
        let mut server = world.serve();
        world.faults.arm(fault);
        world.send(&server, sent);
        server.ended();
    }
    None
}

/// What happens in a phase: until it is over or the server is gone.
fn act(phase: Phase, world: &mut World, server: Option<Server>) -> Option<Server> {
    let hook = b"consign-test-hook: segv\n";
    let mut server = server.unwrap_or_else(|| world.data.spawn(&world.settings()));
    match phase {
        Phase::Upload => {
            let sent = [Sent::texts(1, 3), Sent::large(2), Sent::sharing(5), Sent::large(3), Sent::texts(4, 1)];
            for sent in sent {
                world.send(&server, sent);
            }
        }
        Phase::Verify => {
            let program = [&b"\x7fELF\x02\x01\x01"[..], &[0; 9000]].concat();
            let files = [("a.pdf", &program[..], End::Rejected), ("b.txt", b"a neighbour", End::Text)];
            world.send(&server, Sent::new(1, &files));
        }
        Phase::Process => world.send(&server, Sent::texts(1, 40)),
        Phase::Close => (1..4).for_each(|number| world.send(&server, Sent::texts(number, 1))),
        Phase::Retry => {
            let files = [("bad.txt", &hook[..], End::Failed), ("good.txt", b"a neighbour", End::Text)];
            world.send(&server, Sent::new(1, &files));
            world.wait(&mut server);
            world.retry(&server, 1);
        }
        // The batch with which shared bytes came, one that has them on loan, and not the last that needs them.
        Phase::Delete => [1, 2, 5].into_iter().for_each(|number| world.remove(&server, number)),
        Phase::Replay => {
            if !server.is_up_or_ended() {
                return None;
            }
        }
    }
    world.wait(&mut server);
    (!server.has_ended()).then_some(server)
}

/// Runs a phase once for each point that it passes, with this fault there, and then `after`.
fn fail_everywhere(phase: Phase, faults: &[&str], after: impl Fn(&mut World, Option<Server>)) {
    let seed = seed();
    let points: Vec<_> = passed_in(phase).into_iter().filter(|(point, _)| phase.owns(point)).collect();
    for (index, (point, times)) in points.iter().enumerate() {
        let chance = rand::rngs::StdRng::seed_from_u64(seed.wrapping_add(index as u64)).random::<u32>() as usize;
        let (time, fault) = (1 + chance % times, faults[chance % faults.len()]);
        eprintln!("{phase:?}, {point}#{time} of {times}: {fault}; again with {SEED}={seed}");
        let mut world = World::new();
        let server = prepare(phase, &mut world);
        world.faults.arm(&format!("{point}#{time}={fault}"));
        let server = act(phase, &mut world, server);
        after(&mut world, server);
        world.check();
    }
    eprintln!("{phase:?}: failed at {} points", points.len());
}

fn crash_everywhere(phase: Phase) {
    fail_everywhere(phase, &["crash"], |_, server| drop(server));
}

/// The disk refuses one step: the server stays up, keeps what it acknowledged, and goes on by itself.
fn refuse_everywhere(phase: Phase) {
    fail_everywhere(phase, &["enospc", "eio", "emfile"], |world, server| {
        let mut server = server.expect("a server that was up stays up");
        wait_until("an upload after the fault", || {
            world.send(&server, Sent::texts(100 + world.sent.len(), 1));
            assert!(!server.has_ended(), "the server stays up");
            world.acknowledged.keys().any(|number| *number >= 100)
        });
        world.wait(&mut server);
    });
}

/// Passes a phase without a fault; what it passed.
fn passed_in(phase: Phase) -> BTreeMap<String, usize> {
    let mut world = World::new();
    let server = prepare(phase, &mut world);
    world.faults.note_anew();
    drop(act(phase, &mut world, server));
    let passed = world.faults.hits();
    world.check();
    passed
}

#[test]
fn every_fault_point_is_passed_in_a_phase_that_owns_it() {
    use Phase::{Close, Delete, Process, Replay, Retry, Upload, Verify};
    let phases = [Upload, Verify, Process, Close, Retry, Delete, Replay];
    let owned = |phase: Phase| passed_in(phase).into_keys().filter(move |point| phase.owns(point));
    let passed: BTreeSet<String> = phases.into_iter().flat_map(owned).collect();
    let missed: Vec<String> = DurableStep::points().filter(|point| !passed.contains(point)).collect();
    assert!(missed.is_empty(), "no phase passes these, so nothing crashes there: {missed:?}");
}

/// The variable that chooses at which of its passings a point fails.
const SEED: &str = "CONSIGN_MATRIX_SEED";

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().expect("the seed is a number"),
        Err(_) => rand::random(),
    }
}

#[test]
fn an_upload_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Upload);
}

#[test]
fn verifying_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Verify);
}

#[test]
fn processing_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Process);
}

#[test]
fn closing_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Close);
}

#[test]
fn retrying_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Retry);
}

#[test]
fn removing_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Delete);
}

#[test]
fn starting_survives_a_crash_at_every_point() {
    crash_everywhere(Phase::Replay);
}

#[test]
fn uploading_goes_on_after_a_disk_error_at_every_point() {
    refuse_everywhere(Phase::Upload);
}

#[test]
fn verifying_goes_on_after_a_disk_error_at_every_point() {
    refuse_everywhere(Phase::Verify);
}

#[test]
fn processing_goes_on_after_a_disk_error_at_every_point() {
    refuse_everywhere(Phase::Process);
}

#[test]
fn closing_goes_on_after_a_disk_error_at_every_point() {
    refuse_everywhere(Phase::Close);
}

#[test]
fn retrying_goes_on_after_a_disk_error_at_every_point() {
    refuse_everywhere(Phase::Retry);
}

#[test]
fn removing_goes_on_after_a_disk_error_at_every_point() {
    refuse_everywhere(Phase::Delete);
}

/// What comes after a slow step comes in another order than else.
#[test]
fn a_slow_step_of_any_kind_changes_nothing() {
    for phase in [Phase::Close, Phase::Delete] {
        fail_everywhere(phase, &["delay"], |_, server| drop(server));
    }
}

#[test]
fn a_start_that_meets_a_disk_error_at_any_point_loses_nothing() {
    fail_everywhere(Phase::Replay, &["enospc", "eio", "emfile"], |_, server| drop(server));
}
