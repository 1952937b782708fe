//! What is part of the program and given out as it is: the API's description and the pages.

use actix_web::http::header::{CACHE_CONTROL, ETag, EntityTag, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use super::selection::is_known;

/// A copy may be kept, but is asked for anew, since the next version of the program may have another.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// A body that is the same for as long as the program runs.
pub struct Asset {
    content_type: &'static str,
    body: Bytes,
    tag: EntityTag,
}

impl Asset {
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let tag = EntityTag::new_strong(format!("{:x}-{:08x}", body.len(), crc32fast::hash(&body)));
        Self { content_type, body, tag }
    }

    /// The body, whatever the client has: for an address that has something else, too.
    pub fn whole(&self) -> HttpResponse {
        HttpResponse::Ok().content_type(self.content_type).body(self.body.clone())
    }

    /// The body, or 304 where the client has it.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_known = is_known(request, &self.tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header(ETag(self.tag.clone())).insert_header((CACHE_CONTROL, REVALIDATE));
        if is_known { response.finish() } else { response.content_type(self.content_type).body(self.body.clone()) }
    }
}
