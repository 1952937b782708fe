//! Webhooks as JSON: what a receiver is sent, and how far deliveries have come.

use serde::Serialize;
use utoipa::ToSchema;

use super::batch::BatchView;
use super::timestamp;
use crate::custody::BatchStatus;
use crate::joblog::{Delivery, DeliveryState, Webhooks};
use crate::webhooks::WebhookUrl;

/// How far the news of a batch's end has come to one place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct WebhookView {
    /// Where it is told: the URL that the batch was handed in with, without its query; of the server's own, the origin alone.
    url: String,
    state: WebhookState,
    /// Tries that are over.
    attempts: u32,
    /// The status of the last answer; null without one.
    #[schema(required)]
    last_status: Option<u16>,
    /// When it is tried next (RFC 3339, UTC); null when the batch is not completed, or there is no further try.
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// When it was taken with a 2xx; null until then.
    #[schema(format = DateTime, required)]
    delivered_at: Option<String>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WebhookState {
    Pending,
    Delivered,
    Failed,
}

impl WebhookView {
    /// The deliveries of a batch; while it is not completed, the one to come to the place that it names.
    pub fn all(webhooks: &Webhooks) -> Vec<Self> {
        match (&webhooks.url, webhooks.deliveries.is_empty()) {
            (Some(url), true) if webhooks.completions == 0 => vec![Self::to_come(url)],
            (own, _) => {
                let of = |delivery: &Delivery| Self::of(delivery, own.as_ref() == Some(&delivery.url));
                webhooks.deliveries.iter().map(of).collect()
            }
        }
    }

    fn to_come(url: &str) -> Self {
        let (url, state) = (shown(url, true), WebhookState::Pending);
        Self { url, state, attempts: 0, last_status: None, next_attempt_at: None, delivered_at: None }
    }

    fn of(delivery: &Delivery, is_own: bool) -> Self {
        let (state, next_ms, delivered_ms) = match delivery.state {
            DeliveryState::Pending { next_ms } => (WebhookState::Pending, Some(next_ms), None),
            DeliveryState::Delivered { at_ms } => (WebhookState::Delivered, None, Some(at_ms)),
            DeliveryState::Failed => (WebhookState::Failed, None, None),
        };
        Self {
            url: shown(&delivery.url, is_own),
            state,
            attempts: delivery.tries,
            last_status: delivery.last_status,
            next_attempt_at: next_ms.map(timestamp),
            delivered_at: delivered_ms.map(timestamp),
        }
    }
}

/// What is told of a batch that is completed (Standard Webhooks, "Payload structure").
#[derive(Debug, Serialize, ToSchema)]
pub struct CompletedEvent {
    #[serde(rename = "type")]
    #[schema(pattern = "^batch\\.completed$")]
    kind: &'static str,
    /// When the batch was completed (RFC 3339, UTC).
    #[schema(format = DateTime)]
    timestamp: String,
    /// The batch as it was then, without its files.
    data: BatchView,
}

/// The body that says of a batch that it is completed since `finished_ms`: the same at each try.
///
/// # Panics
/// Never: a batch serializes.
#[must_use]
pub fn completed_event(status: BatchStatus, finished_ms: i64) -> Vec<u8> {
    let data = BatchView::as_told(status);
    let event = CompletedEvent { kind: "batch.completed", timestamp: timestamp(finished_ms), data };
    serde_json::to_vec(&event).expect("a batch serializes")
}

/// A URL as whoever handed the batch in may see it: what is not theirs may let somebody in by its path.
fn shown(url: &str, is_own: bool) -> String {
    WebhookUrl::parse(url).map(|url| if is_own { url.shown() } else { url.origin() }).unwrap_or_default()
}
