//! What a client says of the bytes that it sends (`Content-Digest`, RFC 9530), and whether those that came are these.

use sha2::{Digest, Sha256, Sha512};

use crate::spool::Sha256Digest;

/// The digests of some bytes that a client named; all that it named must be right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContentDigest {
    pub sha256: Option<Sha256Digest>,
    pub sha512: Option<[u8; 64]>,
}

/// A comparison under way; it costs nothing where nothing was named.
#[derive(Debug)]
pub struct DigestCheck {
    named: ContentDigest,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl DigestCheck {
    #[must_use]
    pub fn new(named: ContentDigest) -> Self {
        Self { named, sha256: named.sha256.map(|_| Sha256::new()), sha512: named.sha512.map(|_| Sha512::new()) }
    }

    /// These bytes have come.
    pub fn came(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
    }

    /// Whether the bytes that came are those that were named.
    #[must_use]
    pub fn holds(self) -> bool {
        let sha256 = self.sha256.map(|hasher| hasher.finalize().into());
        let sha512 = self.sha512.map(|hasher| hasher.finalize().into());
        self.named == ContentDigest { sha256, sha512 }
    }
}
