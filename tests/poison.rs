//! What must not stop the others: a file that is deadly each time, also to the server; a pool without children; a panic
//! inside the pipeline. Nothing is lost, and the cause is told.
//!
//! What a child's end costs its file, by cause, is in `workers.rs`.

#![cfg(all(feature = "fault", feature = "test-hooks"))]

mod support;

use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use consign::actors::panics::Duty;
use rustix::process::{Pid, Signal, getuid, kill_process};
use support::fault::Faults;
use support::server::Setting;
use support::{Batch, DataDir, FileStatus, Form, Server, process, wait_until};

const ATTEMPTS_MAX: u64 = 3;

/// Three attempts, without long waits.
const QUICK: [Setting<'_>; 3] =
    [("ATTEMPTS_MAX", "3"), ("ATTEMPTS_RETRY_MS_BASE", "10"), ("VERIFY_BACKOFF_MS_BASE", "10")];

/// A user that has no processes but ours, so that a limit on their number meets nobody else. Root has no such limit.
const LONELY_USER: u32 = 64_321;

fn with_neighbours(word: &str) -> Form {
    let form = Form::new().file("before.txt", "a neighbour").file("hook.txt", format!("consign-test-hook: {word}\n"));
    form.file("after.txt", "another neighbour")
}

/// Texts that no form before has, so that each of them is read.
fn texts(count: usize) -> Form {
    static FORMS: AtomicUsize = AtomicUsize::new(0);
    let form = FORMS.fetch_add(1, Ordering::Relaxed);
    Form::new().files((0..count).map(|index| (format!("{index}.txt"), format!("words of {index} in form {form}"))))
}

fn assert_neighbours_succeeded(batch: &Batch) {
    for name in ["before.txt", "after.txt"] {
        assert_eq!(batch.file(name).state, "succeeded", "{batch:?}");
    }
}

#[test]
fn a_file_during_whose_every_attempt_the_server_is_killed_fails_when_they_are_used_up() {
    let patient = [&QUICK[..], &[("WORKER_SILENCE_MS_MAX", "3600000"), ("WORKER_WALL_MS_MAX", "3600000")]].concat();
    let data = DataDir::new();
    let id = data.serve(&patient).upload(with_neighbours("hang")).id;
    // It may have been its neighbours' fault as long as it was not alone: the first kill does not count. That may be the one
    // right behind the upload, if the file had been claimed by then.
    for _ in 0..=ATTEMPTS_MAX {
        let server = data.serve(&patient);
        wait_until("the file in a child's hands, or at its end", || {
            let batch = server.batch(&id);
            let file = batch.file("hook.txt");
            file.state == "processing" || file.is_terminal()
        });
        server.kill();
    }

    let server = data.serve(&patient);
    let batch = server.completed(&id);

    let file = batch.file("hook.txt");
    file.assert_ended("failed", "crashed");
    assert_eq!(file.attempts, ATTEMPTS_MAX, "{file:?}");
    assert!(file.error().message.contains("the server stopped during each attempt"), "{file:?}");
    assert_neighbours_succeeded(&batch);
    server.process(texts(3)).assert_succeeded();
}

#[test]
fn a_file_that_kills_its_child_has_its_attempts_counted_over_kills_of_the_server() {
    let patient = [("ATTEMPTS_MAX", "3"), ("ATTEMPTS_RETRY_MS_BASE", "3600000")];
    let data = DataDir::new();
    let mut server = data.serve(&patient);
    let id = server.upload(with_neighbours("segv")).id;
    for attempts in 1..ATTEMPTS_MAX {
        wait_until("an attempt to be over and written down", || {
            let batch = server.batch(&id);
            let file = batch.file("hook.txt");
            assert!(file.attempts <= attempts, "{file:?}");
            (file.state.as_str(), file.attempts) == ("retrying", attempts)
        });
        server = server.kill().serve(&patient);
    }

    let batch = server.completed(&id);

    let file = batch.file("hook.txt");
    file.assert_ended("failed", "crashed");
    assert!(file.error().message.contains("SIGSEGV"), "{file:?}");
    assert_eq!(file.attempts, ATTEMPTS_MAX, "{file:?}");
    assert_neighbours_succeeded(&batch);
}

#[test]
fn files_that_hang_give_the_only_child_free_at_the_limit() {
    let limits = [("WORKER_SILENCE_MS_MAX", "8000"), ("WORKER_WALL_MS_MAX", "6000")];
    let server = Server::start(&[&limits[..], &[("WORKER_PROCESSES", "1"), ("ATTEMPTS_MAX", "1")]].concat());
    let hung = server
        .upload(Form::new().file("a.txt", "consign-test-hook: hang\n").file("b.txt", "consign-test-hook: busy\n"));

    server.process(texts(3)).assert_succeeded();

    let hung = server.completed(&hung.id);
    for file in &hung.files {
        assert_eq!(file.state, "failed", "{file:?}");
        assert!(["timeout", "stalled"].contains(&file.code().unwrap_or_default()), "{file:?}");
    }
    wait_until("the pipeline to be empty", || {
        let metrics = server.metrics();
        metrics.sum("consign_files_in_motion", &[]) + metrics.sum("consign_queue_depth", &[]) == 0.0
    });
}

#[test]
fn a_child_that_dies_in_its_sleep_costs_no_file_an_attempt() {
    let server = Server::start(&[]);
    server.process(texts(4)).assert_succeeded();
    let children = process::children(server.pid());
    assert!(!children.is_empty());
    for child in &children {
        let pid = i32::try_from(*child).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, Signal::KILL).expect("an idle child lives");
    }
    wait_until("the children's end", || !children.iter().any(|child| process::is_alive(*child)));

    let batch = server.process(texts(4));

    batch.assert_succeeded();
    assert!(batch.files.iter().all(|file| file.attempts == 1), "{batch:?}");
}

