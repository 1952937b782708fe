//! The one place where the pipeline catches panics, and what keeps them small: one fails the message or the step in hand,
//! is counted, and the actor goes on with the next. What was in hand is held outside of it and tried again, so that no
//! file is lost.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, ResponseFuture};
use futures_util::FutureExt;

use crate::fault;
use crate::metrics::Metrics;

/// How long what panicked is left alone, so that one that always does cannot keep a core busy.
const RESTART_AFTER: Duration = Duration::from_millis(100);

/// How often a message is sent whose handler panics.
const DELIVERIES_MAX: usize = 5;

/// What an actor does when a panic may come: the messages that it handles, and the steps of its loops.
#[derive(Debug, derive_more::Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum Duty {
    ReceiveFile,
    StoredBatch,
    /// A batch's turn is read and handed out.
    Turn,
    /// A file is looked at.
    Look,
    /// A file is scanned for malware.
    Scan,
    /// The text of a file with the same bytes is looked for.
    Twin,
    Stop,
    VerifiedFiles,
    /// A batch is cancelled, and what waits of it is ended.
    CancelledBatch,
    Sweep,
    /// A window of files is claimed.
    Claim,
    /// A processor is asked for a file's text.
    Ask,
    Drain,
    ReleaseClaims,
    Attempt,
    EndedFiles,
    /// A group of outcomes is made durable.
    Group,
    Flush,
}

impl Duty {
    /// Those of work as it goes when nobody interferes.
    pub const WORK: [Self; 10] = [
        Self::ReceiveFile,
        Self::StoredBatch,
        Self::Turn,
        Self::Look,
        Self::VerifiedFiles,
        Self::Claim,
        Self::Ask,
        Self::Attempt,
        Self::EndedFiles,
        Self::Group,
    ];

    /// Those of a cancelling.
    pub const CANCELLING: [Self; 2] = [Self::CancelledBatch, Self::Sweep];

    /// Those of work as it goes with a scanner for malware, besides.
    pub const SCANNING: [Self; 1] = [Self::Scan];

    /// Those of the drain.
    pub const DRAIN: [Self; 4] = [Self::Stop, Self::Drain, Self::Flush, Self::ReleaseClaims];
}

/// Does a step; none when it panicked.
pub fn caught<'a, T: 'a>(
    duty: Duty,
    metrics: &'a Metrics,
    work: impl Future<Output = T> + 'a,
) -> impl Future<Output = Option<T>> + 'a {
    let work = async move {
        fault::panic_at(&duty);
        work.await
    };
    counted(duty, metrics, work)
}

/// Does something; none when it panicked, which is counted under a name.
///
/// Here and in [`answering`] it is put in a box at once: a future within a future within another has room for it more than
/// once, and each move of the outermost moves all of that.
pub fn counted<'a, T: 'a>(
    name: impl Display + 'a,
    metrics: &'a Metrics,
    work: impl Future<Output = T> + 'a,
) -> impl Future<Output = Option<T>> + 'a {
    let work = Box::pin(work);
    async move {
        let done = AssertUnwindSafe(work).catch_unwind().await.ok();
        if done.is_none() {
            metrics.actor_panics.inc();
            log::error!("{name}: panicked; its actor goes on");
        }
        done
    }
}

/// A handler's answer. When it panics, whoever sent the message hears of it, and nobody else.
///
/// It has a task of its own, in which actix lets a panic end: one in `Handler::handle` itself would end the actor.
pub fn answering<T: 'static>(
    duty: Duty,
    metrics: &Arc<Metrics>,
    work: impl Future<Output = T> + 'static,
) -> ResponseFuture<T> {
    let (metrics, work) = (Arc::clone(metrics), Box::pin(work));
    Box::pin(async move {
        match caught(duty, &metrics, work).await {
            Some(answer) => answer,
            // Without an answer the sender is told that there will be none.
            None => resume_unwind(Box::new("caught and counted")),
        }
    })
}

/// Sends a message, and again while its handler panics, but not for ever; whether it was handled.
pub async fn deliver<A, M>(to: &Addr<A>, message: M) -> bool
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Clone + Send + 'static,
    M::Result: Send,
{
    for _ in 1..DELIVERIES_MAX {
        if to.send(message.clone()).await.is_ok() {
            return true;
        }
        tokio::time::sleep(RESTART_AFTER).await;
    }
    to.send(message).await.is_ok()
}

/// Runs `task` until it ends by itself, and again whenever it panics.
pub async fn restarting<F>(name: &'static str, metrics: Arc<Metrics>, mut task: impl FnMut() -> F)
where
    F: Future<Output = ()>,
{
    while counted(name, &metrics, task()).await.is_none() {
        tokio::time::sleep(RESTART_AFTER).await;
    }
}
