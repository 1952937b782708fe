//! One stream under way: waits for news, has it told off this thread, and sends it for as long as the reader takes it.
//!
//! It ends with the batch, with the server's drain, when the reader is gone, and when the reader takes nothing for too
//! long. In each case whole events have been sent, so that the reader goes on behind the last one it had.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::follower::{Follower, Piece};
use crate::config::EventsSettings;
use crate::http::door::OwnEvents;
use crate::http::{Api, ApiError};
use crate::joblog::{Missed, News, Subscription};

/// What a reader has not been told yet and is kept in memory for it, in news; more waits where all readers share it.
const DUE_MAX: usize = 64;

/// A stream.
pub struct Stream {
    api: web::Data<Api>,
    follower: Follower,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    pub const fn new(api: web::Data<Api>, follower: Follower, place: OwnedSemaphorePermit) -> Self {
        Self { api, follower, _place: place }
    }

    /// Sends what happens, until the end.
    pub async fn run(self, pieces: mpsc::Sender<Bytes>) {
        let api = self.api.clone();
        let metrics = Arc::clone(api.door.metrics());
        metrics.event_streams_open.inc();
        tokio::select! {
            () = api.health.drained() => {}
            // The connection is gone.
            () = pieces.closed() => {}
            fed = self.feed(&pieces) => match fed {
                Ok(End::Told) => {}
                Ok(End::Stalled) => {
                    metrics.event_streams_cut_off.inc();
                    log::info!("a stream of events is cut off: its reader takes nothing");
                }
                Err(error) => log::error!("a stream of events broke off: {error}"),
            },
        }
        metrics.event_streams_open.dec();
    }

    async fn feed(self, pieces: &mpsc::Sender<Bytes>) -> Result<End, ApiError> {
        let Self { api, mut follower, _place } = self;
        let EventsSettings { heartbeat_ms, stall_ms_max, .. } = api.events.settings;
        let (heartbeat, stall) = (Duration::from_millis(heartbeat_ms), Duration::from_millis(stall_ms_max));
        let events = follower.events();
        let mut news = events.subscribe();
        let begins = follower.listen(news.head);
        if let Some(batch) = follower.batch() {
            events.tell(batch).await;
        }
        let mut piece = Piece { frames: follower.wording().opening(begins), is_last: false };
        loop {
            if !piece.frames.is_empty() {
                match timeout(stall, pieces.send(piece.frames.into())).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Ok(End::Told),
                    Err(_) => return Ok(End::Stalled),
                }
            }
            if piece.is_last {
                return Ok(End::Told);
            }
            listen(&events, &mut news, &mut follower, Instant::now() + heartbeat).await;
            if follower.due() == 0 {
                piece = Piece { frames: follower.wording().heartbeat().to_vec(), is_last: false };
                continue;
            }
            // It may wait for the disk, which is nothing for a thread that answers requests.
            let (made, back) = events.off_thread(move |_| (follower.piece(), follower)).await?;
            (piece, follower) = (made?, back);
        }
    }
}

/// Waits for something to tell, and takes in what else is there.
async fn listen(events: &OwnEvents, news: &mut Subscription, follower: &mut Follower, until: Instant) {
    while follower.due() == 0 && Instant::now() < until {
        match timeout_at(until, news.next()).await {
            Ok(heard) => take_in(heard, events, news, follower),
            Err(_) => return,
        }
    }
    while follower.due() < DUE_MAX {
        let Some(heard) = news.at_hand() else { return };
        take_in(heard, events, news, follower);
    }
}

fn take_in(heard: Result<News, Missed>, events: &OwnEvents, news: &mut Subscription, follower: &mut Follower) {
    if let Ok(heard) = heard {
        follower.hear(heard);
    } else {
        *news = events.subscribe();
        follower.listen(news.head);
    }
}

enum End {
    /// Everything was told, or nobody is there any more.
    Told,
    /// The reader took nothing for too long.
    Stalled,
}
