//! Ids: of a batch, and of its files, which follow from it.

use std::time::{SystemTime, UNIX_EPOCH};

use derive_more::{Display, Error};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::{Builder, Uuid};

/// The most files that a batch can ever hold: a file's id has 16 bits for its index, and 0 stands for the batch itself.
pub const BATCH_FILES_LIMIT: usize = u16::MAX as usize;

/// The low 16 bits of an id: 0 in a batch's, index + 1 in a file's.
const INDEX_MASK: u128 = 0xffff;

/// A batch's id: a UUIDv7 (RFC 9562) whose low 16 bits are 0.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Uuid", into = "Uuid")]
#[schema(
    value_type = String,
    format = "uuid",
    pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}0000$",
    examples("0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000")
)]
pub struct BatchId(Uuid);

/// A file's id: its batch's id with the file's index + 1 in the low 16 bits.
///
/// So the batch and the place in it follow from the id alone, no index maps one to the other, and a batch recovered
/// from its seal has the same file ids as before. 46 random bits keep the ids of other batches unguessable.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Uuid", into = "Uuid")]
#[schema(value_type = String, format = "uuid", examples("0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001"))]
pub struct FileId(Uuid);

/// A UUID that is an id of the other kind.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq)]
#[display("{_0} is not an id of this kind")]
pub struct WrongId(#[error(not(source))] Uuid);

/// The UUID in the form in which ids are given out. Any other spelling would be another address of the same thing.
fn hyphenated(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(uuid)
}

impl BatchId {
    /// A fresh id; later ones sort after earlier ones, to a quarter of a microsecond (RFC 9562, method 3).
    #[must_use]
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let fraction = (u64::from(since_epoch.subsec_nanos() % 1_000_000) << 12) / 1_000_000;
        let mut rest: [u8; 10] = rand::random();
        rest[..2].copy_from_slice(&u16::try_from(fraction).unwrap_or(u16::MAX).to_be_bytes());
        Self::of(Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid())
    }

    fn of(uuid: Uuid) -> Self {
        Self(Uuid::from_u128(uuid.as_u128() & !INDEX_MASK))
    }

    /// The id in text, if it is the id of a batch.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::try_from(hyphenated(text)?).ok()
    }

    /// The 16 bytes, most significant first, so that their order is the order of creation.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id whose [`as_bytes`](Self::as_bytes) these are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::of(Uuid::from_bytes(bytes))
    }

    /// When the batch was made, in milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Panics
    /// Never: the time is 48 bits of the id.
    #[must_use]
    pub fn created_ms(self) -> i64 {
        i64::try_from(self.0.as_u128() >> 80).expect("48 bits fit")
    }

    /// The id of the file with this index.
    ///
    /// # Panics
    /// When `index` is at or past [`BATCH_FILES_LIMIT`].
    #[must_use]
    pub fn file(self, index: usize) -> FileId {
        assert!(index < BATCH_FILES_LIMIT, "a batch holds at most {BATCH_FILES_LIMIT} files");
        FileId(Uuid::from_u128(self.0.as_u128() | (index as u128 + 1)))
    }
}

impl Default for BatchId {
    fn default() -> Self {
        Self::new()
    }
}

impl FileId {
    /// The id in text, if it is the id of a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::try_from(hyphenated(text)?).ok()
    }

    /// The 16 bytes, most significant first; they begin as the batch's do.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id whose [`as_bytes`](Self::as_bytes) these are, if they are one's.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::try_from(Uuid::from_bytes(bytes)).ok()
    }

    /// The batch that the file belongs to.
    #[must_use]
    pub fn batch(self) -> BatchId {
        BatchId::of(self.0)
    }

    /// The file's place in its batch, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from((self.0.as_u128() & INDEX_MASK) as u16) - 1
    }
}

impl TryFrom<Uuid> for BatchId {
    type Error = WrongId;

    fn try_from(uuid: Uuid) -> Result<Self, WrongId> {
        if uuid.as_u128() & INDEX_MASK == 0 { Ok(Self(uuid)) } else { Err(WrongId(uuid)) }
    }
}

impl TryFrom<Uuid> for FileId {
    type Error = WrongId;

    fn try_from(uuid: Uuid) -> Result<Self, WrongId> {
        if uuid.as_u128() & INDEX_MASK == 0 { Err(WrongId(uuid)) } else { Ok(Self(uuid)) }
    }
}

impl From<BatchId> for Uuid {
    fn from(batch: BatchId) -> Self {
        batch.0
    }
}

impl From<FileId> for Uuid {
    fn from(file: FileId) -> Self {
        file.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_knows_its_batch_and_its_place() {
        let batch = BatchId::new();
        for index in [0, 1, 9_999, BATCH_FILES_LIMIT - 1] {
            let file = batch.file(index);
            assert_eq!((file.batch(), file.index()), (batch, index));
            assert_eq!(FileId::parse(&file.to_string()), Some(file));
        }
    }

    #[test]
    fn an_id_knows_its_time() {
        let now_ms = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let before = now_ms();
        let batch = BatchId::new();
        assert!((before..=now_ms()).contains(&batch.created_ms()));
    }

    #[test]
    fn an_id_of_the_one_kind_is_none_of_the_other() {
        let batch = BatchId::new();
        assert_eq!(BatchId::parse(&batch.to_string()), Some(batch));
        assert_eq!(FileId::parse(&batch.to_string()), None);
        assert_eq!(BatchId::parse(&batch.file(0).to_string()), None);
    }

    #[test]
    fn an_id_is_read_as_its_own_kind_or_not_at_all() {
        let batch = BatchId::new();
        let (of_batch, of_file) =
            (postcard::to_allocvec(&batch).unwrap(), postcard::to_allocvec(&batch.file(0)).unwrap());
        assert_eq!(postcard::from_bytes(&of_batch), Ok(batch));
        assert_eq!(postcard::from_bytes(&of_file), Ok(batch.file(0)));
        assert!(postcard::from_bytes::<FileId>(&of_batch).is_err());
        assert!(postcard::from_bytes::<BatchId>(&of_file).is_err());
        assert_eq!(of_batch[1..], *batch.as_bytes(), "the bytes that earlier versions wrote");
    }
}
