//! `consign health` says what a server answers, and a server takes requests on the socket that it is handed.

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Output;

use rustix::process::Signal;
use support::server::write_file;
use support::{DataDir, Form, wait_until};

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn health_tells_a_server_that_is_ready_from_one_that_is_not_and_from_none() {
    let data = DataDir::new();
    let mut server = data.serve(&[("LIMITS_DISK_FREE_BYTES_MIN", "9000 TiB")]);
    let listen = server.addr.to_string();
    let ask = |flags: &[&str]| said(&data.run(&[&["health", "--listen", &listen], flags].concat()));
    assert_eq!(ask(&[]), (Some(1), "not ready: disk: less than the reserve is free".to_owned()));
    assert_eq!(ask(&["--alive"]), (Some(0), "alive".to_owned()));
    server.signal(Signal::TERM);
    assert!(server.ended().success());
    let (code, words) = ask(&["--alive"]);
    assert!(code == Some(1) && words.starts_with(&format!("no answer from http://{listen}/healthz")), "{words}");

    let server = data.serve(&[]);
    let listen = server.addr.to_string();
    // The first children are on their way.
    wait_until("a server that is ready", || {
        said(&data.run(&["health", "--listen", &listen])) == (Some(0), "ready".to_owned())
    });
}

#[test]
fn health_asks_over_tls_where_the_server_speaks_it() {
    let data = DataDir::new();
    let made = rcgen::generate_simple_self_signed(["consign.test".to_owned()]).expect("a certificate can be made");
    write_file(&data.scratch().join("cert.pem"), made.cert.pem().as_bytes());
    write_file(&data.scratch().join("key.pem"), made.signing_key.serialize_pem().as_bytes());
    let server = data.serve(&[("TLS_CERT", "cert.pem"), ("TLS_KEY", "key.pem")]);
    let listen = server.addr.to_string();
    let words = ["health", "--alive", "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--listen", &listen];
    assert_eq!(said(&data.run(&words)), (Some(0), "alive".to_owned()));
}

#[test]
fn requests_are_taken_on_a_socket_that_is_handed_down_if_it_is_that_of_the_settings() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address").to_string();
    let handed_down = || OwnedFd::from(listener.try_clone().expect("a descriptor is free"));
    let data = DataDir::new();
    let server = data.serve_on(handed_down(), &[("LISTEN", &address)]);
    assert_eq!(server.addr.to_string(), address);
    server.post(Form::new().file("words.txt", "some words")).accepted();
    drop(server);

    let mut refused = data.spawn_on(handed_down(), &[("LISTEN", "127.0.0.1:9")]);
    assert_eq!(refused.ended().code(), Some(1));
    assert!(refused.log().contains(&format!("the socket that was handed down is that of {address}")));
}

/// Decision 0028; that its process id and its arguments stay is what all other tests rely on.
#[test]
fn the_threads_of_a_server_share_two_arenas() {
    let server = DataDir::new().serve(&[]);
    let environment = fs::read_to_string(format!("/proc/{}/environ", server.pid())).expect("the server runs");
    let arenas: Vec<&str> = environment.split('\0').filter(|set| set.starts_with("MALLOC_ARENA_MAX=")).collect();
    assert_eq!(arenas, ["MALLOC_ARENA_MAX=2"]);
}
