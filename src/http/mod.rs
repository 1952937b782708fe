//! HTTP: what every handler shares. `routes` is the table of routes, there is one file for each resource, and `code` alone
//! knows the status of a failure, but for those of `docsgpt`, which speaks as its clients expect.

mod access;
mod acknowledgement;
mod admission;
mod arriving;
mod assets;
mod auth;
mod batches;
mod code;
mod compression;
mod cors;
mod digest;
mod digests;
mod docs;
mod docsgpt;
mod door;
mod error;
mod events;
mod files;
mod form;
mod front;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod headers;
mod health;
mod idempotency;
mod kept_pages;
mod limits;
mod openapi;
mod page;
mod problem;
mod query;
mod results;
mod retention;
mod retry;
mod routes;
mod selection;
mod stats;
mod trace;
mod upload;
mod view;

use std::sync::Arc;
use std::time::Instant;

use actix::Addr;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

pub use self::access::ACCESS_TARGET;
pub use self::auth::{Keyring, authenticate};
pub use self::code::ErrorCode;
pub use self::compression::compress;
pub use self::cors::cors;
pub use self::docsgpt::{AttachmentStreams, Refusal, Strangers};
pub use self::door::Door;
pub use self::error::ApiError;
pub use self::events::EventStreams;
#[cfg(any(test, feature = "fuzzing"))]
pub use self::fuzz::part_headers;
use self::idempotency::KeysInHand;
pub use self::kept_pages::KeptPages;
pub use self::routes::{ApiRoute, ROUTES, routes};
pub use self::trace::{RequestId, current_request, trace};
pub use self::view::completed_event;
use crate::actors::verifier::Verifier;
use crate::config::{Limits, RetentionSettings, WebhookSettings};
use crate::health::Health;

/// What every handler can reach.
pub struct Api {
    pub door: Door,
    pub health: Arc<Health>,
    pub verifier: Addr<Verifier>,
    pub limits: Limits,
    pub retention: RetentionSettings,
    pub webhook: WebhookSettings,
    /// A permit for each upload that may stream at one time.
    pub uploads: Arc<Semaphore>,
    /// Places for uploads whose sender is not known yet.
    pub strangers: Strangers,
    /// Those who listen for attachments.
    pub attachment_streams: AttachmentStreams,
    pub events: EventStreams,
    /// Whether clients speak TLS with this server.
    pub is_encrypted: bool,
    /// The idempotency keys of requests that are under way.
    pub keys: Arc<KeysInHand>,
    pub pages: KeptPages,
    /// Where blocking work finds a thread.
    pub blocking: Handle,
    pub started: Instant,
}
