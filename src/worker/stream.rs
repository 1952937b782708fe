//! Frames over pipes: blocking on the child's side, async on the server's.
//!
//! No more than one frame is ever held, and no memory is taken for a body before its header has been checked.

use std::convert::Infallible;
use std::io::{self, BufReader, Read, Write};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::protocol::{BLOCK_BYTES_MAX, HEADER_BYTES, Header, Order, Report};

/// The most of a child's stderr that is kept: its end, where the runtime's last words are.
const LAST_WORDS_BYTES_MAX: usize = 4 << 10;

/// What the child reads at a time: a small file with its job, in one call.
const INPUT_BYTES: usize = 64 << 10;

/// Answers to small files leave together, as long as they are few bytes and came soon after each other.
const HELD_BYTES_MAX: usize = 32 << 10;
const HELD_FOR_MAX: Duration = Duration::from_millis(5);

/// How long the rest of stderr is waited for when the child is gone: only a stranger can still hold it open.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(200);

/// Reads what the server says.
#[derive(Debug)]
pub struct OrderReader<R> {
    input: BufReader<R>,
    body: Vec<u8>,
}

impl<R: Read> OrderReader<R> {
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(INPUT_BYTES, input), body: Vec::new() }
    }

    /// Where orders come from.
    pub fn input(&self) -> &R {
        self.input.get_ref()
    }

    /// Whether the beginning of another order has been read already.
    pub fn has_more(&self) -> bool {
        !self.input.buffer().is_empty()
    }

    /// The next order; none when the server has hung up between two.
    pub fn next(&mut self) -> io::Result<Option<Order<'_>>> {
        let mut header = [0; HEADER_BYTES];
        // Only an end before a frame's first byte is a proper one.
        match self.input.read(&mut header[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => self.input.read_exact(&mut header[1..])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return self.next(),
            Err(error) => return Err(error),
        }
        let header = Header::decode(header)?;
        self.body.resize(header.body_bytes, 0);
        self.input.read_exact(&mut self.body)?;
        Ok(Some(Order::decode(header.kind, &self.body)?))
    }
}

/// Writes what the child says.
#[derive(Debug)]
pub struct ReportWriter<W> {
    output: W,
    /// What was said and has not left.
    frames: Vec<u8>,
    left_at: Instant,
}

impl<W: Write> ReportWriter<W> {
    pub fn new(output: W) -> Self {
        Self { output, frames: Vec::new(), left_at: Instant::now() }
    }

    /// Says one thing, at once.
    pub fn send(&mut self, report: &Report<'_>) -> io::Result<()> {
        report.encode(&mut self.frames);
        self.leave()
    }

    /// Says one thing and then `bytes`, in blocks; what fits into one block leaves in one write.
    pub fn send_with(&mut self, report: &Report<'_>, bytes: &[u8]) -> io::Result<()> {
        report.encode(&mut self.frames);
        for block in bytes.chunks(BLOCK_BYTES_MAX) {
            Report::Block(block).encode(&mut self.frames);
            self.leave()?;
        }
        self.leave()
    }

    /// Says one thing and then `bytes` before the next thing is said, which is soon: waking the reader for each of many small
    /// answers costs more than they do.
    pub fn hold_with(&mut self, report: &Report<'_>, bytes: &[u8]) -> io::Result<()> {
        if self.frames.len() + bytes.len() > HELD_BYTES_MAX || self.left_at.elapsed() > HELD_FOR_MAX {
            return self.send_with(report, bytes);
        }
        report.encode(&mut self.frames);
        if !bytes.is_empty() {
            Report::Block(bytes).encode(&mut self.frames);
        }
        Ok(())
    }

    fn leave(&mut self) -> io::Result<()> {
        self.output.write_all(&self.frames)?;
        self.frames.clear();
        self.left_at = Instant::now();
        Ok(())
    }

    /// Says what is no message at all.
    #[cfg(feature = "test-hooks")]
    pub fn noise(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)
    }
}

/// Reads what the child says.
#[derive(Debug)]
pub struct ReportReader<R> {
    input: R,
    buffer: BytesMut,
    /// The bytes of the frame that was handed out last; they go when the next one is asked for.
    used: usize,
}

impl<R: AsyncRead + Unpin> ReportReader<R> {
    pub fn new(input: R) -> Self {
        Self { input, buffer: BytesMut::new(), used: 0 }
    }

