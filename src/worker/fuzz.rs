//! The fuzz target `child_protocol`: whatever comes over a pipe is understood alike in any pieces, or refused, and no
//! child can make the server hold or log more than it may.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, ReadBuf};

use super::protocol::{HEADER_BYTES, Header, Job, LOG_BYTES_MAX, Order, Report};
use super::recognise::pass_on;
use super::stream::{OrderReader, ReportReader};
use super::talk::{Heard, SilenceClock, listen};
use crate::batch::BatchId;

/// The longest text that is taken from the child.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// Far longer than bytes in memory take.
const LONG: Duration = Duration::from_mins(1);

/// Reads the bytes as what the server says, as what a child says, and as a child's answer to a job.
///
/// # Panics
/// When that does not hold.
pub fn child_protocol(bytes: &[u8]) {
    orders(bytes);
    reports(bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without a thread starts").block_on(answer(bytes));
}

fn orders(bytes: &[u8]) {
    let (mut whole, mut pieces) = (OrderReader::new(bytes), OrderReader::new(Pieces(bytes)));
    loop {
        let (order, same) = (whole.next(), pieces.next());
        assert_eq!(order.as_ref().ok(), same.as_ref().ok());
        let Ok(Some(order)) = order else { return };
        let mut frame = Vec::new();
        order.encode(&mut frame);
        let (header, body) = split(&frame);
        assert_eq!(Order::decode(header.kind, body), Ok(order));
    }
}

fn reports(bytes: &[u8]) {
    let (mut whole, mut pieces) = (ReportReader::new(bytes), ReportReader::new(Pieces(bytes)));
    loop {
        let ready = "bytes in memory need not be waited for";
        let report = whole.next().now_or_never().expect(ready);
        let same = pieces.next().now_or_never().expect(ready);
        assert_eq!(report.as_ref().ok(), same.as_ref().ok());
        let Ok(Some(report)) = report else { return };
        let mut frame = Vec::new();
        report.encode(&mut frame);
        let (header, body) = split(&frame);
        assert_eq!(Report::decode(header.kind, body), Ok(report));
    }
}

/// Splits what was encoded: it is within the limits that are checked when it is read.
fn split(frame: &[u8]) -> (Header, &[u8]) {
    let (header, body) = frame.split_first_chunk::<HEADER_BYTES>().expect("a frame has a header");
    let header = Header::decode(*header).expect("what was read can be said");
    assert_eq!(header.body_bytes, body.len());
    (header, body)
}

async fn answer(bytes: &[u8]) {
    // The inputs name this file.
    let file = BatchId::from_bytes([1; 16]).file(0);
    let job = Job { file, media_type: "text/plain".into(), length: 1 };
    let mut reports = ReportReader::new(bytes);
    let clock = SilenceClock::start(LONG);
    loop {
        let image = match listen(&mut reports, &job, TEXT_BYTES_MAX, &clock).await {
            Heard::Image(image) => image,
            Heard::Extracted(extraction) => return assert!(extraction.text.len() <= TEXT_BYTES_MAX),
            Heard::Failed(failed) => return assert!(failed.file == file && failed.log.len() <= LOG_BYTES_MAX),
            Heard::OutOfTurn(why) => return assert!(why.len() <= LOG_BYTES_MAX, "{} bytes for the log", why.len()),
            Heard::HungUp => return,
            heard @ (Heard::Silence | Heard::Stopped(..)) => panic!("nothing is silent or stopped here: {heard:?}"),
        };
        let mut missing = image.length;
        if let Err(interruption) = pass_on(&mut missing, &mut reports, None, LONG).await {
            if let Heard::OutOfTurn(why) = interruption.into() {
                assert!(why.len() <= LOG_BYTES_MAX, "{} bytes for the log", why.len());
            }
            return;
        }
        assert_eq!(missing, 0);
    }
}

/// Gives a few bytes a read, as a pipe may.
struct Pieces<'a>(&'a [u8]);

const PIECE_BYTES: usize = 3;

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(PIECE_BYTES);
        Read::read(&mut self.0, &mut buffer[..length])
    }
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (piece, rest) = self.0.split_at(self.0.len().min(PIECE_BYTES).min(buffer.remaining()));
        buffer.put_slice(piece);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}
