//! The real server on a port of its own and a data directory that can outlive it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{DEADLINE, process, wait_for};

/// Lines of the server's log that a failed test shows.
const LOG_LINES_SHOWN: usize = 200;

/// A setting's name without `CONSIGN_`, and its value.
pub type Setting<'a> = (&'a str, &'a str);

/// Segments as small as they may be, so that those made ahead of need hide nothing of what is left on the disk.
pub const SMALL_SEGMENTS: [Setting<'_>; 2] = [("SPOOL_SEGMENT_BYTES", "8 MiB"), ("SPOOL_STOCK_SEGMENTS", "1")];

/// What disk use may differ by with small segments once all that is dead is swept.
pub const DISK_SLACK_BYTES: u64 = 64 << 20;

/// A data directory, gone when the last who holds it is.
#[derive(Clone)]
pub struct DataDir {
    dir: Arc<TempDir>,
    /// The data directory, where it lies on another disk than the test's own files.
    elsewhere: Option<PathBuf>,
    /// Where its servers listen.
    listen: String,
    /// What a shell does before it becomes the server.
    prelude: Option<String>,
    runs: Arc<AtomicU32>,
}

impl DataDir {
    /// An empty one, on the disk where the build lies: a temporary directory in memory would sync for nothing.
    pub fn new() -> Self {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
        Self { dir: Arc::new(dir), elsewhere: None, listen: "127.0.0.1:0".into(), prelude: None, runs: Arc::default() }
    }

    /// One on another disk, whose mount point is `disk`.
    pub fn on(disk: &Path) -> Self {
        Self { elsewhere: Some(disk.join("data")), ..Self::new() }
    }

    /// One whose servers listen on every address. Tests call them on loopback all the same.
    pub fn on_every_address() -> Self {
        Self { listen: "0.0.0.0:0".into(), ..Self::new() }
    }

    /// The same one with servers that listen here.
    pub fn listening_on(&self, address: SocketAddr) -> Self {
        Self { listen: address.to_string(), ..self.clone() }
    }

    /// One whose servers are started by a shell that has first done something to itself, such as
    /// `ulimit -n 256; exec`: what follows is the server's command.
    pub fn after(prelude: &str) -> Self {
        Self { prelude: Some(format!("{prelude} \"$0\" \"$@\"")), ..Self::new() }
    }

    /// What the server is given as its data directory.
    pub fn path(&self) -> PathBuf {
        self.elsewhere.clone().unwrap_or_else(|| self.dir.path().join("data"))
    }

    /// The directory for a test's own files.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Starts a server on it that is up when this returns.
    pub fn serve(&self, settings: &[Setting<'_>]) -> Server {
        self.spawn(settings).up()
    }

    /// Starts a server on it that takes its requests on this socket, and is up when this returns.
    pub fn serve_on(&self, listener: OwnedFd, settings: &[Setting<'_>]) -> Server {
        self.spawn_on(listener, settings).up()
    }

    /// Starts a server on it that takes its requests on this socket, and may not come up.
    pub fn spawn_on(&self, listener: OwnedFd, settings: &[Setting<'_>]) -> Server {
        let mut command = self.bare_command(settings);
        command.args(["serve", "--listener-on-stdin", "--data-dir"]).arg(self.path());
        command.stdin(listener).stdout(Stdio::piped());
        self.spawned(command)
    }

    /// Starts a server on it that may not come up.
    pub fn spawn(&self, settings: &[Setting<'_>]) -> Server {
        self.spawned(self.command(settings))
    }

    fn spawned(&self, mut command: Command) -> Server {
        let log = self.dir.path().join(format!("server-{}.log", self.runs.fetch_add(1, Ordering::Relaxed)));
        let stderr = File::create(&log).expect("the log can be made");
        let child = command.stderr(stderr).spawn().expect("the server's binary can be run");
        Server { child, addr: ([0, 0, 0, 0], 0).into(), data: self.clone(), log }
    }

    fn command(&self, settings: &[Setting<'_>]) -> Command {
        let mut command = self.bare_command(settings);
        command.args(["serve", "--listen", &self.listen, "--data-dir"]).arg(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Runs `consign doctor` on it with these flags, and waits for its end.
    pub fn doctor(&self, flags: &[&str]) -> Output {
        let mut command = self.bare_command(&[]);
        command.arg("doctor").args(flags).arg("--data-dir").arg(self.path());
        command.output().expect("the doctor's binary can be run")
    }

    /// Runs `consign` with these words where its servers run, and waits for its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.bare_command(&[]).args(words).output().expect("the binary can be run")
    }

    /// Makes a key, and lets it in by the settings file of its servers, with these settings of its own.
    pub fn new_key(&self, name: &str, settings: &str) -> Key {
        let made = self.run(&["key", "new", name]);
        assert!(made.status.success(), "{made:?}");
        let printed = String::from_utf8(made.stdout).expect("a key is text");
        let (key, lines) = printed.split_once('\n').expect("the key has a line of its own");
        let file = self.scratch().join("consign.toml");
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        write_file(&file, format!("{before}{lines}{settings}\n").as_bytes());
        Key { secret: key.to_owned(), bearer: format!("Bearer {key}") }
    }

    /// The binary with these settings and no others.
    pub(super) fn bare_command(&self, settings: &[Setting<'_>]) -> Command {
        // A test that measures is asked of a release.
        let named = std::env::var("CONSIGN_TEST_PROGRAM");
        let program = named.as_deref().unwrap_or(env!("CARGO_BIN_EXE_consign"));
        let mut command = Command::new(if self.prelude.is_some() { "sh" } else { program });
        if let Some(prelude) = &self.prelude {
            command.args(["-c", prelude, program]);
        }
        // Settings of whoever runs the tests, and the tests' own, are no settings of this server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CONSIGN_")) {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "info").env("CONSIGN_WORKER_PROCESSES", "2");
        for (name, value) in settings {
            command.env(format!("CONSIGN_{name}"), value);
        }
        command.current_dir(self.dir.path());
        command
    }

    /// Leaves the directory where it is when the test ends, for whoever looks into a failure.
    pub fn keep(&mut self) -> PathBuf {
        // Another holder is a server that still runs and goes with the test; then nobody is left to look for.
        if let Some(dir) = Arc::get_mut(&mut self.dir) {
            dir.disable_cleanup(true);
        }
        self.path()
    }

    /// Bytes on the disk: blocks, not lengths, so that holes count for nothing.
    pub fn bytes_on_disk(&self) -> u64 {
        process::bytes_on_disk(&self.path())
    }
}

/// An API key, as its holder has it.
#[derive(Debug, Clone)]
pub struct Key {
    pub secret: String,
    bearer: String,
}

impl Key {
    /// The header that shows it.
    pub fn header(&self) -> (&str, &str) {
        ("authorization", &self.bearer)
    }
}

/// A running server; dropped, it is killed with the children it has.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
    pub data: DataDir,
    log: PathBuf,
}

impl Server {
    /// A server on a data directory of its own.
    pub fn start(settings: &[Setting<'_>]) -> Self {
        DataDir::new().serve(settings)
    }

    /// Waits until a server that was only spawned is up.
    fn up(mut self) -> Self {
        let stdout = self.child.stdout.take().expect("the server's standard output is a pipe");
        self.addr = listening_on(stdout);
        if self.addr.ip().is_unspecified() {
            self.addr.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has written to its log so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("the log can be read")).into_owned()
    }

    /// Sends a signal to the server's process alone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the server has not been waited for, so its id is its own");
    }

    /// `kill -9`: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> DataDir {
        if !self.has_ended() {
            self.signal(Signal::KILL);
        }
        self.child.wait().expect("the server can be waited for");
        self.data.clone()
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the server can be waited for").is_some()
    }

    /// Waits until a server that was only spawned is up, which is true then, or has ended.
    pub fn is_up_or_ended(&mut self) -> bool {
        let stdout = self.child.stdout.take().expect("the server's standard output is a pipe");
        let address = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| announced(&line).and_then(|address| address.trim().parse().ok()));
        self.addr = address.unwrap_or(self.addr);
        address.is_some()
    }

    /// Waits until the server has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the server's end", || child.try_wait().expect("the server can be waited for"))
    }

    /// SIGTERM, and the end that follows.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let children = process::children(self.child.id());
            // Either may have ended since it was looked at; there is nothing left to do then.
            let _ = self.child.kill();
            let _ = self.child.wait();
            for child in children {
                process::kill_if_orphan(child);
            }
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
            eprintln!("---- the server's log ({}), its end ----\n{shown}\n---- end of log ----", self.log.display());
        }
    }
}

/// Reads the address that the server says it listens on, and goes on emptying the pipe in the background.
fn listening_on(stdout: ChildStdout) -> SocketAddr {
    let (found, address) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = announced(&line) {
                // The test may have given up by now.
                let _ = found.send(address.to_owned());
            }
        }
    });
    let address = address.recv_timeout(DEADLINE).expect("the server says where it listens and goes on");
    address.trim().parse().unwrap_or_else(|_| panic!("{address:?} is no address"))
}

/// The address in the line that says it, with TLS or without.
fn announced(line: &str) -> Option<&str> {
    ["listening on http://", "listening on https://"].iter().find_map(|prefix| line.strip_prefix(prefix))
}

/// Writes a file for a test.
pub fn write_file(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).expect("a test's file can be made");
    file.write_all(bytes).expect("a test's file can be written");
}
