//! `GET /api/events`: what happens to the caller's attachments, as DocsGPT tells it, from the events of `/events`.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use super::form::{ApiKey, Cursor, CursorInHeader, RecordStream};
use super::record::{Id, Records};
use super::refusal::{Refusal, RefusalView};
use super::sender::{Sender, query};
use crate::http::auth::Keyring;
use crate::http::events::{Follower, Scope, open, sent_id};
use crate::http::{Api, RequestId};

/// Where a client wants to go on.
enum Place {
    /// With what happens from now on.
    Now,
    Behind(u64),
    /// Behind a record that there is not.
    Lost,
}

/// What happens to all attachments of the caller's, as DocsGPT tells it: from now on, or behind the record that the client
/// had last.
#[utoipa::path(
    get,
    path = "/api/events",
    operation_id = "follow_attachments",
    tag = "docsgpt",
    params(Cursor, CursorInHeader, ApiKey),
    responses(
        (status = 200, description = "Records as it happens.", body = inline(RecordStream),
            content_type = "text/event-stream", headers(("X-Accel-Buffering"))),
        (status = 401, description = "The key is none of this server's, or there is none.", body = RefusalView,
            headers(("WWW-Authenticate"))),
        (status = 429, description = "The user has 8 streams, or has resumed 30 within a minute; all together \
            have too many; or the key has made as many requests as it may.",
            body = RefusalView, headers(("Retry-After"))),
        (status = 503, description = "The server is shutting down.", body = RefusalView, headers(("Retry-After"))),
    )
)]
pub async fn follow(
    request: HttpRequest,
    api: web::Data<Api>,
    keyring: web::Data<Keyring>,
    request_id: web::ReqData<RequestId>,
) -> HttpResponse {
    stream(&request, api, &keyring).unwrap_or_else(|refusal| refusal.response(&request_id.to_string()))
}

fn stream(request: &HttpRequest, api: web::Data<Api>, keyring: &Keyring) -> Result<HttpResponse, Refusal> {
    let caller = Sender::of(request, keyring)?.known()?;
    let (after, is_place_lost) = match place(request, &api) {
        Place::Now => (None, false),
        Place::Behind(event) => (Some(event), false),
        Place::Lost => (None, true),
    };
    let counted = api.attachment_streams.count(caller.owner(), after.is_some(), Instant::now())?;
    let words = Records { user: caller.owner().to_owned(), is_place_lost, _counted: counted };
    let follower = Follower::new(api.door.events(caller), Scope::All, after, Box::new(words));
    open(request, api, follower).map_err(Refusal::Other)
}

/// A header wins over a parameter, which a browser keeps in the address when it connects anew.
fn place(request: &HttpRequest, api: &Api) -> Place {
    let sent = sent_id(request).filter(|id| !id.is_empty());
    let Some(sent) = sent.or_else(|| query(request, "last_event_id")) else {
        return Place::Now;
    };
    // What has not happened yet nobody can have had.
    let event = Id::event(&sent).filter(|event| *event <= api.door.last_event());
    event.map_or(Place::Lost, Place::Behind)
}
