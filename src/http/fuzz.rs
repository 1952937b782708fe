//! The fuzz target `part_headers`: whatever the headers of a part say, its file has a name that can be kept, shown and
//! given out, or the request is refused with a client's error.

use actix_multipart::Multipart;
use actix_web::ResponseError;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, ContentDisposition, HeaderMap, HeaderValue, TryIntoHeaderValue};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use super::ApiError;
use super::digest::content_digest;
use super::files::attachment;
use super::form::file_name;
use crate::actors::uploader::{clipped, refused_by_name};

/// The default of `limits.name_bytes_max`.
const NAME_BYTES_MAX: usize = 255;

/// Reads a body of one part with these header lines, as an upload does.
///
/// # Panics
/// When that does not hold.
pub fn part_headers(lines: &[u8]) {
    let body = [b"--fuzz\r\n", lines, b"\r\n\r\nwords\r\n--fuzz--\r\n"].concat();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=fuzz"));
    let mut parts = Multipart::new(&headers, stream::iter([Ok::<_, PayloadError>(Bytes::from(body))]));
    while let Some(part) = parts.next().now_or_never().expect("the body is there") {
        let mut part = match part {
            Ok(part) => part,
            Err(error) => return assert!(ApiError::from(error).error_response().status().is_client_error()),
        };
        if let Err(error) = content_digest(part.headers()) {
            assert!(error.error_response().status().is_client_error());
        }
        if let Some(name) = file_name(&part) {
            named(&name);
        }
        while let Some(Ok(_)) = part.next().now_or_never().expect("the body is there") {}
    }
}

/// What is kept of a file's name is short enough, and the file leaves under one that is harmless everywhere.
fn named(name: &str) {
    let refused = refused_by_name(name, NAME_BYTES_MAX).is_some();
    let kept = clipped(name.to_owned(), NAME_BYTES_MAX);
    assert!(kept.len() <= NAME_BYTES_MAX && name.starts_with(&kept));
    assert!(refused || (kept == name && !kept.trim().is_empty()), "{name:?}");
    let value = attachment(&kept).try_into_value().expect("a name leaves as a header");
    let parsed = ContentDisposition::from_raw(&value).expect("what is said can be read");
    assert!(parsed.is_attachment() && parsed.parameters.len() <= 2, "{value:?}");
    let plain = parsed.get_filename().expect("there is a plain name");
    let full = parsed.get_filename_ext().map(|full| std::str::from_utf8(&full.value).expect("a name is text"));
    assert!(plain.is_ascii());
    for name in [plain, full.unwrap_or(plain)] {
        assert!(!name.trim_matches(['.', ' ']).is_empty() && name.len() <= NAME_BYTES_MAX, "{name:?}");
        assert!(!name.contains(harmful), "{name:?}");
    }
}

/// What separates paths, is special on some system, or changes how the rest is shown (Unicode's bidirectional controls).
fn harmful(c: char) -> bool {
    c.is_control()
        || "/\\:*?\"<>|".contains(c)
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
