//! What of a representation a request asks for: conditional requests and ranges (RFC 9110, sections 13 and 14).
//!
//! Where a server may ignore a range it cannot make sense of, this one does, and sends the whole.

use std::io;

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, ContentRange, ContentRangeSpec, ETag, EntityTag, Header, HeaderName, IF_MATCH, IF_NONE_MATCH,
    IF_RANGE, IfMatch, IfNoneMatch, IfRange, Range,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;

use super::{ApiError, digest};
use crate::spool::{Content, Sha256Digest};

/// The digest of the whole representation, also beside a part of it (RFC 9530).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The headers of the whole.
    Head,
    Whole,
    /// The bytes from the first to the last, both counted.
    Part {
        first: u64,
        last: u64,
    },
}

/// Bytes that never change under their address.
pub struct Representation {
    pub bytes: Content,
    pub sha256: Sha256Digest,
    /// Strong: other bytes have another.
    pub tag: EntityTag,
}

impl Selection {
    /// What a request asks for of a representation with this tag and length; none when its client has it already.
    ///
    /// # Errors
    /// When the client has asked for another version, or for bytes behind the end.
    pub fn of(request: &HttpRequest, tag: &EntityTag, length: u64) -> Result<Option<Self>, ApiError> {
        if !is_expected(request, tag) {
            return Err(ApiError::PreconditionFailed);
        }
        if is_known(request, tag) {
            return Ok(None);
        }
        if request.method() == Method::HEAD {
            return Ok(Some(Self::Head));
        }
        let Some(Range::Bytes(ranges)) = Range::parse(request).ok().filter(|_| may_be_a_part(request, tag)) else {
            return Ok(Some(Self::Whole));
        };
        // Of nothing there is no part, and nobody who limits each answer by a range has asked for too much.
        let [range] = &ranges[..] else { return Ok(Some(Self::Whole)) };
        if length == 0 {
            return Ok(Some(Self::Whole));
        }
        let (first, last) = range.to_satisfiable_range(length).ok_or(ApiError::RangeNotSatisfiable { length })?;
        Ok(Some(Self::Part { first, last }))
    }
}

/// Whether `If-Match` lets the request pass. One that cannot be read names no tag of ours.
fn is_expected(request: &HttpRequest, tag: &EntityTag) -> bool {
    // Without the header the list would be read as an empty one.
    !request.headers().contains_key(IF_MATCH)
        || IfMatch::parse(request).is_ok_and(|expected| match expected {
            IfMatch::Any => true,
            IfMatch::Items(tags) => tags.iter().any(|expected| expected.strong_eq(tag)),
        })
}

/// Whether `If-None-Match` names what is here.
pub fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    request.headers().contains_key(IF_NONE_MATCH)
        && IfNoneMatch::parse(request).is_ok_and(|known| match known {
            IfNoneMatch::Any => true,
            IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(tag)),
        })
}

/// Whether `If-Range` allows a part: the client's other parts are of these bytes. We say no dates, so none fits.
fn may_be_a_part(request: &HttpRequest, tag: &EntityTag) -> bool {
    !request.headers().contains_key(IF_RANGE)
        || matches!(IfRange::parse(request), Ok(IfRange::EntityTag(known)) if known.strong_eq(tag))
}

impl Representation {
    /// Sends what was selected, with the headers that `response` has already.
    pub fn send(self, selection: Selection, mut response: HttpResponseBuilder) -> HttpResponse {
        let length = self.bytes.length();
        response
            .insert_header(ETag(self.tag))
            .insert_header((ACCEPT_RANGES, "bytes"))
            .insert_header((REPR_DIGEST, digest::field(&self.sha256)));
        match selection {
            Selection::Head => response.body(SizedStream::new(length, stream::empty::<io::Result<Bytes>>())),
            Selection::Whole => response.no_chunking(length).streaming(self.bytes.into_stream()),
            Selection::Part { first, last } => {
                let range = ContentRangeSpec::Bytes { range: Some((first, last)), instance_length: Some(length) };
                let part = self.bytes.part(first, last - first + 1);
                response.status(StatusCode::PARTIAL_CONTENT).insert_header(ContentRange(range));
                response.no_chunking(part.length()).streaming(part.into_stream())
            }
        }
    }
}

/// 304: the client has what is here.
pub fn not_modified(tag: EntityTag) -> HttpResponse {
    HttpResponse::NotModified().insert_header(ETag(tag)).finish()
}