/// The program that is run as a child, which a test takes away and puts back.
struct Program {
    link: PathBuf,
}

impl Program {
    fn of(data: &DataDir) -> Self {
        let program = Self { link: data.scratch().join("worker") };
        program.set(Some(Path::new(env!("CARGO_BIN_EXE_consign"))));
        program
    }

    fn setting(&self) -> Setting<'_> {
        ("WORKER_PROGRAM", self.link.to_str().expect("the path of a test is UTF-8"))
    }

    fn set(&self, target: Option<&Path>) {
        // There is none at first, or after it was taken away.
        let _ = std::fs::remove_file(&self.link);
        if let Some(target) = target {
            symlink(target, &self.link).expect("a link can be made");
        }
    }
}

/// What `/readyz` says is wrong with the workers, if anything is.
fn trouble(server: &Server) -> Option<String> {
    let answer = server.get("/readyz");
    let check = &answer.json()["checks"]["workers"];
    assert_eq!((answer.status == 200, check["ok"].as_bool()), (check["ok"] == true, Some(answer.status == 200)));
    let trouble = check["trouble"].as_str()?.to_owned();
    assert!(!trouble.contains(env!("CARGO_MANIFEST_DIR")), "{trouble:?} names no path");
    Some(trouble)
}

/// Uploads to a server that can start no child, and asserts that it says why, takes files, and has them read once it can
/// again; children read one file each here.
fn assert_outage(server: &Server, said: &str, end_outage: impl FnOnce()) {
    let before = server.upload(texts(12));
    wait_until("the pool to be without children", || trouble(server).is_some_and(|trouble| trouble.contains(said)));
    let during = server.upload(texts(3));
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.batch(&during.id).state, "processing");

    end_outage();

    for id in [&before.id, &during.id] {
        let batch = server.completed(id);
        batch.assert_succeeded();
        assert!(batch.files.iter().all(|file| file.attempts == 1), "an outage costs no attempt: {batch:?}");
    }
    wait_until("the pool to be whole", || trouble(server).is_none());
}

const ONE_FILE_EACH: Setting<'_> = ("WORKER_FILES_MAX", "1");

#[test]
fn without_a_worker_program_the_server_says_so_and_goes_on_when_it_is_back() {
    let data = DataDir::new();
    let program = Program::of(&data);
    let server = data.serve(&[program.setting(), ONE_FILE_EACH]);
    for (target, said) in [(None, "No such file"), (Some(Path::new("/bin/false")), "exit code 1")] {
        program.set(target);
        assert_outage(&server, said, || program.set(Some(Path::new(env!("CARGO_BIN_EXE_consign")))));
    }
}

