//! `consign health`: whether the server with these settings can take work, as Docker's `HEALTHCHECK` and scripts ask.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::{CliError, SettingsArguments};

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Exit codes: 0 yes; 1 no, or there is no answer; 2 flags or settings make no sense.

Examples:
  consign health                        Ask whether it can take work
  consign health --alive                Ask whether it answers at all
  consign health --listen [::1]:9000    Ask the server at another address";

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The flags of `consign health`.
#[derive(Debug, Default, Args)]
pub struct HealthArguments {
    /// Ask only whether it answers: a server whose disk is full does, and is not to be restarted for it
    #[arg(long)]
    alive: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// Asks, prints what was answered, and says whether that is yes.
///
/// # Errors
/// [`CliError`] when the settings are none to work with, or the output cannot be written.
pub fn run(arguments: HealthArguments) -> Result<ExitCode, CliError> {
    let HealthArguments { alive, settings } = arguments;
    let config = settings.load()?.config;
    let scheme = if config.tls.is_on() { "https" } else { "http" };
    let path = if alive { "healthz" } else { "readyz" };
    let url = format!("{scheme}://{}/{path}", reached_at(config.listen));
    let (is_well, said) = match ask(&url) {
        Ok((200, _)) => (true, if alive { "alive".to_owned() } else { "ready".to_owned() }),
        Ok((status, body)) => (false, in_the_way(&body).unwrap_or_else(|| format!("{url} answered {status}"))),
        Err(ureq::Error::Io(error)) => (false, format!("no answer from {url}: {error}")),
        Err(error) => (false, format!("no answer from {url}: {error}")),
    };
    match writeln!(io::stdout(), "{said}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Where this machine reaches a server that listens there.
fn reached_at(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status and the body of the answer.
fn ask(url: &str) -> Result<(u16, String), ureq::Error> {
    // Its certificate names the host that clients know. Nothing is told here, and no more learnt than a yes or no.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().disable_verification(true).unversioned_rustls_crypto_provider(provider).build();
    let config = Agent::config_builder().proxy(None).max_redirects(0).http_status_as_error(false).tls_config(tls);
    let agent = Agent::new_with_config(config.timeout_global(Some(ANSWER_MAX)).build());
    let mut answer = agent.get(url).call()?;
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}

/// What `/readyz` says is in the way, if that is what was answered.
fn in_the_way(body: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(body).ok()?;
    let troubles = answer["checks"].as_object()?.iter().filter(|(_, check)| check["ok"] == false);
    let troubles: Vec<String> = troubles
        .map(|(name, check)| {
            check["trouble"].as_str().map_or_else(|| name.clone(), |trouble| format!("{name}: {trouble}"))
        })
        .collect();
    (!troubles.is_empty()).then(|| format!("not ready: {}", troubles.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        let reached = |listen: &str| reached_at(listen.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("192.0.2.7:8080"), "192.0.2.7:8080");
    }

    #[test]
    fn what_is_in_the_way_is_said_in_one_line() {
        let body = r#"{"status":"not_ready","checks":{"disk":{"ok":true},"drain":{"ok":false},
            "workers":{"ok":false,"trouble":"it cannot be started"}}}"#;
        assert_eq!(in_the_way(body).unwrap(), "not ready: drain; workers: it cannot be started");
        assert!(in_the_way("<html>").is_none());
    }
}
