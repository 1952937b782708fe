//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a request that is sent again makes no second batch.
//!
//! A key is in hand from before the body is read until the batch is entered under it, so that of two requests at the same
//! time one is turned away. What it stands for afterwards is the job log's to know. A request that fails leaves nothing
//! behind, and its key is free. If the seal is durable and the entering in doubt, the client is told that storing failed,
//! nothing more is taken, and the start that follows enters the batch and its key: sent again, the request meets both.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use sfv::{BareItem, Item, Parser};
use sha2::{Digest, Sha256};

use super::{Api, ApiError};
use crate::batch::BatchId;
use crate::spool::{Idempotency, SealedFile, Sha256Digest};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// The key that a request names: a String of RFC 9651, as the draft has it, or bare, as many clients send it.
///
/// # Errors
/// When it is neither, or there is more than one.
pub fn key_of(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let mut sent = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(first) = sent.next() else { return Ok(None) };
    let key = if sent.next().is_none() { parse(first.as_bytes()) } else { None };
    key.map(Some).ok_or(ApiError::BadIdempotencyKey { max: KEY_CHARS_MAX })
}

fn parse(sent: &[u8]) -> Option<String> {
    let key = if sent.starts_with(b"\"") {
        let item: Item = Parser::new(sent).parse().ok()?;
        let BareItem::String(key) = item.bare_item else { return None };
        key.as_str().to_owned()
    } else {
        std::str::from_utf8(sent).ok()?.to_owned()
    };
    let is_key = (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then_some(key)
}

/// What was sent, as far as it decides what becomes of it: each file's name, size, digest and refusal, in order, the
/// metadata, and who is to be told. A file's type follows from its name.
pub fn fingerprint(files: &[SealedFile], metadata: Option<&str>, webhook: Option<&str>) -> Sha256Digest {
    let mut hasher = Sha256::new();
    // Each text behind its length, so that none can pass for the end of one and the beginning of the next.
    let mut add = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    for file in files {
        add(&file.name);
        add(&file.length.to_string());
        add(&hex::encode(file.sha256));
        add(&file.refused.as_ref().map_or_else(String::new, |refused| refused.code.to_string()));
    }
    // One text more than files have, which come by fours, and two more for the webhook.
    metadata.into_iter().for_each(&mut add);
    webhook.into_iter().flat_map(|url| ["webhook", url]).for_each(add);
    hasher.finalize().into()
}

/// The keys of requests that are under way, as digests; as many at most as uploads may be open, and those being sealed.
#[derive(Debug, Default)]
pub struct KeysInHand(Mutex<HashSet<Sha256Digest>>);

impl KeysInHand {
    /// Takes an owner's key in hand.
    ///
    /// # Errors
    /// When another request has it.
    pub fn take(self: &Arc<Self>, owner: &str, key: &str) -> Result<KeyInHand, ApiError> {
        let mut hasher = Sha256::new();
        hasher.update((owner.len() as u64).to_le_bytes());
        hasher.update(owner);
        hasher.update(key);
        let digest = hasher.finalize().into();
        let is_free = self.lock().insert(digest);
        is_free.then(|| KeyInHand { digest, keys: Arc::clone(self) }).ok_or(ApiError::IdempotencyConflict)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Sha256Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that no other request has until this is dropped, however the request ends.
#[derive(Debug)]
pub struct KeyInHand {
    digest: Sha256Digest,
    keys: Arc<KeysInHand>,
}

impl KeyInHand {
    /// The batch that was made by this request before; none when the key is free.
    ///
    /// # Errors
    /// When the key stands for another request, or the job log cannot be read.
    pub async fn batch_of(&self, api: &Api, fingerprint: Sha256Digest) -> Result<Option<BatchId>, ApiError> {
        let kept = Duration::from_millis(api.limits.idempotency_ms_max);
        match api.door.batch_of_key(&self.digest, kept).await? {
            Some(keyed) if keyed.fingerprint == fingerprint => Ok(Some(keyed.batch)),
            Some(_) => Err(ApiError::IdempotencyKeyReused),
            None => Ok(None),
        }
    }

    /// What the seal of the batch says of the key.
    pub const fn sealed_with(&self, fingerprint: Sha256Digest) -> Idempotency {
        Idempotency { key: self.digest, fingerprint }
    }
}

impl Drop for KeyInHand {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_quoted_and_bare_and_nothing_else_is_one() {
        let longest = "k".repeat(KEY_CHARS_MAX);
        for key in ["8e03978e-40d5-43dd-bc93-6894a57f9324", "a", "a,b;c=d:!", "a\"b", &longest] {
            assert_eq!(parse(key.as_bytes()).as_deref(), Some(key));
            let quoted = format!("\"{}\"", key.replace('"', "\\\""));
            assert_eq!(parse(quoted.as_bytes()).as_deref(), Some(key));
        }
        assert_eq!(parse(b"\"a\";foo=1").as_deref(), Some("a"), "parameters say nothing");
        let too_long = "k".repeat(KEY_CHARS_MAX + 1);
        for sent in ["", "\"", "\"\"", "\"a", "\"a\" \"b\"", "a b", "\"a b\"", "\u{e9}", "\"a\", \"b\"", &too_long] {
            assert_eq!(parse(sent.as_bytes()), None, "{sent:?}");
        }
    }

    #[test]
    fn whatever_is_sent_otherwise_has_another_fingerprint() {
        let file = |name: &str, length| SealedFile { name: name.into(), length, ..SealedFile::default() };
        let one = |file| fingerprint(&[file], None, None);
        let refused = Some(crate::batch::FileErrorCode::UnsupportedType.into());
        let prints = [
            one(file("a", 1)),
            one(file("a", 2)),
            one(file("b", 1)),
            one(SealedFile { sha256: [1; 32], ..file("a", 1) }),
            one(SealedFile { refused, ..file("a", 1) }),
            fingerprint(&[file("a", 1)], Some("{}"), None),
            fingerprint(&[file("a", 1)], Some("{}"), Some("{}")),
            fingerprint(&[file("a", 1)], None, Some("{}")),
            fingerprint(&[file("a", 1), file("b", 1)], None, None),
            fingerprint(&[file("b", 1), file("a", 1)], None, None),
        ];
        let distinct: HashSet<_> = prints.iter().collect();
        assert_eq!(distinct.len(), prints.len());
        let arrived = SealedFile { upload_ms: 7, offset: 4096, media_type: "text/plain".into(), ..file("a", 1) };
        assert_eq!(one(arrived), prints[0], "how and when it came says nothing");
    }

    #[test]
    fn a_key_is_in_hand_once_for_each_owner_until_it_is_put_down() {
        let keys = Arc::new(KeysInHand::default());
        let first = keys.take("local", "a").unwrap();
        assert!(matches!(keys.take("local", "a"), Err(ApiError::IdempotencyConflict)));
        let other = keys.take("loca", "la").unwrap();
        drop(first);
        drop((keys.take("local", "a").unwrap(), other));
        assert!(keys.lock().is_empty());
    }
}
