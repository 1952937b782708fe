//! Idempotency keys: under which key a batch was handed in, so that a request that is sent again meets the first one's
//! batch.
//!
//! A key is entered with its batch, from the seal, and is there exactly as long as the batch's record names it: the check
//! of a start compares the two. It is taken out with the batch, or when its time is over. Of two batches with one key,
//! which a log that is made anew may meet after the first one's time was over, the newer has it.

use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::check::Sum;
use super::index::Index;
use super::record::{self, BatchRecord};
use super::{JobLog, JobLogError, key};
use crate::batch::BatchId;
use crate::spool::{SealHeader, Sha256Digest};

/// The batch that was handed in under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedBatch {
    pub batch: BatchId,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: i64,
    /// The SHA-256 of what was sent.
    pub fingerprint: Sha256Digest,
}

/// Some of the keys that there are.
#[derive(Debug, Default)]
pub struct KeyPage {
    /// The digest of each key, and its batch.
    pub keys: Vec<(Sha256Digest, KeyedBatch)>,
    /// The key behind which there may be more.
    pub last: Option<Sha256Digest>,
}

impl JobLog {
    /// The batch that was handed in under the key with this digest.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn keyed(&self, digest: &Sha256Digest) -> Result<Option<KeyedBatch>, JobLogError> {
        self.index.keyed(digest)
    }

    /// Up to `count` keys, from the one behind `after` on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn keys_after(&self, after: Option<Sha256Digest>, count: usize) -> Result<KeyPage, JobLogError> {
        let all = key::idempotencies();
        let from = after.map_or(Bound::Included(all.to_vec()), |digest| Bound::Excluded(key::idempotency(&digest)));
        let mut page = KeyPage::default();
        for entry in self.index.db.range((from, Bound::Excluded(vec![all[0] + 1]))).take(count) {
            let (key, value) = entry.map_err(|error| JobLogError::from_sled(&error))?;
            let digest = key::digest_of(&key).ok_or(JobLogError::Damaged)?;
            page.keys.push((digest, record::decode(&value)?));
        }
        page.last = page.keys.last().map(|(digest, _)| *digest).filter(|_| page.keys.len() == count);
        Ok(page)
    }
}

impl Index {
    pub(super) fn keyed(&self, digest: &Sha256Digest) -> Result<Option<KeyedBatch>, JobLogError> {
        self.get(&key::idempotency(digest))?.map(|bytes| record::decode(&bytes)).transpose()
    }

    /// Enters the key of a batch that is being entered; the key that its record has to name.
    ///
    /// While the server runs the key is free: whoever hands a batch in has seen to that. So only a start takes one from an
    /// older batch, and nobody writes that one's record meanwhile. A crash in between leaves a key that no record names,
    /// which the next start gives to the newer batch.
    pub(super) fn enter_key(&self, header: &SealHeader) -> Result<Option<Sha256Digest>, JobLogError> {
        let Some(idempotency) = header.idempotency else { return Ok(None) };
        if let Some(known) = self.keyed(&idempotency.key)?.filter(|known| known.batch != header.batch) {
            if (known.created_ms, known.batch) > (header.created_ms, header.batch) {
                return Ok(None);
            }
            if let Some(older) = self.batch(known.batch)? {
                let older = BatchRecord { idempotency_key: None, ..older };
                self.insert(key::batch(known.batch), &record::encode(&older))?;
            }
        }
        let keyed =
            KeyedBatch { batch: header.batch, created_ms: header.created_ms, fingerprint: idempotency.fingerprint };
        self.insert(key::idempotency(&idempotency.key), &record::encode(&keyed))?;
        Ok(Some(idempotency.key))
    }

    /// Whether a batch's record and its key, if it names one, name each other.
    pub(super) fn has_its_key(&self, id: BatchId, record: &BatchRecord) -> Result<bool, JobLogError> {
        let Some(digest) = record.idempotency_key else { return Ok(true) };
        Ok(self.keyed(&digest)?.is_some_and(|keyed| keyed.batch == id))
    }

    /// Whether the batch that has a key names it. One that does not was left so by a crash.
    pub(super) fn is_named(&self, digest: &Sha256Digest, id: BatchId) -> Result<bool, JobLogError> {
        Ok(self.batch(id)?.is_some_and(|record| record.idempotency_key == Some(*digest)))
    }
}

impl Sum {
    /// Adds a key and the batch that has it.
    pub(super) fn add_key(&mut self, digest: &Sha256Digest, batch: BatchId) {
        self.add(&[&key::idempotency(digest)[..], batch.as_bytes()].concat());
    }
}
