//! One job's conversation, on the server's side: bytes out, answer in, both at once.
//!
//! Neither half judges: each says how it ended, and the child's handle makes the verdict of it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::protocol::{BLOCK_BYTES_MAX, ExtractedText, FailedFile, Header, Image, Job, Order, Recognised, Report};
use super::stream::ReportReader;
use crate::batch::{FileError, FileErrorCode, TextInfo};

/// What a child has read out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    pub text: String,
    pub info: TextInfo,
}

/// How feeding a job ended.
#[derive(Debug)]
pub enum Fed {
    /// The child has been sent the whole job.
    All,
    /// The child takes no more; why is for its exit status to say.
    Refused,
    /// The bytes could not be had; the child waits in the middle of the job.
    Unreadable(io::Error),
}

/// How listening to the child ended.
#[derive(Debug)]
pub enum Heard {
    Extracted(Extraction),
    Failed(FailedFile),
    /// The child wants text recognised in an image, whose blocks follow, and goes on with what it is told.
    Image(Image),
    /// Another process that works for the child ended the attempt, and why, for the log.
    Stopped(FileError, String),
    /// No message within the silence limit, though there was something to do.
    Silence,
    /// The child has hung up.
    HungUp,
    /// What was said cannot be an answer to this job.
    OutOfTurn(String),
}

impl Heard {
    /// The file has had its time.
    pub fn timed_out() -> Self {
        Self::Stopped(FileErrorCode::Timeout.into(), String::new())
    }
}

/// Measures how long the child has given no sign of life: a message, or a block that it took.
///
/// It stands still while the server itself waits for the file's bytes, for then the child has nothing to do.
#[derive(Debug)]
pub struct SilenceClock {
    started: Instant,
    limit: Duration,
    /// Of the last sign, since `started`; or [`STANDING`].
    sign_ms: AtomicU64,
}

const STANDING: u64 = u64::MAX;

