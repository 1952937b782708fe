//! Attempts to leave the room. Each is one that an ordinary process can make with success.

use std::fs;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use nix::errno::Errno;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit, setrlimit};

const PROGRAM: &str = "/bin/true";

/// Lower than any process has it, so that nobody may be refused for asking too much.
const NOTHING: Rlimit = Rlimit { current: Some(0), maximum: Some(0) };
const STACK: Rlimit = Rlimit { current: Some(4 << 20), maximum: Some(4 << 20) };

/// Makes the attempt `NAME=ARGUMENT`; a text that says how it ended: `done`, or the name of the error.
pub fn attempt(word: &[u8]) -> Option<Vec<u8>> {
    let word = String::from_utf8_lossy(word);
    let (name, argument) = word.split_once('=').unwrap_or((&word, ""));
    let outcome = match name {
        "read" => fs::read("/etc/passwd").map(drop),
        "list" => fs::read_dir("/").map(drop),
        "stat" => fs::metadata("/etc/passwd").map(drop),
        "create" => create(argument),
        "stdin" => io::stdin().read(&mut [0; 1]).map(drop),
        "connect" => TcpStream::connect(argument).map(drop),
        "listen" => TcpListener::bind("127.0.0.1:0").map(drop),
        "datagram" => UdpSocket::bind("127.0.0.1:0").map(drop),
        "socket" => UnixDatagram::unbound().map(drop),
        "run" => Command::new(PROGRAM).status().map(drop),
        "exec" => Err(Command::new(PROGRAM).exec()),
        "thread" => thread::Builder::new().spawn(|| ()).map(|thread| drop(thread.join())),
        "ptrace" => nix::sys::ptrace::traceme().map_err(io::Error::from),
        "signal" => with_process(argument, |process| kill_process(process, Signal::WINCH)),
        "limits" => with_process(argument, |process| prlimit(Some(process), Resource::Core, NOTHING).map(drop)),
        "limit" => setrlimit(Resource::Stack, STACK).map_err(io::Error::from),
        "code" => memmap2::MmapMut::map_anon(4096).and_then(memmap2::MmapMut::make_exec).map(drop),
        _ => return None,
    };
    Some(match outcome {
        Ok(()) => b"done".to_vec(),
        Err(error) => format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0))).into_bytes(),
    })
}

fn create(path: &str) -> io::Result<()> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::RUSR)?;
    rustix::io::write(file, b"mark")?;
    Ok(())
}

fn with_process(number: &str, act: impl FnOnce(Pid) -> rustix::io::Result<()>) -> io::Result<()> {
    let process = number.parse().ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(act(process)?)
}
