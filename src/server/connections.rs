//! What connections may cost: descriptors, of which the rest of the server needs its own, and time in which nothing moves.

use std::any::Any;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::rt::net::TcpStream;
use rustix::io;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of everything that is no connection: two stores with 256 open segments each, the job log, sockets and logs.
const OWN_DESCRIPTORS: u64 = 640;

/// Pipes of a child, of the program that recognises text for it, and of one that is being started in its place.
const CHILD_DESCRIPTORS: u64 = 16;

/// A connection may hold a segment beside its socket: the upload's own, or the one whose content it is sent.
const CONNECTION_DESCRIPTORS: u64 = 2;

/// With fewer connections there is no server to speak of, whatever else goes short.
const CONNECTIONS_MIN: u64 = 16;

/// After so long without a sign from the peer a connection is dead: one that takes nothing of an answer, too.
const SILENT_MAX: Duration = Duration::from_mins(1);

/// How many connections may be open at a time: as many as wanted, and as this process may have descriptors for, the limit
/// of which is raised as far as it goes.
pub fn bound(wanted: usize, children: usize) -> usize {
    let own = OWN_DESCRIPTORS + CHILD_DESCRIPTORS * children as u64;
    let needed = own + CONNECTION_DESCRIPTORS * wanted as u64;
    let descriptors = raise_limit(needed);
    let possible = (descriptors.saturating_sub(own) / CONNECTION_DESCRIPTORS).max(CONNECTIONS_MIN);
    let possible = usize::try_from(possible).unwrap_or(usize::MAX);
    if possible < wanted {
        log::warn!(
            "at most {possible} connections at a time instead of {wanted}, as this process may open {descriptors} \
             descriptors; {needed} would do (ulimit -n, LimitNOFILE=)"
        );
    }
    wanted.min(possible)
}

/// Raises the soft limit of open descriptors to what is needed, or as near as the hard one lets it; says what it is then.
fn raise_limit(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let within = |limit: Option<u64>| limit.map_or(needed, |limit| limit.min(needed));
    if within(current) < within(maximum) {
        let raised = Rlimit { current: Some(within(maximum)), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            log::warn!("the limit of open descriptors cannot be raised: {error}");
        }
    }
    within(getrlimit(Resource::Nofile).current)
}

/// Has the kernel end a connection whose peer is gone or stuck; actix looks after those that ask for nothing.
pub fn watch(connection: &dyn Any) {
    let encrypted = || connection.downcast_ref().map(|encrypted: &TlsStream<TcpStream>| encrypted.get_ref().0);
    let watched = connection.downcast_ref().or_else(encrypted).map_or(Ok(()), set_timeouts);
    if let Err(error) = watched {
        log::debug!("a connection cannot be watched: {error}");
    }
}

fn set_timeouts(stream: &TcpStream) -> io::Result<()> {
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, SILENT_MAX / 2)?;
    set_tcp_user_timeout(stream, u32::try_from(SILENT_MAX.as_millis()).unwrap_or(u32::MAX))
}
