//! What frames say: a seal of a batch and its files, a group of results of their outcomes.

use serde::{Deserialize, Serialize};

use super::extent::Extent;
use super::frame::FrameRef;
use crate::batch::{BatchId, FileError, FileId, Outcome};

/// The digest that users can check with `sha256sum` (FIPS 180-4).
pub type Sha256Digest = [u8; 32];

/// What a seal says of its batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealHeader {
    pub batch: BatchId,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: i64,
    /// Who handed the batch in.
    pub owner: String,
    /// A JSON object, as the client sent it.
    pub metadata: Option<String>,
    /// The bytes of all files.
    pub bytes_total: u64,
    /// The key under which the batch was handed in, if under one.
    pub idempotency: Option<Idempotency>,
    /// Where the client wants to be told when the batch is completed.
    pub webhook: Option<String>,
}

impl SealHeader {
    /// That of a batch of an owner's of which nothing else is said.
    #[must_use]
    pub fn plain(batch: BatchId, owner: impl Into<String>) -> Self {
        Self {
            batch,
            created_ms: batch.created_ms(),
            owner: owner.into(),
            metadata: None,
            bytes_total: 0,
            idempotency: None,
            webhook: None,
        }
    }
}

/// By which a request that is sent again under an `Idempotency-Key` is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The SHA-256 of the owner and the key, which is not kept itself.
    pub key: Sha256Digest,
    /// The SHA-256 of what was sent.
    pub fingerprint: Sha256Digest,
}

/// What a seal says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SealedFile {
    /// The name that the client gave; for display only, no path comes from it.
    pub name: String,
    /// The type that the name claims; empty when it claims none.
    pub media_type: String,
    /// Where the file begins in its batch's region, in bytes.
    pub offset: u64,
    pub length: u64,
    pub sha256: Sha256Digest,
    /// How long the file took to arrive.
    pub upload_ms: u32,
    /// Why the file was refused while it arrived; its bytes were cut off again.
    pub refused: Option<FileError>,
    /// Whose bytes are this file's, too, where they were there already and its own were let go.
    pub loan: Option<Loan>,
}

impl SealedFile {
    /// Where the file's bytes lie, if it is in the batch with this seal.
    #[must_use]
    pub fn extent(&self, seal: &FrameRef) -> Extent {
        let own = Place { segment: seal.segment, start: seal.region + self.offset };
        let Place { segment, start } = self.loan.and_then(|loan| loan.place).unwrap_or(own);
        Extent { segment, start, length: self.length }
    }
}

/// That a file's bytes are those of another one of the same owner, and stored once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    /// The file with which the bytes came.
    pub lender: FileId,
    /// Where they lie; none where it is in the same batch, and `offset` says.
    pub place: Option<Place>,
}

/// Where bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub segment: u64,
    /// In bytes.
    pub start: u64,
}

/// A batch whose seal is durable.
#[derive(Debug, Clone)]
pub struct SealedBatch {
    pub header: SealHeader,
    pub seal: FrameRef,
    pub files: Vec<SealedFile>,
}

/// What a group in the results says of itself: all of it is of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsHeader {
    pub batch: BatchId,
    pub holds: GroupKind,
}

/// What the entries of a group in the results are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupKind {
    /// Each is a [`ResultEntry`].
    Outcomes,
    /// Each is a [`RetriedFile`].
    Retries,
}

/// A failed file that is to be tried anew; its failure no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetriedFile {
    pub file: FileId,
    /// How often it has been retried, with this time.
    pub retries: u32,
}

/// How long a file took on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in a name")]
pub struct Timings {
    pub verify_ms: u32,
    /// From verified to the start of the last attempt.
    pub queued_ms: u32,
    /// The last attempt.
    pub process_ms: u32,
}

/// One file's outcome, and where its text lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultEntry {
    pub file: FileId,
    /// How often the file had been retried: of two outcomes the one after more retries counts.
    pub retries: u32,
    /// Attempts since the last retry.
    pub attempts: u32,
    pub outcome: Outcome,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub ended_ms: i64,
    pub timings: Timings,
    /// Where the text begins in the region, in bytes.
    pub text_offset: u64,
    /// The text's length in bytes of UTF-8; 0 without a text.
    pub text_length: u64,
    pub text_crc: u32,
    /// Whether the bytes that the client sent are given back with this outcome.
    pub are_bytes_dead: bool,
    /// What the text was made with: a checksum over the build and the settings that texts depend on.
    pub made_with: u32,
    /// Whether the text was taken over from a file with the same bytes.
    pub is_deduplicated: bool,
}
