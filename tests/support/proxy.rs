//! A real proxy on loopback in front of a server, with the configuration that stands in `deploy/`.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{skip, wait_for};

/// How many ports are tried: between the look for a free one and the proxy's own, somebody else may take it.
const PORTS_TRIED: usize = 8;

/// The proxies for which there is an example.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Nginx,
    Caddy,
}

/// A running proxy; dropped, it is killed.
pub struct Proxy {
    process: Child,
    pub addr: SocketAddr,
    dir: TempDir,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Nginx, Self::Caddy];

    /// Those that this machine has; of each other it is said that `test` did not run.
    pub fn installed(test: &str) -> Vec<Self> {
        let has = |kind: &Self| {
            let is_there = Command::new(kind.program()).arg(kind.version()).output().is_ok();
            if !is_there {
                skip(test, &format!("{} is not installed", kind.program()));
            }
            is_there
        };
        Self::ALL.into_iter().filter(has).collect()
    }

    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Nginx => "-v",
            Self::Caddy => "version",
        }
    }

    /// A proxy of this kind in front of a server.
    pub fn before(self, server: SocketAddr) -> Proxy {
        (0..PORTS_TRIED).find_map(|_| self.try_start(server)).expect("one of the ports stays free")
    }

    /// None where the port was taken meanwhile.
    fn try_start(self, server: SocketAddr) -> Option<Proxy> {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
        let addr = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free");
        let log = fs::File::create(dir.path().join("log")).expect("a log can be made");
        let mut command = match self {
            Self::Nginx => nginx(dir.path(), addr, server),
            Self::Caddy => caddy(dir.path(), addr, server),
        };
        let process = command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut proxy = Proxy { process: process.expect("the proxy can be run"), addr, dir };
        let is_up = wait_for("the proxy", || match proxy.process.try_wait().expect("it can be waited for") {
            Some(_) => Some(false),
            None => TcpStream::connect(addr).is_ok().then_some(true),
        });
        assert!(is_up || proxy.log().contains("address already in use"), "{self:?}: {}", proxy.log());
        is_up.then_some(proxy)
    }
}

impl Proxy {
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default().to_lowercase()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("---- the proxy's log ----\n{}\n---- end of log ----", self.log());
        }
    }
}

/// nginx with the example, and around it what Debian has in /etc/nginx/nginx.conf, in one process and one folder.
fn nginx(dir: &Path, addr: SocketAddr, server: SocketAddr) -> Command {
    let site = example("deploy/nginx/consign.conf");
    let site = replaced(&site, "127.0.0.1:8080", &server.to_string());
    let site = replaced(&site, "listen 443 ssl http2;", &format!("listen {addr};"));
    let not_here = |line: &&str| !line.trim_start().starts_with("ssl_") && !line.contains("listen [::]");
    let site = site.lines().filter(not_here).collect::<Vec<_>>().join("\n");
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = kinds.map(|kind| format!("{kind}_temp_path {kind};")).join("\n");
    let around = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\n\
         http {{\naccess_log off;\n{folders}\n{site}\n}}\n"
    );
    let file = written(dir, "nginx.conf", &around);
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(file).args(["-e", "stderr"]);
    command
}

/// Caddy with the example, without certificates and without its own interface for administration.
fn caddy(dir: &Path, addr: SocketAddr, server: SocketAddr) -> Command {
    let site = replaced(&example("deploy/caddy/Caddyfile"), "127.0.0.1:8080", &server.to_string());
    // For every name that a client may call it by, as the example is for its own.
    let here = format!("http://:{} {{\n\tbind {}", addr.port(), addr.ip());
    let site = replaced(&site, "files.example.org {", &here);
    let file = written(dir, "Caddyfile", &format!("{{\n\tadmin off\n}}\n{site}"));
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    command.env("XDG_CONFIG_HOME", dir).env("XDG_DATA_HOME", dir).env("HOME", dir);
    command
}

fn example(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the example is there")
}

/// The text with this in it replaced, which must be there once.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} in\n{text}");
    text.replace(old, new)
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let file = dir.join(name);
    fs::write(&file, text).expect("a test's file can be written");
    file
}