impl SilenceClock {
    pub fn start(limit: Duration) -> Self {
        Self { started: Instant::now(), limit, sign_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(STANDING - 1)
    }

    fn stand(&self) {
        self.sign_ms.store(STANDING, Ordering::Relaxed);
    }

    fn go(&self) {
        self.sign_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// A sign of life; a clock that stands goes on standing.
    fn sign(&self) {
        if self.sign_ms.load(Ordering::Relaxed) != STANDING {
            self.go();
        }
    }

    /// Ends when the limit has passed since the last sign.
    async fn run_out(&self) {
        loop {
            let left = match self.sign_ms.load(Ordering::Relaxed) {
                STANDING => self.limit,
                sign_ms => {
                    self.limit.saturating_add(Duration::from_millis(sign_ms)).saturating_sub(self.started.elapsed())
                }
            };
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

/// Sends the job and exactly its bytes.
pub async fn feed<W, S>(stdin: &mut W, job: &Job, mut bytes: S, clock: &SilenceClock) -> Fed
where
    W: AsyncWrite + Unpin,
    S: Stream<Item = io::Result<Bytes>> + Unpin,
{
    // The job leaves with its first block, so that a small file costs one write.
    let mut head = Vec::new();
    Order::Job(job.clone()).encode(&mut head);
    let mut missing = job.length;
    loop {
        clock.stand();
        let next = bytes.next().await;
        clock.go();
        let mut chunk = match next {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Fed::Unreadable(error),
            None => break,
        };
        let Some(rest) = missing.checked_sub(chunk.len() as u64) else {
            return Fed::Unreadable(io::Error::other("there are more bytes than the job says"));
        };
        missing = rest;
        while !chunk.is_empty() {
            let block = chunk.split_to(chunk.len().min(BLOCK_BYTES_MAX));
            head.extend(Header::block(block.len()).encode());
            if stdin.write_all_buf(&mut head.as_slice().chain(block)).await.is_err() {
                return Fed::Refused;
            }
            head.clear();
            clock.go();
        }
    }
    if missing > 0 {
        return Fed::Unreadable(io::Error::other(format!("{missing} bytes fewer than the job says")));
    }
    match stdin.write_all(&head).await {
        Ok(()) => Fed::All,
        Err(_) => Fed::Refused,
    }
}

/// Tells the child what was recognised in its image.
pub async fn tell<W: AsyncWrite + Unpin>(stdin: &mut W, recognised: &Recognised, text: &[u8]) {
    let mut frames = Vec::new();
    Order::Recognised(recognised.clone()).encode(&mut frames);
    for block in text.chunks(BLOCK_BYTES_MAX) {
        Order::Block(block).encode(&mut frames);
    }
    // A child that is gone is noticed by whoever listens to it.
    let _ = stdin.write_all(&frames).await;
}

/// Hears the child out.
pub async fn listen<R>(reports: &mut ReportReader<R>, job: &Job, text_bytes_max: usize, clock: &SilenceClock) -> Heard
where
    R: AsyncRead + Unpin,
{
    let mut answer = Answer { job, text_bytes_max, begun: None };
    loop {
        let report = tokio::select! {
            report = reports.next() => report,
            () = clock.run_out() => return Heard::Silence,
        };
        clock.sign();
        let step = match report {
            Ok(Some(report)) => answer.step(report),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Some(Heard::OutOfTurn(error.to_string())),
            // Between two frames, or in the middle of one, which it was writing when it died.
            Ok(None) | Err(_) => Some(Heard::HungUp),
        };
        if let Some(heard) = step {
            return heard;
        }
    }
}

/// An answer as it arrives.
struct Answer<'a> {
    job: &'a Job,
    text_bytes_max: usize,
    begun: Option<BegunText>,
}

struct BegunText {
    info: TextInfo,
    text: Vec<u8>,
    text_bytes: usize,
}

impl Answer<'_> {
    /// Takes the next report; how listening ended, if it has.
    fn step(&mut self, report: Report<'_>) -> Option<Heard> {
        match (report, &mut self.begun) {
            (Report::Progress, None) => None,
            (Report::Failed(failed), None) if failed.file == self.job.file => Some(Heard::Failed(failed)),
            (Report::Image(image), None) if image.file == self.job.file => Some(Heard::Image(image)),
            (Report::Extracted(extracted), None) if extracted.file == self.job.file => self.begin(extracted),
            (Report::Block(block), Some(begun)) if block.len() <= begun.text_bytes - begun.text.len() => {
                begun.text.extend_from_slice(block);
                self.finish()
            }
            (Report::Block(_), _) => Some(Heard::OutOfTurn("a block that belongs to no text".into())),
            // Its kind and no more: its words may be a user's text, and as many as a frame holds.
            (report, _) => Some(Heard::OutOfTurn(format!("not an answer to this job: {:?}", report.kind()))),
        }
    }

    fn begin(&mut self, extracted: ExtractedText) -> Option<Heard> {
        let ExtractedText { file: _, info, text_bytes } = extracted;
        match usize::try_from(text_bytes) {
            Ok(text_bytes) if text_bytes <= self.text_bytes_max => {
                self.begun = Some(BegunText { info, text: Vec::with_capacity(text_bytes), text_bytes });
                self.finish()
            }
            _ => Some(Heard::OutOfTurn(format!("a text of {text_bytes} bytes is above the limit"))),
        }
    }

    /// The extraction, if its text is whole.
    fn finish(&mut self) -> Option<Heard> {
        let begun = self.begun.take_if(|begun| begun.text.len() == begun.text_bytes)?;
        Some(match String::from_utf8(begun.text) {
            Ok(text) => Heard::Extracted(Extraction { text, info: begun.info }),
            Err(_) => Heard::OutOfTurn("a text that is not UTF-8".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, duplex};

    use super::super::protocol::{Fault, Ready, VERSION};
    use super::*;
    use crate::batch::{BatchId, FileId};

    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(20);

    fn job(length: u64) -> Job {
        Job { file: BatchId::new().file(3), media_type: "text/plain".into(), length }
    }

    fn extracted(file: FileId, text_bytes: u64) -> Report<'static> {
        let info = TextInfo { chars: 1, tokens: 1, engine: "test 1".into(), ..TextInfo::default() };
        Report::Extracted(ExtractedText { file, info, text_bytes })
    }

    /// What is heard when the child says this and hangs up.
    async fn heard(job: &Job, reports: &[Report<'_>]) -> Heard {
        let mut bytes = Vec::new();
        for report in reports {
            report.encode(&mut bytes);
        }
        listen(&mut ReportReader::new(bytes.as_slice()), job, 10, &SilenceClock::start(LONG)).await
    }

    /// How feeding these chunks ends, and what the child got.
    async fn fed(job: &Job, chunks: Vec<io::Result<Bytes>>) -> (Fed, Vec<u8>) {
        let mut sent = Vec::new();
        let fed = feed(&mut sent, job, stream::iter(chunks), &SilenceClock::start(LONG)).await;
        (fed, sent)
    }

    #[tokio::test]
    async fn a_whole_answer_is_an_extraction() {
        let job = job(1);
        let answer = [Report::Progress, extracted(job.file, 5), Report::Block(b"ab"), Report::Block("cä".as_bytes())];
        assert!(matches!(heard(&job, &answer).await, Heard::Extracted(Extraction { text, .. }) if text == "abcä"));
        assert!(matches!(heard(&job, &[extracted(job.file, 0)]).await, Heard::Extracted(e) if e.text.is_empty()));
    }

    #[tokio::test]
    async fn half_an_answer_is_none() {
        let job = job(1);
        assert!(matches!(heard(&job, &[]).await, Heard::HungUp));
        assert!(matches!(heard(&job, &[extracted(job.file, 5), Report::Block(b"ab")]).await, Heard::HungUp));
        let mut cut = Vec::new();
        extracted(job.file, 5).encode(&mut cut);
        let reader = &mut ReportReader::new(&cut[..cut.len() - 1]);
        assert!(matches!(listen(reader, &job, 10, &SilenceClock::start(LONG)).await, Heard::HungUp));
    }

    #[tokio::test]
    async fn what_is_no_answer_to_this_job_is_out_of_turn() {
        let job = job(1);
        let other = BatchId::new().file(3);
        let failed = Report::Failed(FailedFile { file: other, fault: Fault::ParseError, log: String::new() });
        let conversations: [&[Report<'_>]; 9] = [
            &[extracted(other, 5)],
            &[failed],
            &[extracted(job.file, 11)],
            &[extracted(job.file, u64::MAX)],
            &[extracted(job.file, 2), Report::Block(b"abc")],
            &[extracted(job.file, 2), Report::Progress],
            &[extracted(job.file, 2), Report::Block(b"\xff\xff")],
            &[Report::Block(b"ab")],
            &[Report::Ready(Ready { version: VERSION, gaps: Vec::new() })],
        ];
        for conversation in conversations {
            let heard = heard(&job, conversation).await;
            assert!(matches!(heard, Heard::OutOfTurn(_)), "{conversation:?}: {heard:?}");
        }
        let secret = Report::Failed(FailedFile { file: other, fault: Fault::ParseError, log: "a user's words".into() });
        let heard = heard(&job, &[secret]).await;
        assert!(matches!(&heard, Heard::OutOfTurn(why) if why == "not an answer to this job: Failed"), "{heard:?}");
        let noise = &mut ReportReader::new([0xff; 64].as_slice());
        assert!(matches!(listen(noise, &job, 10, &SilenceClock::start(LONG)).await, Heard::OutOfTurn(_)));
    }

    #[tokio::test]
    async fn chunks_of_any_size_are_fed_as_blocks() {
        let length = 2 * BLOCK_BYTES_MAX + 7;
        let job = job(length as u64);
        let bytes = Bytes::from(vec![b'x'; length]);
        for chunk_bytes in [length, 1_000, BLOCK_BYTES_MAX + 1] {
            let chunks = bytes.chunks(chunk_bytes).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            let (fed, sent) = fed(&job, chunks).await;
            assert!(matches!(fed, Fed::All));
            let mut orders = super::super::stream::OrderReader::new(sent.as_slice());
            assert_eq!(orders.next().unwrap(), Some(Order::Job(job.clone())));
            let mut received = 0;
            while let Some(Order::Block(block)) = orders.next().unwrap() {
                received += block.len();
            }
            assert_eq!(received, length);
        }
    }

    #[tokio::test]
    async fn an_empty_file_is_a_job_without_blocks() {
        let job = job(0);
        let mut expected = Vec::new();
        Order::Job(job.clone()).encode(&mut expected);
        for chunks in [vec![], vec![Ok(Bytes::new())]] {
            let (fed, sent) = fed(&job, chunks).await;
            assert!(matches!(fed, Fed::All));
            assert_eq!(sent, expected);
        }
    }

    #[tokio::test]
    async fn bytes_that_are_not_those_of_the_job_are_unreadable() {
        let job = job(3);
        let chunk = |bytes: &'static [u8]| Ok(Bytes::from_static(bytes));
        for chunks in [
            vec![chunk(b"ab")],
            vec![chunk(b"ab"), chunk(b"cd")],
            vec![chunk(b"ab"), Err(io::Error::other("the disk is ill"))],
        ] {
            assert!(matches!(fed(&job, chunks).await.0, Fed::Unreadable(_)));
        }
    }

    #[tokio::test]
    async fn a_child_that_takes_no_more_is_no_verdict() {
        let job = job(3);
        let (mut ours, theirs) = duplex(1);
        drop(theirs);
        let bytes = stream::iter([Ok(Bytes::from_static(b"abc"))]);
        assert!(matches!(feed(&mut ours, &job, bytes, &SilenceClock::start(LONG)).await, Fed::Refused));
    }

    #[tokio::test]
    async fn silence_is_heard_only_when_the_child_has_something_to_do() {
        let job = job(3);
        let (mut stdin, mut child_stdin) = duplex(1 << 10);
        let (stdout, _child_stdout) = duplex(1 << 10);
        let mut reports = ReportReader::new(stdout);
        let clock = SilenceClock::start(SHORT);
        let (give, given) = tokio::sync::oneshot::channel::<Bytes>();
        let bytes = stream::once(async { Ok(given.await.unwrap()) });
        let mut feeding = std::pin::pin!(feed(&mut stdin, &job, Box::pin(bytes), &clock));
        let mut listening = std::pin::pin!(listen(&mut reports, &job, 10, &clock));
        tokio::select! {
            biased;
            heard = &mut listening => panic!("{heard:?} while the server waits for bytes"),
            fed = &mut feeding => panic!("{fed:?} without bytes"),
            () = sleep(5 * SHORT) => {}
        }
        give.send(Bytes::from_static(b"abc")).unwrap();
        assert!(matches!(feeding.await, Fed::All));
        assert!(matches!(listening.await, Heard::Silence));
        let mut received = [0; 1 << 10];
        let length = child_stdin.read(&mut received).await.unwrap();
        assert!(received[..length].ends_with(b"abc"));
    }
}