#[test]
fn a_server_whose_every_child_dies_at_its_start_keeps_what_it_took_over_a_restart() {
    let data = DataDir::new();
    let program = Program::of(&data);
    program.set(Some(Path::new("/bin/false")));
    let server = data.serve(&[program.setting()]);
    wait_until("the pool to be without children", || trouble(&server).is_some());
    let id = server.upload(texts(3)).id;

    let server = server.kill().serve(&[]);

    server.completed(&id).assert_succeeded();
}

#[test]
fn out_of_processes_the_server_says_so_and_goes_on_when_there_are_some() {
    let is_root = getuid().is_root();
    let user = format!("exec setpriv --reuid {LONELY_USER} --regid {LONELY_USER} --clear-groups");
    let data = if is_root { DataDir::after(&user) } else { DataDir::new() };
    if is_root {
        chown(data.scratch(), Some(LONELY_USER), Some(LONELY_USER)).expect("root may give files away");
    }
    let server = data.serve(&[ONE_FILE_EACH]);
    let limit = |processes: u32| {
        // Only who runs a process, or root with a capability that it may lack, sets its limits.
        let mut command = if is_root { Command::new("setpriv") } else { Command::new("prlimit") };
        if is_root {
            let user = LONELY_USER.to_string();
            command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "prlimit"]);
        }
        let set = command.args(["--pid", &server.pid().to_string(), &format!("--nproc={processes}:")]).status();
        assert!(set.is_ok_and(|status| status.success()));
    };
    server.process(texts(2)).assert_succeeded();

    limit(0);

    assert_outage(&server, "Resource temporarily unavailable", || limit(1_000));
}

fn panics(server: &Server) -> f64 {
    server.metrics().sum("consign_actor_panics_total", &[])
}

#[test]
fn a_panic_of_any_actor_is_counted_and_costs_no_file_its_end() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    let server = data.serve(&[&QUICK[..], &[faults.setting()]].concat());
    for duty in Duty::WORK {
        let before = panics(&server);
        faults.arm(&format!("{duty}=panic"));
        if duty == Duty::ReceiveFile {
            server.post(texts(3)).assert_problem(500, "internal");
            assert!(server.list("").batches.is_empty(), "what was not acknowledged is not there");
        }
        let batch = server.process(texts(12));

        batch.assert_succeeded();
        assert!(!faults.is_armed(), "{duty} panicked");
        let counted = panics(&server) - before;
        assert!((0.5..1.5).contains(&counted), "{duty} was counted {counted} times");
        assert!(batch.files.iter().all(|file| file.attempts == 1), "{duty}: {batch:?}");
        if [Duty::Ask, Duty::Attempt].contains(&duty) {
            faults.arm(&format!("{duty}=panic"));
            assert_eq!(server.process(texts(1)).files[0].attempts, 2, "{duty}: it was the file's own attempt");
        }
        server.process(texts(3)).assert_succeeded();
    }
}

#[test]
fn an_actor_that_always_panics_stops_with_its_cause_and_the_next_start_ends_what_it_left() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    let settings = [&QUICK[..], &[faults.setting()]].concat();
    let mut server = data.serve(&settings);
    for duty in Duty::WORK {
        let before = panics(&server);
        faults.arm(&format!("always {duty}=panic"));
        let id = match server.post(texts(3)) {
            answer if duty == Duty::ReceiveFile => {
                answer.assert_problem(500, "internal");
                None
            }
            answer => Some(answer.accepted().id),
        };
        wait_until("panics", || panics(&server) > before);
        assert_eq!(server.get("/healthz").status, 200);
        faults.disarm();

        server.process(texts(3)).assert_succeeded();

        server = server.kill().serve(&settings);
        if let Some(id) = id {
            let batch = server.completed(&id);
            assert!(batch.files.iter().all(FileStatus::is_terminal), "{duty}: {batch:?}");
        }
    }
}

#[test]
fn a_panic_in_the_drain_does_not_keep_the_server_from_ending_well() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    let settings = [&QUICK[..], &[faults.setting()]].concat();
    for duty in Duty::DRAIN {
        let mut server = data.serve(&settings);
        let id = server.upload(texts(40)).id;
        faults.arm(&format!("{duty}=panic"));

        assert_eq!(server.terminate().code(), Some(0), "{duty}");

        assert!(!faults.is_armed(), "{duty} panicked");
        let batch = data.serve(&settings).completed(&id);
        batch.assert_succeeded();
        assert!(batch.files.iter().all(|file| file.attempts == 1), "{duty}: {batch:?}");
    }
}
