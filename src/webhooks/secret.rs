//! The secret that server and receivers share, and the signatures that it makes (Standard Webhooks, "Signature scheme").

use std::fmt::{self, Debug, Formatter};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::{SysError, SysRng};
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Random bytes of a new one.
const NEW_BYTES: usize = 32;
/// How many bytes a secret may have.
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;

/// A secret: `whsec_` and 24 to 64 bytes in Base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// The text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSecret;

impl Secret {
    /// Reads a secret.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, NoSecret> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| BASE64_STANDARD.decode(rest).ok()).ok_or(NoSecret)?;
        if (BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(NoSecret) }
    }

    /// Makes a secret from random bytes of the operating system.
    ///
    /// # Errors
    /// When the system has none.
    pub fn new() -> Result<Self, SysError> {
        let mut bytes = vec![0; NEW_BYTES];
        SysRng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The secret as receivers and settings have it.
    #[must_use]
    pub fn in_full(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    /// The value of `webhook-signature` for a message: its id, the seconds since 1970-01-01T00:00:00Z when it is sent, and
    /// its body.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Not the secret, which must not come into a log.
impl Debug for Secret {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specifications_own_example() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_reads_back_and_is_never_shown() {
        let secret = Secret::new().unwrap();
        assert_eq!(Secret::parse(&secret.in_full()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "whsec_…");
        assert_ne!(Secret::new().unwrap(), secret);
    }

    #[test]
    fn what_is_too_short_or_of_another_form_is_no_secret() {
        let of = |length: usize| format!("{PREFIX}{}", BASE64_STANDARD.encode(vec![7; length]));
        assert!(Secret::parse(&of(24)).is_ok() && Secret::parse(&of(64)).is_ok());
        for text in ["", "whsec_", "secret", &of(23), &of(65), &of(32)[6..], "whsec_????"] {
            assert_eq!(Secret::parse(text), Err(NoSecret), "{text}");
        }
    }
}
