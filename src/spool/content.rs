//! A range of a segment's bytes as a file of its own: `Read` and `Seek` for what runs on a blocking thread, a stream of
//! chunks for what does not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use sha2::{Digest, Sha256};

use super::seal::Sha256Digest;

/// The size of a streamed chunk: large enough that handing it over is cheap beside reading it.
const CHUNK_BYTES: u64 = 256 << 10;

/// A chunk up to this size is read where it is asked for; it is in the page cache as a rule, and a thread costs more.
const INLINE_BYTES_MAX: u64 = 64 << 10;

/// A range of a segment's bytes.
#[derive(Debug, Clone)]
pub struct Content {
    file: Arc<File>,
    start: u64,
    length: u64,
    at: u64,
}

impl Content {
    pub(super) const fn new(file: Arc<File>, start: u64, length: u64) -> Self {
        Self { file, start, length, at: 0 }
    }

    /// The range's length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// All bytes; the caller has made sure that they fit.
    ///
    /// # Errors
    /// When the segment is shorter than the range, or cannot be read.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, self.start)?;
        Ok(bytes)
    }

    /// Whether all bytes are there and have this CRC-32. Blocking.
    #[must_use]
    pub fn has_crc(&self, crc: u32) -> bool {
        let mut hasher = crc32fast::Hasher::new();
        self.each_chunk(|chunk| hasher.update(chunk)).is_ok() && hasher.finalize() == crc
    }

    /// The SHA-256 of all bytes. Blocking.
    ///
    /// # Errors
    /// When the segment is shorter than the range, or cannot be read.
    pub fn sha256(&self) -> io::Result<Sha256Digest> {
        let mut hasher = Sha256::new();
        self.each_chunk(|chunk| hasher.update(chunk))?;
        Ok(hasher.finalize().into())
    }

    /// The CRC-32 and the SHA-256 of all bytes, which are read once. Blocking.
    ///
    /// # Errors
    /// When the segment is shorter than the range, or cannot be read.
    pub fn crc_and_sha256(&self) -> io::Result<(u32, Sha256Digest)> {
        let (mut crc, mut sha256) = (crc32fast::Hasher::new(), Sha256::new());
        self.each_chunk(|chunk| {
            crc.update(chunk);
            sha256.update(chunk);
        })?;
        Ok((crc.finalize(), sha256.finalize().into()))
    }

    /// `length` of the bytes, from the one at `first` on.
    ///
    /// # Panics
    /// When there are not that many.
    #[must_use]
    pub fn part(self, first: u64, length: u64) -> Self {
        assert!(first <= self.length && length <= self.length - first, "a part lies inside the whole");
        Self { start: self.start + first, length, at: 0, file: self.file }
    }

    /// Hands over all bytes, from the first to the last, in chunks.
    fn each_chunk(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut chunk = vec![0; usize::try_from(CHUNK_BYTES.min(self.length)).unwrap_or_default()];
        let mut at = 0;
        while at < self.length {
            let length = chunk.len().min(usize::try_from(self.length - at).unwrap_or(usize::MAX));
            self.file.read_exact_at(&mut chunk[..length], self.start + at)?;
            take(&chunk[..length]);
            at += length as u64;
        }
        Ok(())
    }

    /// The bytes in chunks, read ahead of nobody: one chunk at a time, as it is asked for.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
        Box::pin(stream::unfold(self, |mut content| async move {
            let length = CHUNK_BYTES.min(content.length - content.at);
            if length == 0 {
                return None;
            }
            let piece = Self { start: content.start + content.at, length, at: 0, file: Arc::clone(&content.file) };
            content.at += length;
            let read = if length <= INLINE_BYTES_MAX {
                piece.read_all()
            } else {
                tokio::task::spawn_blocking(move || piece.read_all()).await.unwrap_or_else(|error| Err(error.into()))
            };
            if read.is_err() {
                content.at = content.length;
            }
            Some((read.map(Bytes::from), content))
        }))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..wanted], self.start + self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Content {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let at = match position {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
