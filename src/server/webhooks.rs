//! The deliverer of webhooks, as the settings have it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::config::WebhookSettings;
use crate::custody::Custody;
use crate::http::completed_event;
use crate::webhooks::{Client, Deliverer, DelivererOptions, Schedule};

/// Has every batch that completes from now on told to the server's own place, if it has one.
pub fn tell_to(settings: &WebhookSettings, custody: &Custody) {
    if !settings.url.is_empty() {
        custody.joblog.tell_to(&settings.url);
    }
}

/// Starts the deliverer. Without a secret nothing could be signed, and what is to be delivered waits.
pub fn start(settings: &WebhookSettings, custody: &Arc<Custody>) -> Option<JoinHandle<()>> {
    let &WebhookSettings {
        url: _,
        ref secret,
        allow_private: _,
        deliveries_max,
        timeout_ms_max,
        retry_ms_base,
        retry_ms_max,
    } = settings;
    let Some(secret) = secret.clone() else {
        if custody.joblog.batches_to_tell(None, 1).is_ok_and(|waiting| !waiting.is_empty()) {
            log::warn!("webhooks that are to be delivered wait until there is a webhook.secret again");
        }
        return None;
    };
    let options = DelivererOptions {
        client: Client::new(settings.reach(), secret, Duration::from_millis(timeout_ms_max)),
        schedule: Schedule {
            retry_base: Duration::from_millis(retry_ms_base),
            give_up_after: Duration::from_millis(retry_ms_max),
        },
        deliveries_max,
        render: completed_event,
    };
    Some(actix_rt::spawn(Deliverer::new(Arc::clone(custody), options).run()))
}
