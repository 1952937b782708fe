//! The real clamd, with a configuration and signatures of the test's own, which can be hung, killed and started again.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::server::write_file;
use super::{skip, wait_for};

/// Debian has it where only root looks.
const PROGRAMS: [&str; 2] = ["clamd", "/usr/sbin/clamd"];

/// The test file that every scanner knows (EICAR, 2003), in halves, so that none knows this one.
const EICAR: [&str; 2] = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

/// What the test's signature calls it; clamd says that it is none of its makers'.
pub const SIGNATURE: &str = "Consign.Test.Eicar.UNOFFICIAL";

/// The EICAR test file.
pub fn eicar() -> String {
    EICAR.concat()
}

/// A clamd that does not run until it is told to.
pub struct Clamd {
    program: &'static str,
    /// Not below the build, which may lie too deep for a socket's path.
    dir: TempDir,
    port: Option<u16>,
    child: Option<Child>,
}

impl Clamd {
    /// One on a Unix socket, with these lines in its configuration; none where there is no clamd, which is said then.
    pub fn or_skip(test: &str, settings: &str) -> Option<Self> {
        Self::made(test, None, settings)
    }

    /// One on a TCP port that is free.
    pub fn on_tcp_or_skip(test: &str, settings: &str) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        Self::made(test, Some(free.expect("a port is free").port()), settings)
    }

    fn made(test: &str, port: Option<u16>, settings: &str) -> Option<Self> {
        let runs =
            |program: &&str| Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success());
        let Some(program) = PROGRAMS.into_iter().find(runs) else {
            skip(test, "clamd is not installed");
            return None;
        };
        let dir = TempDir::new().expect("a temporary directory can be made");
        let path = |name: &str| dir.path().join(name);
        for name in ["signatures", "streams"] {
            fs::create_dir(path(name)).expect("a directory can be made");
        }
        let signature = SIGNATURE.trim_end_matches(".UNOFFICIAL");
        let line = format!("{signature}:0:*:{}\n", hex::encode(eicar()));
        write_file(&path("signatures/test.ndb"), line.as_bytes());
        let socket = port.map_or_else(
            || format!("LocalSocket {}", path("clamd.ctl").display()),
            |port| format!("TCPAddr 127.0.0.1\nTCPSocket {port}"),
        );
        let lines = [
            "Foreground yes".to_owned(),
            format!("DatabaseDirectory {}", path("signatures").display()),
            format!("TemporaryDirectory {}", path("streams").display()),
            socket,
            settings.to_owned(),
        ];
        write_file(&path("clamd.conf"), (lines.join("\n") + "\n").as_bytes());
        Some(Self { program, dir, port, child: None })
    }

    /// What `scan.clamd` says.
    pub fn address(&self) -> String {
        match self.port {
            Some(port) => format!("tcp://127.0.0.1:{port}"),
            None => format!("unix:{}", self.socket().display()),
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("clamd.ctl")
    }

    /// Starts it; it answers when this returns.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = Command::new(self.program);
        command.arg("--config-file").arg(self.dir.path().join("clamd.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.spawn().expect("clamd can be run");
        wait_for("clamd's first answer", || {
            assert!(matches!(child.try_wait(), Ok(None)), "clamd ended: {child:?}");
            self.pong().filter(|answer| answer == b"PONG\0")
        });
        self.child = Some(child);
    }

    fn pong(&self) -> Option<Vec<u8>> {
        fn ask(mut connection: impl Read + Write) -> Option<Vec<u8>> {
            let mut answer = Vec::new();
            connection.write_all(b"zPING\0").ok()?;
            connection.read_to_end(&mut answer).ok()?;
            Some(answer)
        }
        match self.port {
            Some(port) => ask(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?),
            None => ask(UnixStream::connect(self.socket()).ok()?),
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("clamd can be killed");
            child.wait().expect("clamd can be waited for");
        }
    }

    /// From now on it takes connections and answers nothing.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on where it hung.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("clamd runs");
        kill_process(Pid::from_child(child), signal).expect("clamd has not been waited for");
    }

    /// How many bytes it has taken up of files that it has not judged yet.
    pub fn bytes_taken_up(&self) -> u64 {
        bytes_below(&self.dir.path().join("streams"))
    }
}

/// The length of all files below. What vanishes while it is looked at has none.
fn bytes_below(dir: &Path) -> u64 {
    let lengths = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    lengths.sum()
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.kill();
    }
}
