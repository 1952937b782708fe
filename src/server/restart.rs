//! Going on after the disk refused something that cannot be taken back: the program starts itself anew, in place.
//!
//! What a failed flush has left in sled is unknown, so the way on is the one that every start takes: open, and enter what
//! seals and results prove. The process keeps its id and its listening socket, so that a client that connects meanwhile
//! waits for a moment instead of being refused. systemd hands its socket down in the same way (`StandardInput=socket`).

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::custody::Custody;
use crate::worker::OWN_PROGRAM;

/// The flag by which a program that was started in place learns that its standard input is the listening socket.
pub const LISTENER_FLAG: &str = "--listener-on-stdin";

/// Connections that wait to be taken up: as many as actix-web keeps for a socket of its own.
const BACKLOG: i32 = 1024;

/// Between two looks at whether everything works.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A server that fails sooner than this after its start is not started anew before it has passed.
const UPTIME_MIN: Duration = Duration::from_secs(1);

/// The socket on which requests arrive: the one that was handed down, or a new one.
///
/// # Errors
/// When standard input is no socket of this address, or the address cannot be bound.
pub fn listener(address: SocketAddr, is_handed_down: bool) -> io::Result<TcpListener> {
    if !is_handed_down {
        let listener = TcpListener::bind(address)?;
        rustix::net::listen(&listener, BACKLOG)?;
        return Ok(listener);
    }
    let socket: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    let listener = TcpListener::from(socket);
    let handed_down = listener.local_addr()?;
    // Whom the settings let in depends on the address that they name.
    if !is_of(handed_down, address) {
        return Err(io::Error::other(format!("the socket that was handed down is that of {handed_down}")));
    }
    Ok(listener)
}

/// Whether a socket that is bound to `bound` is what `wanted` asks for, which may leave the port open.
fn is_of(bound: SocketAddr, wanted: SocketAddr) -> bool {
    bound.ip() == wanted.ip() && (bound.port() == wanted.port() || wanted.port() == 0)
}

/// Resolves when the storage has failed and the disk takes writes again.
pub async fn until_mendable(custody: &Arc<Custody>, started: Instant) {
    while custody.is_working() {
        sleep(LOOK_EVERY).await;
    }
    log::error!("nothing can be stored; the server starts anew when its disk takes writes");
    sleep(UPTIME_MIN.saturating_sub(started.elapsed())).await;
    while let Err(error) = try_disk(Arc::clone(custody)).await {
        log::debug!("the disk takes no writes yet: {error}");
        sleep(LOOK_EVERY).await;
    }
}

/// Beside the actors: a sick disk may keep a sync for minutes.
async fn try_disk(custody: Arc<Custody>) -> io::Result<()> {
    actix_rt::task::spawn_blocking(move || custody.try_disk()).await?
}

/// Becomes a fresh server on the same socket. Returns only when that fails.
///
/// # Errors
/// When the program cannot be run.
pub fn replace_process(listener: TcpListener) -> io::Result<Infallible> {
    log::info!("starting anew in place");
    let mut command = Command::new(OWN_PROGRAM);
    command.args(std::env::args_os().skip(1).filter(|argument| argument != LISTENER_FLAG)).arg(LISTENER_FLAG);
    Err(command.stdin(OwnedFd::from(listener)).exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_taken_for_the_address_that_it_has_and_for_no_other() {
        let is_of = |bound: &str, wanted: &str| is_of(bound.parse().unwrap(), wanted.parse().unwrap());
        assert!(is_of("127.0.0.1:8080", "127.0.0.1:8080") && is_of("[::1]:41234", "[::1]:0"));
        assert!(!is_of("0.0.0.0:8080", "127.0.0.1:8080") && !is_of("127.0.0.1:80", "127.0.0.1:8080"));
    }
}
