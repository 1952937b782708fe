//! What is part of the program and given out as it is: the API's description and the pages.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETag, EntityTag, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use flate2::Compression;

use super::compression::{gzipped, takes_gzip, vary};
use super::selection::is_known;

/// A copy may be kept, but is asked for anew, since the next version of the program may have another.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// A body that is the same for as long as the program runs, as it is and compressed.
pub struct Asset {
    content_type: &'static str,
    plain: Encoded,
    gzipped: Encoded,
}

/// A body in one of its two encodings. Other bytes have another tag.
struct Encoded {
    body: Bytes,
    tag: EntityTag,
}

impl Asset {
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let plain = Encoded::of(body.into());
        let gzipped = Encoded::of(gzipped(&plain.body, Compression::best()));
        Self { content_type, plain, gzipped }
    }

    /// The body, whatever the client has: for an address that has something else, too.
    pub fn whole(&self, request: &HttpRequest) -> HttpResponse {
        self.send(request, HttpResponse::Ok())
    }

    /// The body, or 304 where the client has it.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let tag = &self.wanted(request).tag;
        let is_known = is_known(request, tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header(ETag(tag.clone())).insert_header((CACHE_CONTROL, REVALIDATE));
        if is_known { varying(response.finish()) } else { self.send(request, response) }
    }

    fn send(&self, request: &HttpRequest, mut response: HttpResponseBuilder) -> HttpResponse {
        if takes_gzip(request) {
            response.insert_header((CONTENT_ENCODING, "gzip"));
        }
        varying(response.content_type(self.content_type).body(self.wanted(request).body.clone()))
    }

    /// What a client would rather have.
    fn wanted(&self, request: &HttpRequest) -> &Encoded {
        if takes_gzip(request) { &self.gzipped } else { &self.plain }
    }
}

impl Encoded {
    fn of(body: Bytes) -> Self {
        let tag = EntityTag::new_strong(format!("{:x}-{:08x}", body.len(), crc32fast::hash(&body)));
        Self { body, tag }
    }
}

fn varying(mut response: HttpResponse) -> HttpResponse {
    vary(response.headers_mut());
    response
}
