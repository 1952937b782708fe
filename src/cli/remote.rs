//! The flags of every command that calls a server.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use crate::client::{Api, ApiOptions, ServerUrl};

/// How often it is said at most that a server is waited for.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// The flags by which a server is reached.
#[derive(Debug, Args)]
pub struct RemoteArguments {
    /// The server's address
    #[arg(
        long,
        env = "CONSIGN_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        help_heading = "Server"
    )]
    server: ServerUrl,
    /// The key to show, where the server has keys
    #[arg(long, env = "CONSIGN_KEY", value_name = "KEY", hide_env_values = true, help_heading = "Server")]
    key: Option<ApiKey>,
    /// How long to wait in all, at each request, for a server that is away or busy
    #[arg(long, value_name = "SECONDS", default_value_t = 60, help_heading = "Server")]
    retry_seconds: u32,
}

impl RemoteArguments {
    /// The client of this server. `say` hears that the server is waited for.
    pub fn connect(&self, say: impl Fn(&str) + Send + Sync + 'static) -> Api {
        let options = ApiOptions {
            server: self.server.clone(),
            key: self.key.clone().map(|key| key.0).filter(|key| !key.is_empty()),
            patience: Duration::from_secs(self.retry_seconds.into()),
        };
        let said: Mutex<Option<Instant>> = Mutex::default();
        Api::new(options, move |trouble| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.is_none_or(|said| said.elapsed() > SAID_EVERY) {
                *said = Some(Instant::now());
                say(&format!("{trouble}; trying again"));
            }
        })
    }

    /// The same for a command that has no bars: it is said on standard error.
    pub fn connect_plainly(&self) -> Api {
        self.connect(|text| eprintln!("consign: {text}"))
    }
}

/// A key that is not shown by accident.
#[derive(Clone)]
struct ApiKey(String);

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self(key.trim().to_owned())
    }
}

impl Debug for ApiKey {
    fn fmt(&self, text: &mut Formatter<'_>) -> fmt::Result {
        text.write_str("…")
    }
}
