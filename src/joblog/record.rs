//! The records: small, versioned, checksummed.
//!
//! On the disk a record is its version (one byte), the CRC-32 of the rest (four bytes, little-endian) and its fields in
//! postcard's encoding. sled 0.34 has handed out damaged values without a word, so nothing is believed unchecked.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{JobLogError, Webhooks};
use crate::batch::{FileId, FileState, Outcome, Tally};
use crate::spool::{Extent, FrameRef, SealedBatch, SealedFile, Sha256Digest, Timings};

const VERSION: u8 = 1;

/// What is known of a batch besides its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRecord {
    pub seal: FrameRef,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: i64,
    pub owner: String,
    /// The bytes of all files.
    pub bytes_total: u64,
    pub tally: Tally,
    /// When the last file ended; none while any is pending.
    pub finished_ms: Option<i64>,
    /// Whether the batch's removal has begun; nobody sees it any more.
    pub is_doomed: bool,
    /// Whether its files that have no outcome are to be cancelled.
    pub is_cancelled: bool,
    /// Whether an event tells that it was accepted.
    pub is_told: bool,
    /// The files that were refused while they arrived, by index, ascending: each has ended, and has no record of its own.
    pub refused: Vec<u16>,
    /// Groups in the results that are the batch's and that no file's end names: its retries, and the failures before them.
    pub superseded: Vec<FrameRef>,
    /// The idempotency key under which the batch is known, as a digest, until its time is over.
    pub idempotency_key: Option<Sha256Digest>,
    /// Who is told when it is completed, and who has been.
    pub webhooks: Webhooks,
}

impl BatchRecord {
    /// The record of a batch that has just been sealed, but for its idempotency key.
    ///
    /// # Panics
    /// Never: a file's index has 16 bits.
    #[must_use]
    pub fn of(sealed: &SealedBatch) -> Self {
        let is_refused = |(at, file): (u16, &SealedFile)| file.refused.as_ref().map(|_| at);
        let record = Self {
            seal: sealed.seal,
            created_ms: sealed.header.created_ms,
            owner: sealed.header.owner.clone(),
            bytes_total: sealed.header.bytes_total,
            tally: Tally::default(),
            finished_ms: None,
            is_doomed: false,
            is_cancelled: false,
            is_told: false,
            refused: (0..).zip(&sealed.files).filter_map(is_refused).collect(),
            superseded: Vec::new(),
            idempotency_key: None,
            webhooks: Webhooks { url: sealed.header.webhook.clone(), ..Webhooks::default() },
        };
        record.at_beginning()
    }

    /// The record as it was when the batch had just been sealed and nothing had happened to it.
    ///
    /// # Panics
    /// Never: a file's index has 16 bits.
    #[must_use]
    pub fn at_beginning(self) -> Self {
        let rejected = u32::try_from(self.refused.len()).expect("a file's index has 16 bits");
        let tally = Tally { total: self.seal.entries, rejected, ..Tally::default() };
        let webhooks = Webhooks { url: self.webhooks.url, ..Webhooks::default() };
        Self { tally, finished_ms: None, is_cancelled: false, webhooks, ..self }
    }

    /// Whether the file with this index was refused while it arrived. Its seal's entry says so, too, until it is damaged.
    #[must_use]
    pub fn is_refused(&self, index: usize) -> bool {
        u16::try_from(index).is_ok_and(|index| self.refused.binary_search(&index).is_ok())
    }
}

/// What has happened to a file since its seal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileRecord {
    /// How often the file failed and was to be tried anew.
    pub retries: u32,
    /// Attempts since then that are over, or that a crash has cut short.
    pub attempts: u32,
    /// Whether the file may have been what took the whole process down; it is tried alone then.
    pub is_suspect: bool,
    pub end: Option<FileEnd>,
}

