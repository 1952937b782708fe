//! `Content-Digest` and `Repr-Digest` (RFC 9530): what digests a request names, whether its body is the one, and how ours
//! are written.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::web;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{LocalBoxStream, Stream, StreamExt};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::ApiError;
use crate::actors::uploader::{ContentDigest, DigestCheck, Pace};
use crate::spool::Sha256Digest;

/// The digest of a body, or of a part of one, as it is sent.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Bytes that may stand behind the last boundary of a body whose digest is compared; they say nothing.
const EPILOGUE_BYTES_MAX: usize = 64 << 10;

/// A digest as the value of a header.
pub fn field(sha256: &Sha256Digest) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256))
}

/// The digests that a request or a part names. Algorithms that are not known here are passed over, as the RFC has it.
///
/// # Errors
/// When the header is no dictionary of byte sequences, or a digest has another length than its algorithm's.
pub fn content_digest(headers: &HeaderMap) -> Result<ContentDigest, ApiError> {
    let lines = headers.get_all(CONTENT_DIGEST).map(HeaderValue::as_bytes);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    let mut named = ContentDigest::default();
    if !lines.is_empty() {
        let members: Dictionary =
            Parser::new(&lines.join(&b", "[..])).parse().map_err(|_| ApiError::BadContentDigest)?;
        for (algorithm, value) in members {
            let ListEntry::Item(value) = value else { return Err(ApiError::BadContentDigest) };
            let BareItem::ByteSequence(digest) = value.bare_item else { return Err(ApiError::BadContentDigest) };
            match algorithm.as_str() {
                "sha-256" => named.sha256 = Some(sized(digest)?),
                "sha-512" => named.sha512 = Some(sized(digest)?),
                _ => {}
            }
        }
    }
    Ok(named)
}

fn sized<const N: usize>(digest: Vec<u8>) -> Result<[u8; N], ApiError> {
    digest.try_into().map_err(|_| ApiError::BadContentDigest)
}

/// A request's body, hashed as it is read if its client has named a digest.
pub struct Body {
    reading: Rc<RefCell<Reading>>,
    is_compared: bool,
}

struct Reading {
    payload: LocalBoxStream<'static, Result<Bytes, PayloadError>>,
    check: DigestCheck,
    is_over: bool,
}

/// The same body for one who reads it.
pub struct BodyStream(Rc<RefCell<Reading>>);

impl Body {
    pub fn new(payload: web::Payload, named: ContentDigest) -> Self {
        let reading = Reading { payload: payload.boxed_local(), check: DigestCheck::new(named), is_over: false };
        Self { reading: Rc::new(RefCell::new(reading)), is_compared: named != ContentDigest::default() }
    }

    pub fn stream(&self) -> BodyStream {
        BodyStream(Rc::clone(&self.reading))
    }

    /// Reads what the form has left of the body, and compares the whole with what was named.
    ///
    /// # Errors
    /// When it is another body, does not end, or comes too slowly.
    pub async fn compare(self, pace: &mut Pace) -> Result<(), ApiError> {
        if !self.is_compared {
            return Ok(());
        }
        let (mut rest, mut left) = (self.stream(), EPILOGUE_BYTES_MAX);
        while let Some(chunk) = pace.wait(rest.next()).await.map_err(|_| ApiError::RequestTimeout)? {
            let chunk = chunk.map_err(|error| ApiError::MalformedMultipart(error.to_string()))?;
            pace.came(chunk.len());
            let too_long = || ApiError::MalformedMultipart("too much stands behind the last boundary".into());
            left = left.checked_sub(chunk.len()).ok_or_else(too_long)?;
        }
        let check = std::mem::replace(&mut self.reading.borrow_mut().check, DigestCheck::new(ContentDigest::default()));
        check.holds().then_some(()).ok_or(ApiError::DigestMismatch)
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut reading = self.0.borrow_mut();
        if reading.is_over {
            return Poll::Ready(None);
        }
        let chunk = ready!(reading.payload.poll_next_unpin(context));
        match &chunk {
            Some(Ok(bytes)) => reading.check.came(bytes),
            Some(Err(_)) | None => reading.is_over = true,
        }
        Poll::Ready(chunk)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256, Sha512};

    use super::*;

    fn read(lines: &[&str]) -> Result<ContentDigest, ApiError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_DIGEST, HeaderValue::from_str(line).unwrap());
        }
        content_digest(&headers)
    }

    #[test]
    fn digests_are_read_from_one_line_and_several_and_others_are_passed_over() {
        let (sha256, sha512) = (Sha256::digest(b"words").into(), Sha512::digest(b"words").into());
        let both = [field(&sha256), format!("sha-512=:{}:", STANDARD.encode(sha512))];
        let expected = ContentDigest { sha256: Some(sha256), sha512: Some(sha512) };
        assert_eq!(read(&[&both[0], &both[1]]).unwrap(), expected);
        assert_eq!(read(&[&both.join(",md5=:AAAA:;a=1, ")]).unwrap(), expected);
        assert_eq!(read(&[]).unwrap(), ContentDigest::default());
        assert_eq!(read(&["md5=:AAAA:", ""]).unwrap(), ContentDigest::default());
        let mut check = DigestCheck::new(expected);
        check.came(b"wor");
        check.came(b"ds");
        assert!(check.holds());
        let wrong = ContentDigest { sha512: Some([0; 64]), ..expected };
        let mut check = DigestCheck::new(wrong);
        check.came(b"words");
        assert!(!check.holds(), "all that is named must be right");
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for line in [
            "sha-256",
            "sha-256=abc",
            "sha-256=\"abc\"",
            "sha-256=:AAAA:",
            "sha-512=:AAAA:",
            "sha-256=:%%%%:",
            "sha-256=:AAAA",
            "sha-256=(:AAAA:)",
            "md5=1",
            "SHA-256=:AAAA:",
            ":AAAA:",
            ",",
        ] {
            assert!(matches!(read(&[line]), Err(ApiError::BadContentDigest)), "{line:?}");
        }
    }
}
