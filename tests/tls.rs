//! TLS: requests over it, and certificates that change while the server runs.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use rustix::process::Signal;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use support::server::write_file;
use support::wire::{self, Wire};
use support::{Answer, Batch, DEADLINE, DataDir, Form, Server, form, wait_until};

/// The name in the certificates.
const HOST: &str = "consign.test";

/// A certificate of a test's own, which the test trusts.
struct Certificate(CertifiedKey<KeyPair>);

impl Certificate {
    fn new() -> Self {
        Self(rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate can be made"))
    }

    /// Puts it where the server looks for it.
    fn put(&self, files: &Files) {
        write_file(&files.cert, self.0.cert.pem().as_bytes());
        write_file(&files.key, self.0.signing_key.serialize_pem().as_bytes());
    }

    fn der(&self) -> &CertificateDer<'static> {
        self.0.cert.der()
    }
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn of(dir: &DataDir) -> Self {
        Self { cert: dir.scratch().join("cert.pem"), key: dir.scratch().join("key.pem") }
    }
}

/// A server with TLS; the settings' paths are below the directory that it runs in.
fn serve(dir: &DataDir) -> Server {
    dir.serve(&[("TLS_CERT", "cert.pem"), ("TLS_KEY", "key.pem")])
}

/// A connection with TLS that takes one request after the other.
struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    fn new(addr: SocketAddr, trusted: &Certificate, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.der().clone()).expect("a certificate can be trusted");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(versions).expect("ring has what they take");
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(HOST).expect("a valid name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client can be made");
        let stream = TcpStream::connect(addr).expect("the server takes connections");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline is a valid time limit");
        Self(StreamOwned::new(connection, stream))
    }

    /// Whether the server shows the certificate that this client trusts.
    fn is_welcome(&mut self) -> bool {
        let Self(stream) = self;
        stream.conn.complete_io(&mut stream.sock).is_ok() && !stream.conn.is_handshaking()
    }

    fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let headers = [&[("Host", HOST), ("Content-Length", &length)], headers].concat();
        let lines: String = headers.iter().flat_map(|(name, value)| [*name, ": ", value, "\r\n"]).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{lines}\r\n");
        self.0.write_all(&[head.as_bytes(), body].concat()).expect("the server reads what it is sent");
        wire::read_answer(&mut self.0)
    }

    fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], &[])
    }
}

fn shows(server: &Server, certificate: &Certificate) -> bool {
    Client::new(server.addr, certificate, &[&TLS13]).is_welcome()
}