    /// The next report; none when the child has hung up between two. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> io::Result<Option<Report<'_>>> {
        self.buffer.advance(std::mem::take(&mut self.used));
        let Some(header) = self.fill().await? else { return Ok(None) };
        self.used = HEADER_BYTES + header.body_bytes;
        Ok(Some(Report::decode(header.kind, &self.buffer[HEADER_BYTES..self.used])?))
    }

    /// Reads until a whole frame lies in the buffer.
    async fn fill(&mut self) -> io::Result<Option<Header>> {
        loop {
            let mut missing = HEADER_BYTES.saturating_sub(self.buffer.len());
            if let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() {
                let header = Header::decode(*header)?;
                missing = (HEADER_BYTES + header.body_bytes).saturating_sub(self.buffer.len());
                if missing == 0 {
                    return Ok(Some(header));
                }
            }
            self.buffer.reserve(missing);
            if self.input.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}

/// Reads a child's stderr and keeps its end.
#[derive(Debug)]
pub struct StderrReader<R> {
    input: R,
    words: Vec<u8>,
    words_bytes_max: usize,
}

impl<R: AsyncRead + Unpin> StderrReader<R> {
    pub fn new(input: R) -> Self {
        Self::keeping(input, LAST_WORDS_BYTES_MAX)
    }

    /// One that keeps so much of the end.
    pub fn keeping(input: R, words_bytes_max: usize) -> Self {
        Self { input, words: Vec::new(), words_bytes_max }
    }

    /// Forgets what was said so far: the words that follow are about another file.
    pub fn forget(&mut self) {
        self.words.clear();
    }

    /// Reads on for ever, so that the child never waits for a reader.
    pub async fn watch(&mut self) -> Infallible {
        self.read_to_end().await;
        std::future::pending().await
    }

    /// Reads what a child that is gone has left.
    pub async fn drain(&mut self) {
        // What is not there by then is not the child's.
        let _ = timeout(LAST_WORDS_WAIT, self.read_to_end()).await;
    }

    async fn read_to_end(&mut self) {
        let mut chunk = [0; 1024];
        while let Ok(count @ 1..) = self.input.read(&mut chunk).await {
            self.words.extend_from_slice(&chunk[..count]);
            let surplus = self.words.len().saturating_sub(self.words_bytes_max);
            self.words.drain(..surplus);
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.words).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Job, Ready, VERSION};
    use super::*;
    use crate::batch::BatchId;

    /// Gives one byte a read, as a slow pipe may.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            Read::read(&mut self.0, &mut buffer[..length])
        }
    }

    #[test]
    fn orders_are_read_from_any_pieces() {
        let job = Job { file: BatchId::new().file(1), media_type: "text/plain".into(), length: 3 };
        let mut bytes = Vec::new();
        Order::Job(job.clone()).encode(&mut bytes);
        Order::Block(b"abc").encode(&mut bytes);
        let mut reader = OrderReader::new(Trickle(&bytes));
        assert_eq!(reader.next().unwrap(), Some(Order::Job(job)));
        assert_eq!(reader.next().unwrap(), Some(Order::Block(b"abc")));
        assert_eq!(reader.next().unwrap(), None);
    }

    #[test]
    fn an_end_within_a_frame_is_no_proper_end() {
        let mut bytes = Vec::new();
        Order::Block(b"abc").encode(&mut bytes);
        for end in 1..bytes.len() {
            let mut reader = OrderReader::new(&bytes[..end]);
            assert_eq!(reader.next().unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "after {end} bytes");
        }
    }

    #[test]
    fn no_memory_is_taken_for_a_length_that_is_refused() {
        let mut reader = OrderReader::new([0xff, 0xff, 0xff, 0xff, 0x10].as_slice());
        assert_eq!(reader.next().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(reader.body.capacity(), 0);
    }

    #[tokio::test]
    async fn reports_are_read_from_any_pieces() {
        let mut written = Vec::new();
        let text = vec![b'x'; BLOCK_BYTES_MAX + 5];
        let mut writer = ReportWriter::new(&mut written);
        writer.send(&Report::Progress).unwrap();
        writer.send_with(&Report::Ready(Ready { version: VERSION, gaps: Vec::new() }), &text).unwrap();
        for pipe_bytes in [1 << 20, 7, 1] {
            let (mut ours, theirs) = tokio::io::duplex(pipe_bytes);
            let written = written.clone();
            let text = &text;
            let writing = async move { tokio::io::AsyncWriteExt::write_all(&mut ours, &written).await };
            let reading = async {
                let mut reader = ReportReader::new(theirs);
                assert_eq!(reader.next().await.unwrap(), Some(Report::Progress));
                assert_eq!(
                    reader.next().await.unwrap(),
                    Some(Report::Ready(Ready { version: VERSION, gaps: Vec::new() }))
                );
                assert_eq!(reader.next().await.unwrap(), Some(Report::Block(&text[..BLOCK_BYTES_MAX])));
                assert_eq!(reader.next().await.unwrap(), Some(Report::Block(b"xxxxx")));
                assert_eq!(reader.next().await.unwrap(), None);
                assert!(reader.buffer.capacity() <= 3 * BLOCK_BYTES_MAX, "{}", reader.buffer.capacity());
            };
            tokio::join!(writing, reading).0.unwrap();
        }
    }

    #[tokio::test]
    async fn only_the_last_words_are_kept() {
        let words = [&[b'x'; 3 * LAST_WORDS_BYTES_MAX], b"the end".as_slice()].concat();
        let mut stderr = StderrReader::new(words.as_slice());
        stderr.drain().await;
        assert_eq!(stderr.text().len(), LAST_WORDS_BYTES_MAX);
        assert!(stderr.text().ends_with("xthe end"));
    }
}
