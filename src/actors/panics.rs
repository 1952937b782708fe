//! Tasks that go on after a panic: the one place where the pipeline catches them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::metrics::Metrics;

/// How long a task that panicked is left alone, so that one that always does cannot keep a core busy.
const RESTART_AFTER: Duration = Duration::from_millis(100);

/// Runs `task` until it ends by itself, and again whenever it panics.
pub async fn restarting<F>(name: &'static str, metrics: Arc<Metrics>, mut task: impl FnMut() -> F)
where
    F: Future<Output = ()>,
{
    while std::panic::AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        metrics.actor_panics.inc();
        log::error!("{name}: panicked and goes on");
        tokio::time::sleep(RESTART_AFTER).await;
    }
}
