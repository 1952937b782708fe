//! Answers that are compressed for who accepts that (RFC 9110, section 12.5.3), by gzip, which every client knows: assets
//! once (`assets`), and long JSON each time.
//!
//! Everything else goes as it is. Events must not wait for each other in a compressor, texts and contents have ranges and
//! digests, and what is short takes one round trip in any case.

use std::io::Write;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Encoding, Header, HeaderMap, HeaderValue,
    VARY,
};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Api, ApiError};

/// What the first round trip of a connection brings: ten segments (RFC 6928).
const SHORT_BYTES_MAX: u64 = 14_600;

/// Of a page of statuses the fastest level leaves an eighth, in 2 ms for a mebibyte (decision 0025).
const LEVEL: Compression = Compression::new(1);

/// The middleware that compresses long JSON.
///
/// # Errors
/// Those of the services inside, and [`ApiError::Internal`] when there is no thread to compress on.
pub async fn compress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_taken = takes_gzip(request.request());
    let blocking = request.app_data::<web::Data<Api>>().map(|api| api.blocking.clone());
    let answer = next.call(request).await?.map_into_boxed_body();
    let (Some(blocking), true) = (blocking, is_taken && is_long_json(&answer)) else { return Ok(answer) };
    let (request, response) = answer.into_parts();
    let (response, body) = response.into_parts();
    let mut response = match body.try_into_bytes() {
        Ok(body) => {
            let compressed = blocking.spawn_blocking(move || gzipped(&body, LEVEL)).await;
            response.set_body(compressed.map_err(|error| ApiError::Internal(error.to_string()))?).map_into_boxed_body()
        }
        Err(body) => return Ok(ServiceResponse::new(request, response.set_body(body))),
    };
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    vary(response.headers_mut());
    Ok(ServiceResponse::new(request, response))
}

/// Whether an answer is JSON that is whole, long, and not compressed yet. What has a tag is named byte for byte.
fn is_long_json(answer: &ServiceResponse<BoxBody>) -> bool {
    let headers = answer.headers();
    matches!(answer.response().body().size(), BodySize::Sized(length) if length > SHORT_BYTES_MAX)
        && headers.get(CONTENT_TYPE).is_some_and(|it| it == "application/json")
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(ETAG)
}

/// Whether a client would rather have an answer compressed. Who says nothing of it would not.
pub fn takes_gzip(request: &HttpRequest) -> bool {
    request.headers().contains_key(ACCEPT_ENCODING)
        && AcceptEncoding::parse(request).is_ok_and(|accepted| {
            accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter()) == Some(Encoding::gzip())
        })
}

/// Says that the answer depends on what encoding is accepted.
pub fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
}

/// What gzip makes of some bytes.
pub fn gzipped(bytes: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    compressed.expect("memory takes what is written").into()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn who_would_rather_have_gzip_is_given_it() {
        let takes = |accepted: &str| {
            takes_gzip(&TestRequest::get().insert_header(("Accept-Encoding", accepted)).to_http_request())
        };
        for accepted in ["gzip", "gzip, deflate, br, zstd", "br, gzip;q=0.5", "identity;q=0.5, gzip"] {
            assert!(takes(accepted), "{accepted}");
        }
        for accepted in ["", "identity", "br", "gzip;q=0", "gzip;q=0.5, identity", "*;q=0.1", "nonsense;;"] {
            assert!(!takes(accepted), "{accepted}");
        }
        assert!(!takes_gzip(&TestRequest::get().to_http_request()));
    }
}
