//! Webhooks: tells other servers that a batch is completed, at least once, after Standard Webhooks.
//!
//! What is to be told stands in the job log before anybody is called, and stays there until a server took it or a day is
//! over; so a crash costs a try and no news. A receiver knows news that it has had by their id. Reading order: `address`,
//! `url`, `secret`, `schedule`, `client`, `deliverer`.

mod address;
mod client;
mod deliverer;
mod schedule;
mod secret;
mod url;

pub use self::address::{Network, NoNetwork, Reach};
pub use self::client::{Answer, Client, NoAnswer, Request};
pub use self::deliverer::{Deliverer, DelivererOptions, Render};
pub use self::schedule::{Result, Schedule};
pub use self::secret::{NoSecret, Secret};
pub use self::url::{URL_CHARS_MAX, WebhookUrl};