/// How a file ended, and where its result lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEnd {
    pub outcome: Outcome,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub ended_ms: i64,
    pub timings: Timings,
    /// The group of results that holds this one.
    pub results: FrameRef,
    /// Where the text begins in its segment, in bytes.
    pub text_at: u64,
    /// The text's length in bytes; 0 without a text.
    pub text_length: u64,
    pub text_crc: u32,
    /// Whether the bytes that the client sent are no longer kept.
    pub are_bytes_dead: bool,
    /// What the text was made with: a checksum over the build and the settings that texts depend on.
    pub made_with: u32,
    /// Whether the text was taken over from a file with the same bytes.
    pub is_deduplicated: bool,
}

impl FileEnd {
    /// Where the text lies in the results.
    #[must_use]
    pub const fn text(&self) -> Extent {
        Extent { segment: self.results.segment, start: self.text_at, length: self.text_length }
    }
}

impl FileRecord {
    /// The file's state as far as it is durable.
    #[must_use]
    pub fn state(&self) -> FileState {
        self.end.as_ref().map_or(FileState::Stored, |end| end.outcome.state())
    }
}

/// The files that a run may be trying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub files: Vec<ClaimedFile>,
    /// Whether nothing else is tried while this claim is open.
    pub is_alone: bool,
}

/// A file and the attempt that it is claimed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedFile {
    pub file: FileId,
    /// How often the file had been retried: what was claimed before a retry says nothing after it.
    pub retries: u32,
    /// From 1.
    pub attempt: u32,
}

impl Claim {
    /// Attempts of a claimed file that count after a crash: a file that was tried alone is what the process died with, a
    /// file among others perhaps not.
    #[must_use]
    pub fn attempts_that_count(&self, claimed: ClaimedFile) -> u32 {
        if self.is_alone { claimed.attempt } else { claimed.attempt.saturating_sub(1) }
    }
}

