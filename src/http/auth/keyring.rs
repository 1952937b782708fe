//! Which key is whose. A key is looked for among all of them, in the time that it takes to compare with all.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::http::header::HeaderMap;
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::credentials::shown;
use super::{ApiError, Caller, Quotas};
use crate::config::{KeyDigest, KeySettings};

/// The name of everybody while there are no keys.
const LOCAL: &str = "local";

/// Who may call.
#[derive(Debug)]
pub struct Keyring(RwLock<Arc<Callers>>);

#[derive(Debug)]
enum Callers {
    /// Everybody who reaches the server.
    Everybody(Caller),
    /// Those who show one of these keys.
    Keys(Vec<(KeyDigest, Caller)>),
}

impl Keyring {
    /// The keys that the settings name.
    #[must_use]
    pub fn new(keys: &BTreeMap<String, KeySettings>) -> Self {
        let nobody = Callers::Keys(Vec::new());
        Self(RwLock::new(Arc::new(nobody.followed_by(keys))))
    }

    /// Changes the keys for these; what arrives with one whose name stays is counted on.
    pub fn replace(&self, keys: &BTreeMap<String, KeySettings>) {
        let mut callers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *callers = Arc::new(callers.followed_by(keys));
    }

    /// Whether there are no keys, so that everybody may call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(*self.callers(), Callers::Everybody(_))
    }

    /// Who a request with these headers is from.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] when it shows no key, one that is none of ours, or keys that differ.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        self.identify(shown(headers))?.ok_or(ApiError::Unauthorized)
    }

    /// Whose these keys are; nobody's when there is none among them.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] when one is none of ours, or they differ.
    pub(in crate::http) fn identify<'a>(
        &self,
        mut shown: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<Caller>, ApiError> {
        let callers = self.callers();
        let keys = match &*callers {
            Callers::Everybody(caller) => return Ok(Some(caller.clone())),
            Callers::Keys(keys) => keys,
        };
        let Some(first) = shown.next() else { return Ok(None) };
        let first = find(keys, first).ok_or(ApiError::Unauthorized)?;
        let is_first = |key: &[u8]| find(keys, key).is_some_and(|other| other.owner() == first.owner());
        if shown.all(is_first) { Ok(Some(first.clone())) } else { Err(ApiError::Unauthorized) }
    }

    fn callers(&self) -> Arc<Callers> {
        // They are swapped whole.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Callers {
    fn followed_by(&self, keys: &BTreeMap<String, KeySettings>) -> Self {
        if keys.is_empty() {
            return Self::Everybody(Caller::new(LOCAL, Quotas::default()));
        }
        let known = if let Self::Keys(known) = self { known.as_slice() } else { &[] };
        let caller = |(name, settings): (&String, &KeySettings)| {
            let before = known.iter().find(|(_, caller)| caller.owner() == name);
            let quotas = Quotas::new(settings, before.map(|(_, caller)| &**caller.quotas()));
            (settings.sha256, Caller::new(name, quotas))
        };
        Self::Keys(keys.iter().map(caller).collect())
    }
}

/// Whose key this is. All are compared, each in constant time, so that the time tells nothing of how near a guess was.
fn find<'a>(keys: &'a [(KeyDigest, Caller)], shown: &[u8]) -> Option<&'a Caller> {
    let digest = KeyDigest::of(shown)?;
    let mut place = 0_u64;
    for (at, (known, _)) in (1..).zip(keys) {
        place.conditional_assign(&at, known.ct_eq(&digest));
    }
    let (_, caller) = keys.get(usize::try_from(place.checked_sub(1)?).ok()?)?;
    Some(caller)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};

    use super::*;

    const fn settings_of(sha256: KeyDigest) -> KeySettings {
        KeySettings { sha256, batches_open_max: None, bytes_stored_max: None, requests_minute_max: None }
    }

    fn headers(sent: &[(HeaderName, String)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let mut headers = HeaderMap::new();
        for (name, text) in sent {
            headers.append(name.clone(), value(text));
        }
        headers
    }

    #[test]
    fn a_key_is_known_wherever_it_stands_and_two_must_be_the_same() {
        let made: Vec<_> = (0..3).map(|_| KeyDigest::of_new_key().unwrap()).collect();
        let names = ["ann", "bob", "eve"];
        let settings = |at: usize| (names[at].to_owned(), settings_of(made[at].1));
        let keyring = Keyring::new(&(0..3).map(settings).collect());
        let x_api_key = HeaderName::from_static("x-api-key");
        let bearer = |key: &str| (AUTHORIZATION, format!("Bearer {key}"));
        for ((key, _), name) in made.iter().zip(names) {
            let owner = |sent: &[_]| keyring.caller(&headers(sent)).map(|caller| caller.owner().to_owned()).ok();
            assert_eq!(owner(&[bearer(key)]).as_deref(), Some(name));
            assert_eq!(owner(&[(x_api_key.clone(), key.clone())]).as_deref(), Some(name));
            assert_eq!(owner(&[bearer(key), (x_api_key.clone(), key.clone())]).as_deref(), Some(name));
        }
        let (ann, bob) = (&made[0].0, &made[1].0);
        let stranger = KeyDigest::of_new_key().unwrap().0;
        for sent in [
            vec![],
            vec![bearer("")],
            vec![bearer(&stranger)],
            vec![bearer(ann), (x_api_key.clone(), bob.clone())],
            vec![bearer(ann), (x_api_key.clone(), String::new())],
            vec![bearer(ann), bearer(bob)],
            vec![(AUTHORIZATION, format!("Basic {ann}"))],
        ] {
            assert!(matches!(keyring.caller(&headers(&sent)), Err(ApiError::Unauthorized)), "{sent:?}");
        }
    }

    #[test]
    fn without_keys_everybody_is_local_whatever_they_show() {
        let keyring = Keyring::new(&BTreeMap::new());
        let sent = headers(&[(AUTHORIZATION, "Bearer anything".to_owned())]);
        assert_eq!(keyring.caller(&sent).unwrap().owner(), "local");
    }
}