#[test]
fn a_batch_goes_up_and_comes_back_on_one_connection_with_either_version() {
    let dir = DataDir::new();
    let certificate = Certificate::new();
    certificate.put(&Files::of(&dir));
    let server = serve(&dir);
    for versions in [&TLS12, &TLS13] {
        let mut client = Client::new(server.addr, &certificate, &[versions]);
        let words = "some words ".repeat(200_000);
        let headers = [("Content-Type", &*form::content_type())];
        let taken = client.request("POST", "/batches", &headers, &Form::new().file("a.txt", &words).finish());
        let batch = taken.accepted();
        let ended = Batch::of(&client.get(&format!("/batches/{}?wait=60", batch.id)).json());
        ended.assert_succeeded();
        assert_eq!(client.get(&format!("{}/text", ended.files[0].path())).text(), words);
        let missing = client.get("/no/such/thing");
        missing.assert_problem(404, "not_found");
        for answer in [taken, missing] {
            assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        assert_eq!(client.0.conn.protocol_version(), Some(versions.version));
        assert_eq!(client.0.conn.alpn_protocol(), None, "nobody asked for one");
    }
}

#[test]
fn who_asks_before_he_sends_is_told_to_go_on_or_refused_over_tls_too() {
    let dir = DataDir::new();
    let certificate = Certificate::new();
    certificate.put(&Files::of(&dir));
    let server = dir.serve(&[("TLS_CERT", "cert.pem"), ("TLS_KEY", "key.pem"), ("LIMITS_BATCH_BYTES_MAX", "1 MiB")]);
    let body = Form::new().file("a.txt", "some words").finish();
    let ask = |bytes: usize| {
        let mut client = Client::new(server.addr, &certificate, &[&TLS13]);
        let headers = [("Content-Type", &*form::content_type()), ("Expect", "100-continue")];
        client.0.write_all(&wire::head("POST", "/batches", &headers, bytes as u64)).expect("the server reads it");
        client
    };
    wire::read_answer(&mut ask(1 << 30).0).assert_problem(413, "batch_too_large");
    let mut client = ask(body.len());
    assert_eq!(wire::read_answer_head(&mut client.0).status, 100);
    client.0.write_all(&body).expect("the server reads it");
    wire::read_answer(&mut client.0).accepted();
}

#[test]
fn who_speaks_no_tls_is_told_nothing_and_who_says_nothing_is_let_go() {
    let dir = DataDir::new();
    let certificate = Certificate::new();
    certificate.put(&Files::of(&dir));
    let server = serve(&dir);
    let mut silent = Wire::open(server.addr);
    let mut plain = TcpStream::connect(server.addr).unwrap();
    plain.write_all(&wire::head("GET", "/healthz", &[], 0)).unwrap();
    let mut said = Vec::new();
    // The server may have gone before it was read to its end.
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{:?}", String::from_utf8_lossy(&said));
    assert!(!shows(&server, &Certificate::new()), "nobody else's certificate is shown");
    assert!(silent.closed_by_server());
    assert!(shows(&server, &certificate));
}

#[test]
fn a_new_certificate_is_taken_over_by_sighup_and_one_that_cannot_be_used_is_not() {
    let dir = DataDir::new();
    let files = Files::of(&dir);
    let [old, new] = [Certificate::new(), Certificate::new()];
    old.put(&files);
    let server = serve(&dir);
    let mut long_lived = Client::new(server.addr, &old, &[&TLS13]);
    assert_eq!(long_lived.get("/healthz").status, 200);

    new.put(&files);
    server.signal(Signal::HUP);
    wait_until("the new certificate", || shows(&server, &new));
    assert!(!shows(&server, &old));
    assert_eq!(long_lived.get("/healthz").status, 200, "a connection lives on with the certificate that it began with");

    let refusals = || server.log().matches("the server goes on with the certificate that it has").count();
    let foreign_key = || write_file(&files.key, Certificate::new().0.signing_key.serialize_pem().as_bytes());
    let garbage = || write_file(&files.cert, b"-----BEGIN CERTIFICATE-----\nnothing\n");
    let gone = || std::fs::remove_file(&files.cert).expect("a test's file can be removed");
    for (at, spoil) in [&foreign_key as &dyn Fn(), &garbage, &gone].into_iter().enumerate() {
        spoil();
        server.signal(Signal::HUP);
        wait_until("the refusal", || refusals() == at + 1);
        assert!(shows(&server, &new));
    }

    old.put(&files);
    server.signal(Signal::HUP);
    wait_until("the certificate of before", || shows(&server, &old));
    assert_eq!(long_lived.get("/readyz").status, 200);
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_anything_is_begun() {
    let dir = DataDir::new();
    let files = Files::of(&dir);
    let serve = |words: &[&str]| {
        let data = dir.path();
        let data = data.to_str().expect("a temporary path is text");
        let ended = dir.run(&[&["serve", "--listen", "127.0.0.1:0", "--data-dir", data], words].concat());
        (ended.status.code(), String::from_utf8(ended.stderr).expect("an error is text"))
    };
    let both = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let (code, said) = serve(&both);
    assert!(code == Some(1) && said.contains("the certificate cert.pem cannot be read"), "{said}");
    Certificate::new().put(&files);
    let (code, said) = serve(&both[..2]);
    assert!(code == Some(2) && said.contains("tls.key") && said.contains("the private key of tls.cert"), "{said}");
    write_file(&files.key, Certificate::new().0.signing_key.serialize_pem().as_bytes());
    let (code, said) = serve(&both);
    assert!(code == Some(1) && said.contains("cannot be used"), "{said}");
    write_file(&files.cert, b"");
    let (code, said) = serve(&both);
    assert!(code == Some(1) && said.contains("holds no certificate"), "{said}");
    assert!(!dir.path().exists(), "nothing was begun");
}

#[cfg(feature = "fault")]
#[test]
fn a_server_that_starts_anew_in_place_still_speaks_tls_and_knows_its_keys() {
    use support::fault::Faults;

    let dir = DataDir::new();
    let certificate = Certificate::new();
    certificate.put(&Files::of(&dir));
    let ann = dir.new_key("ann", "");
    let faults = Faults::of(&dir);
    let server = dir.serve(&[("TLS_CERT", "cert.pem"), ("TLS_KEY", "key.pem"), faults.setting()]);
    faults.arm("log_flush/before=eio");
    let content_type = form::content_type();
    let headers = [ann.header(), ("Content-Type", &content_type)];
    let upload = || {
        let mut client = Client::new(server.addr, &certificate, &[&TLS13]);
        client.request("POST", "/batches", &headers, &Form::new().file("a.txt", "some words").finish())
    };
    let batch = upload().accepted();
    wait_until("the start in place", || server.log().contains("starting anew in place"));
    let mut client = Client::new(server.addr, &certificate, &[&TLS13]);
    client.get("/batches").assert_problem(401, "unauthorized");
    let answer = client.request("GET", &format!("/batches/{}?wait=60", batch.id), &[ann.header()], &[]);
    Batch::of(&answer.json()).assert_succeeded();
    upload().accepted();
    server.signal(Signal::HUP);
    wait_until("the certificate to be read again", || server.log().contains("the certificate was read again"));
}

#[test]
fn a_push_trusts_the_certificates_of_its_machine_and_no_others() {
    let dir = DataDir::after("export SSL_CERT_FILE=trusted.pem; exec");
    let certificate = Certificate(rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    certificate.put(&Files::of(&dir));
    Certificate::new().put(&Files { cert: dir.scratch().join("trusted.pem"), key: dir.scratch().join("other.pem") });
    let server = serve(&dir);
    let url = format!("https://localhost:{}", server.addr.port());
    write_file(&dir.scratch().join("a.txt"), b"words");

    let distrusted = dir.start_cli(&url, &["push", "--wait", "a.txt"], b"").ended().exits(1);
    assert!(distrusted.err.contains("certificate"), "{}", distrusted.err);
    write_file(&dir.scratch().join("trusted.pem"), certificate.0.cert.pem().as_bytes());
    let trusted = dir.start_cli(&url, &["push", "--wait", "a.txt"], b"").ended().exits(0);
    assert!(trusted.out.contains("1 file: 1 succeeded"), "{}", trusted.out);
}