/// Encodes a record.
pub fn encode<R: Serialize>(record: &R) -> Vec<u8> {
    let body = postcard::to_allocvec(record).expect("plain data with known lengths always encodes");
    let mut bytes = Vec::with_capacity(body.len() + 5);
    bytes.push(VERSION);
    bytes.extend(crc32fast::hash(&body).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// Decodes a record.
///
/// # Errors
/// [`JobLogError::Damaged`] when the version is unknown, the checksum wrong, or the fields are not the record's.
pub fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, JobLogError> {
    let body = match bytes.split_first_chunk() {
        Some((&[VERSION, a, b, c, d], body)) if crc32fast::hash(body) == u32::from_le_bytes([a, b, c, d]) => body,
        _ => return Err(JobLogError::Damaged),
    };
    postcard::from_bytes(body).map_err(|_| JobLogError::Damaged)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::super::{Delivery, DeliveryState, KeyedBatch};
    use super::*;
    use crate::batch::{BATCH_FILES_LIMIT, BatchId, FileError, FileErrorCode, TextInfo, Tokenizer};
    use crate::joblog::event::EventsRecord;
    use crate::joblog::loans::LoanRecord;
    use crate::joblog::pack::Pack;
    use crate::joblog::{BatchChange, Event};

    #[test]
    fn a_record_survives_the_round_trip_and_no_flipped_bit() {
        let claim =
            Claim { files: vec![ClaimedFile { file: BatchId::new().file(3), retries: 0, attempt: 2 }], is_alone: true };
        let bytes = encode(&claim);
        assert_eq!(decode::<Claim>(&bytes), Ok(claim));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(decode::<Claim>(&damaged), Err(JobLogError::Damaged), "a flip at {at} went unnoticed");
        }
    }

    fn numbers() -> impl Strategy<Value = FrameRef> {
        any::<(u64, u64, u64, u32, u32, u32)>().prop_map(|(segment, region, frame, length, header_length, entries)| {
            FrameRef { segment, region, frame, length, header_length, entries }
        })
    }

    fn tally() -> impl Strategy<Value = Tally> {
        any::<(u32, u32, u32, u32, u32)>().prop_map(|(total, succeeded, failed, rejected, cancelled)| Tally {
            total,
            succeeded,
            failed,
            rejected,
            cancelled,
        })
    }

    fn events_record() -> impl Strategy<Value = EventsRecord> {
        use BatchChange::{Accepted, Cancelling, Completed, Retrying};
        let batch = (select(vec![Accepted, Cancelling, Retrying, Completed]), tally(), any::<Option<i64>>());
        let batch = batch.prop_map(|(change, tally, finished_ms)| Event::Batch { change, tally, finished_ms });
        let ended = any::<(u16, i64)>().prop_map(|(index, ended_ms)| Event::Ended { index, ended_ms });
        let refused = any::<u16>().prop_map(|index| Event::Refused { index });
        let retried = any::<u16>().prop_map(|index| Event::Retried { index });
        let events = vec(prop_oneof![batch, ended, refused, retried], 1..20);
        (any::<[u8; 16]>(), events)
            .prop_map(|(batch, events)| EventsRecord { batch: BatchId::from_bytes(batch), events })
    }

    fn webhooks() -> impl Strategy<Value = Webhooks> {
        let state = prop_oneof![
            any::<i64>().prop_map(|next_ms| DeliveryState::Pending { next_ms }),
            any::<i64>().prop_map(|at_ms| DeliveryState::Delivered { at_ms }),
            Just(DeliveryState::Failed),
        ];
        let delivery =
            (any::<(String, u32, i64, u32, Option<u16>)>(), tally(), state).prop_map(|(rest, tally, state)| {
                let (url, completion, finished_ms, tries, last_status) = rest;
                Delivery { url, completion, tally, finished_ms, tries, last_status, state }
            });
        (any::<(Option<String>, u32)>(), vec(delivery, 0..4)).prop_map(|((url, completions), deliveries)| Webhooks {
            url,
            completions,
            deliveries,
        })
    }

    fn batch_record() -> impl Strategy<Value = BatchRecord> {
        let rest = any::<(i64, String, u64, Option<i64>, (bool, bool, bool), Vec<u16>)>();
        let rest = (rest, vec(numbers(), 0..4), any::<Option<[u8; 32]>>(), webhooks());
        (numbers(), tally(), rest).prop_map(|(seal, tally, (rest, superseded, idempotency_key, webhooks))| {
            let (created_ms, owner, bytes_total, finished_ms, is, refused) = rest;
            let (is_doomed, is_cancelled, is_told) = is;
            BatchRecord {
                seal,
                created_ms,
                owner,
                bytes_total,
                tally,
                finished_ms,
                is_doomed,
                is_cancelled,
                is_told,
                refused,
                superseded,
                idempotency_key,
                webhooks,
            }
        })
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        let text = any::<((u64, u64, Option<u32>, bool), [Option<String>; 4], Vec<String>, String)>();
        let succeeded = text.prop_map(|((chars, tokens, pages, truncated), words, warnings, engine)| {
            let [title, author, created, language] = words;
            let tokenizer = Tokenizer::O200kBase;
            let info = TextInfo {
                chars,
                tokens,
                tokenizer,
                pages,
                title,
                author,
                created,
                language,
                truncated,
                warnings,
                engine,
            };
            Outcome::Succeeded(info)
        });
        let error =
            || any::<Option<String>>().prop_map(|detail| FileError { code: FileErrorCode::PasswordProtected, detail });
        prop_oneof![
            succeeded,
            error().prop_map(Outcome::Failed),
            error().prop_map(Outcome::Rejected),
            Just(Outcome::Cancelled)
        ]
    }

    fn file_record() -> impl Strategy<Value = FileRecord> {
        let rest = any::<((i64, u64, u64, u32), (u32, u32, u32), (bool, u32, bool))>();
        let end = (outcome(), numbers(), rest).prop_map(|(outcome, results, (end, times, more))| {
            let (are_bytes_dead, made_with, is_deduplicated) = more;
            let (ended_ms, text_at, text_length, text_crc) = end;
            let timings = Timings { verify_ms: times.0, queued_ms: times.1, process_ms: times.2 };
            FileEnd {
                outcome,
                ended_ms,
                timings,
                results,
                text_at,
                text_length,
                text_crc,
                are_bytes_dead,
                made_with,
                is_deduplicated,
            }
        });
        (any::<(u32, u32, bool)>(), of(end)).prop_map(|((retries, attempts, is_suspect), end)| FileRecord {
            retries,
            attempts,
            is_suspect,
            end,
        })
    }

    fn pack() -> impl Strategy<Value = Pack> {
        vec((0..BATCH_FILES_LIMIT, file_record()), 0..16).prop_map(|records| {
            let mut pack = Pack::default();
            for (index, record) in records {
                pack.put(index, record);
            }
            pack
        })
    }

    fn loans() -> impl Strategy<Value = Vec<LoanRecord>> {
        let lender = (any::<[u8; 16]>(), 0..BATCH_FILES_LIMIT);
        let loan = (any::<(u16, u64, u64, u64)>(), lender).prop_map(|(loan, (batch, lender))| {
            let (index, segment, start, length) = loan;
            let extent = Extent { segment, start, length };
            LoanRecord { index, extent, lender: BatchId::from_bytes(batch).file(lender) }
        });
        vec(loan, 0..64)
    }

    fn keyed() -> impl Strategy<Value = KeyedBatch> {
        let fields = any::<([u8; 16], i64, [u8; 32])>();
        fields.prop_map(|(batch, created_ms, fingerprint)| KeyedBatch {
            batch: BatchId::from_bytes(batch),
            created_ms,
            fingerprint,
        })
    }

    fn claim() -> impl Strategy<Value = Claim> {
        let file = (any::<[u8; 16]>(), 0..BATCH_FILES_LIMIT, any::<(u32, u32)>());
        let file = file.prop_map(|(batch, index, (retries, attempt))| {
            let file = BatchId::from_bytes(batch).file(index);
            ClaimedFile { file, retries, attempt }
        });
        (vec(file, 0..64), any::<bool>()).prop_map(|(files, is_alone)| Claim { files, is_alone })
    }

    /// Whether the record comes back as it was, and is damaged with one byte changed, and cut short.
    fn keeps<R>(record: R, at: Index, change: u8) -> Result<(), TestCaseError>
    where
        R: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let mut bytes = encode(&record);
        prop_assert_eq!(decode::<R>(&bytes), Ok(record));
        let at = at.index(bytes.len());
        prop_assert_eq!(decode::<R>(&bytes[..at]), Err(JobLogError::Damaged), "cut to {} bytes", at);
        bytes[at] ^= change;
        prop_assert_eq!(decode::<R>(&bytes), Err(JobLogError::Damaged), "a change at {} went unnoticed", at);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_record_comes_back_as_it_was_and_never_changed(
            (batch, pack, loans) in (batch_record(), pack(), loans()),
            (claim, keyed, events) in (claim(), keyed(), events_record()),
            (at, change) in (any::<Index>(), 1..=u8::MAX),
        ) {
            keeps(batch, at, change)?;
            keeps(events, at, change)?;
            keeps(pack, at, change)?;
            keeps(loans, at, change)?;
            keeps(claim, at, change)?;
            keeps(keyed, at, change)?;
        }
    }

    #[test]
    fn only_a_file_claimed_alone_is_sure_to_have_been_tried() {
        let file = |index, attempt| ClaimedFile { file: BatchId::new().file(index), retries: 0, attempt };
        let alone = Claim { files: vec![file(0, 3)], is_alone: true };
        let window = Claim { files: vec![file(0, 3), file(1, 1)], is_alone: false };
        assert_eq!(alone.attempts_that_count(alone.files[0]), 3);
        assert_eq!(window.attempts_that_count(window.files[0]), 2);
        assert_eq!(window.attempts_that_count(window.files[1]), 0);
        assert_eq!(window.attempts_that_count(file(0, 0)), 0, "a claim before the first attempt");
    }
}
