//! `[limits]`: what is taken in, and how much of it at a time.

use bytesize::{GIB, KIB, MIB};
use serde::{Deserialize, Serialize};

use super::bytes;

/// `[limits]`: what one request, one file and one answer may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Files in one batch, at most 65,534, since a file's id has 16 bits for its place. 10,000 are a
    /// large folder; a larger one goes in several batches.
    pub batch_files_max: usize,
    /// Bytes of all files of one batch together. 16 GiB are an hour's upload over an ordinary office line.
    #[serde(with = "bytes")]
    pub batch_bytes_max: u64,
    /// Bytes of one file. 256 MiB take in nearly every document that people write or scan.
    #[serde(with = "bytes")]
    pub file_bytes_max: u64,
    /// Bytes of a file whose text is read; a larger one is kept and served, and ends `failed` with
    /// `too_large_to_extract`. A child holds the whole file, so a quarter of its memory.
    #[serde(with = "bytes")]
    pub extract_bytes_max: u64,
    /// Bytes of the text of one file. 64 MiB are some 16 million tokens: more is a dump of data, not a document.
    #[serde(with = "bytes")]
    pub text_bytes_max: u64,
    /// Bytes of a file's name in UTF-8. 255 is what common filesystems take, so every name that a disk held passes.
    #[serde(with = "bytes")]
    pub name_bytes_max: u64,
    /// Bytes of one form field that is no file. 64 KiB are plenty for a batch's metadata, and they are held in memory.
    #[serde(with = "bytes")]
    pub field_bytes_max: u64,
    /// Form fields in one request that are no files. 64 leave room for what browsers and gateways add, and end a
    /// flood of tiny parts early.
    pub fields_max: usize,
    /// Connections at the same time; one more waits to be taken up. Each costs some 20 KiB and up to two descriptors, of
    /// which the server takes as many as its hard limit allows; where they do not suffice there are fewer connections.
    pub connections_max: usize,
    /// Uploads that stream at the same time; one more is answered 429. Each holds a connection and buffers.
    pub uploads_open_max: usize,
    /// Batches with files still to be done; one more is answered 429. It bounds what has been promised and not yet
    /// kept, and the memory that holds the turns between batches.
    pub batches_open_max: usize,
    /// Bytes that stay free on the disk of the data directory; below it uploads are answered 507 before they are
    /// read, so that results and the job log can still be written. 0 turns the check off.
    #[serde(with = "bytes")]
    pub disk_free_bytes_min: u64,
    /// Milliseconds without a byte after which an upload is ended with 408. 30 s outlast a train's tunnel.
    pub upload_idle_ms_max: u64,
    /// Bytes that each second of waiting for an upload must bring on average, once `upload_idle_ms_max` is over; a slower
    /// one is ended with 408, so that a few that trickle cannot hold all places. 1 KiB is less than any line that people
    /// still use. 0 ends none.
    #[serde(with = "bytes")]
    pub upload_second_bytes_min: u64,
    /// Milliseconds that a request with `?wait=` is held; a longer wish is cut to it. Each holds a connection, so
    /// after two minutes the client asks again. 0 answers at once.
    pub wait_ms_max: u64,
    /// Milliseconds that an `Idempotency-Key` stands for its batch; a day outlasts what makes a client send again. The
    /// job log keeps some hundred bytes for each.
    pub idempotency_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_files_max: 10_000,
            batch_bytes_max: 16 * GIB,
            file_bytes_max: 256 * MIB,
            extract_bytes_max: 256 * MIB,
            text_bytes_max: 64 * MIB,
            name_bytes_max: 255,
            field_bytes_max: 64 * KIB,
            fields_max: 64,
            connections_max: 4_096,
            uploads_open_max: 256,
            batches_open_max: 100_000,
            disk_free_bytes_min: GIB,
            upload_idle_ms_max: 30_000,
            upload_second_bytes_min: KIB,
            wait_ms_max: 120_000,
            idempotency_ms_max: 86_400_000,
        }
    }
}
