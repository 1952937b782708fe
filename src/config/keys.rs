//! API keys: their form, their digests, and the settings that name them.
//!
//! A key is 256 random bits, so its digest needs neither salt nor a slow hash: those make up for secrets that can be guessed
//! (NIST SP 800-63B, section 5.1.2.2, on look-up secrets of at least 112 bits). Whoever reads the settings cannot call.

use std::fmt::{self, Debug, Formatter};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::{SysError, SysRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use toml::Value;

use super::bytes;

/// What every key begins with, so that people and scanners of leaked secrets know one when they see it.
const KEY_PREFIX: &str = "consign_";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// The longest name, so that it fits a line of the log and a key of the job log.
const NAME_CHARS_MAX: usize = 64;
/// The section whose sections are keys.
pub const SECTION: &str = "keys";
/// The setting without which there is no key.
const DIGEST: &str = "sha256";
/// The settings of a key.
const SETTINGS: [&str; 4] = [DIGEST, "batches_open_max", "bytes_stored_max", "requests_minute_max"];

/// `[keys.NAME]`: a key, by whose name the batches that are sent with it are known. A name that is used again has the
/// batches of the key before it; the name `local` has those that were sent while there were no keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The SHA-256 of the key, in hexadecimal digits, as `consign key new` prints it.
    pub sha256: KeyDigest,
    /// Batches of this key with files still to be done; one more is answered 429. So many as the server takes, without.
    /// With 0 the key reads only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches_open_max: Option<usize>,
    /// Bytes of the files of all batches of this key that are not removed; a batch that would make it more is answered 429.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bytes::optional")]
    pub bytes_stored_max: Option<u64>,
    /// Requests of this key in a minute, all of them at once or spread over it; one more is answered 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_minute_max: Option<u32>,
}

/// The SHA-256 of a key. It is no secret, and shown in part all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key; none of what has not the form of one, such as a password of somebody's own making.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        let random = key.strip_prefix(KEY_PREFIX.as_bytes())?;
        let random = BASE64_URL_SAFE_NO_PAD.decode(random).ok()?;
        (random.len() == KEY_BYTES).then(|| Self(Sha256::digest(key).into()))
    }

    /// Makes a key from random bytes of the operating system, and its digest.
    ///
    /// # Errors
    /// When the system has none.
    ///
    /// # Panics
    /// Never: what is made here has the form of a key.
    pub fn of_new_key() -> Result<(String, Self), SysError> {
        let mut random = [0; KEY_BYTES];
        SysRng.try_fill_bytes(&mut random)?;
        let key = format!("{KEY_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let digest = Self::of(key.as_bytes()).expect("what is made here has the form of a key");
        Ok((key, digest))
    }

    /// All hexadecimal digits.
    #[must_use]
    pub fn in_full(&self) -> String {
        hex::encode(self.0)
    }
}

impl ConstantTimeEq for KeyDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Debug for KeyDigest {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&masked(&self.in_full()))
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.in_full().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest).map_err(|_| {
            // Without the text: somebody may have put the key itself here.
            let expected = "the SHA-256 of a key in 64 hexadecimal digits, as `consign key new` prints it";
            de::Error::invalid_value(de::Unexpected::Other("a text"), &expected)
        })?;
        Ok(Self(digest))
    }
}

/// Whether a setting is shown in part only.
pub fn is_masked(key: &str) -> bool {
    matches!(parse(key), Some(Named::Setting { setting: DIGEST, .. }))
}

/// The beginning of a digest, by which two can be told apart. It does not read back as one, so that settings which were
/// copied from where they are shown are refused.
pub fn masked(digest: &str) -> String {
    let shown = digest.get(..8).filter(|shown| digest.len() == 64 && shown.chars().all(|c| c.is_ascii_hexdigit()));
    format!("{}…", shown.unwrap_or_default())
}

/// What the name of a setting below `keys` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// `keys.NAME`
    Key,
    /// `keys.NAME.SETTING`
    Setting { name: &'a str, setting: &'static str },
    /// `keys.NAME.SETTING` with another setting, and the one that is most like it.
    Unknown { nearest: &'static str },
}

/// Reads the name of a setting; none of one that is not below `keys`, or whose key has no name that a key can have.
pub fn parse(key: &str) -> Option<Named<'_>> {
    let rest = key.strip_prefix(SECTION)?.strip_prefix('.')?;
    let (name, setting) = rest.rsplit_once('.').map_or((rest, None), |(name, setting)| (name, Some(setting)));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_name = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_plain);
    let Some(setting) = setting.filter(|_| is_name) else { return is_name.then_some(Named::Key) };
    let nearest = SETTINGS.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, setting))?;
    Some(if nearest == setting { Named::Setting { name, setting: nearest } } else { Named::Unknown { nearest } })
}

/// A value of the type that a setting of a key has where nobody has said one.
pub fn placeholder(key: &str) -> Value {
    let is_number = matches!(parse(key), Some(Named::Setting { setting, .. }) if setting != DIGEST);
    if is_number { Value::Integer(0) } else { Value::String(String::new()) }
}

/// Whether a key can have this name.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    parse(&format!("{SECTION}.{name}")) == Some(Named::Key)
}

/// The setting that says which key has this name.
pub fn digest_of(name: &str) -> String {
    format!("{SECTION}.{name}.{DIGEST}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_256_bits_and_is_known_by_its_digest() {
        let (key, digest) = KeyDigest::of_new_key().unwrap();
        assert_eq!(key.len(), KEY_PREFIX.len() + 43, "{key}");
        assert_eq!(digest.in_full(), hex::encode(Sha256::digest(&key)), "what sha256sum says");
        assert_eq!(KeyDigest::of(key.as_bytes()), Some(digest));
        assert_ne!(KeyDigest::of_new_key().unwrap().0, key);
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        let (key, _) = KeyDigest::of_new_key().unwrap();
        for wrong in
            ["", "consign_", "secret", &key[1..], &key[..key.len() - 1], &format!("{key}A"), &key.to_uppercase()]
        {
            assert!(KeyDigest::of(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn names_below_keys_are_keys_or_their_settings() {
        assert_eq!(parse("keys.ann"), Some(Named::Key));
        assert_eq!(parse("keys.ann.sha256"), Some(Named::Setting { name: "ann", setting: "sha256" }));
        assert_eq!(parse("keys.ann.sha265"), Some(Named::Unknown { nearest: "sha256" }));
        for none in ["keys", "key.ann.sha256", "keys..sha256", "keys.a.b.sha256", "keys.ä", "keysann"] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert!(is_key_name(&"n".repeat(64)) && !is_key_name(&"n".repeat(65)) && !is_key_name("a.sha256"));
    }

    #[test]
    fn a_masked_digest_shows_its_beginning_and_a_key_nothing() {
        let (key, digest) = KeyDigest::of_new_key().unwrap();
        assert_eq!(masked(&digest.in_full()), format!("{}…", &digest.in_full()[..8]));
        assert_eq!(masked(&key), "…");
    }
}
