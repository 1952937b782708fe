//! The keys that a request shows: `Authorization: Bearer KEY` (RFC 6750, section 2.1) and `X-Api-Key: KEY`.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

/// The header of clients that have no say over `Authorization`.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The scheme, in any case (RFC 9110, section 11.1).
const BEARER: &[u8] = b"bearer";

/// All that a request shows as its key. Another scheme of `Authorization` shows none: it may be a proxy's.
pub fn shown(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let bearers = headers.get_all(AUTHORIZATION).filter_map(bearer);
    bearers.chain(headers.get_all(X_API_KEY).map(|value| value.as_bytes().trim_ascii()))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let value = value.as_bytes().trim_ascii();
    let (scheme, key) = value.split_at(value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len()));
    scheme.eq_ignore_ascii_case(BEARER).then(|| key.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sent<'a> = &'a [(HeaderName, &'static str)];

    #[test]
    fn keys_are_found_in_either_header_and_each_counts() {
        let cases: [(Sent<'_>, &[&str]); 8] = [
            (&[], &[]),
            (&[(AUTHORIZATION, "Bearer abc")], &["abc"]),
            (&[(AUTHORIZATION, "bEARER   abc ")], &["abc"]),
            (&[(AUTHORIZATION, "Bearer")], &[""]),
            (&[(AUTHORIZATION, "Basic YTpi")], &[]),
            (&[(AUTHORIZATION, "Bearerabc")], &[]),
            (&[(X_API_KEY, " abc ")], &["abc"]),
            (&[(AUTHORIZATION, "Bearer a"), (X_API_KEY, "b"), (X_API_KEY, "c")], &["a", "b", "c"]),
        ];
        for (sent, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.append(name.clone(), HeaderValue::from_static(value));
            }
            let expected: Vec<_> = expected.iter().map(|key| key.as_bytes()).collect();
            assert_eq!(shown(&headers).collect::<Vec<_>>(), expected, "{sent:?}");
        }
    }
}
