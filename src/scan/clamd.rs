//! clamd's protocol, as clamd(8) describes it under `COMMANDS`: one command to a connection, and an answer that ends
//! with a NUL. Ours, because the crates that speak it only send first and read then.
//!
//! Bytes are sent and the answer is awaited at the same time, since clamd answers in the middle of a stream that is too
//! long for it and hangs up. Who only sends learns of a broken pipe, and takes a file that is too large for an outage.

use std::io;

use bytes::Bytes;
use derive_more::{Display, Error};
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::net::{TcpStream, UnixStream};

use super::Address;

/// An answer is one line; what is longer is none of clamd's.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// Characters of a signature's name that are kept.
const SIGNATURE_CHARS_MAX: usize = 100;

/// What clamd alerts with when a limit kept it from reading a file whole (`AlertExceedsMax`).
const LIMIT_EXCEEDED: &str = "Heuristics.Limits.Exceeded";

/// What a scan showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    /// The name of the signature that was found.
    Found(String),
    /// The scanner does not read the file whole, now or later.
    TooLarge,
}

/// Why there is no verdict; either may pass.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq)]
pub enum ScanError {
    /// The scanner is away, busy or in trouble.
    #[display("the scanner: {_0}")]
    Unavailable(#[error(not(source))] String),
    /// The bytes to be scanned could not be read.
    #[display("the file: {_0}")]
    Unreadable(#[error(not(source))] String),
}

/// The connection failed, or there is none.
impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Asks whether somebody is there.
///
/// # Errors
/// When nobody answers, or not as clamd does.
pub async fn ping(address: &Address) -> Result<(), ScanError> {
    match command(address, b"zPING\0").await?.as_str() {
        "PONG" => Ok(()),
        answer => Err(strange(answer)),
    }
}

/// Asks for the versions of program and signatures, such as `ClamAV 1.4.3/27800/Mon Oct  5 08:24:01 2026`.
///
/// # Errors
/// When nobody answers, or not as clamd does.
pub async fn version(address: &Address) -> Result<String, ScanError> {
    let answer = command(address, b"zVERSION\0").await?;
    if answer.starts_with("ClamAV ") { Ok(answer) } else { Err(strange(&answer)) }
}

/// Has bytes scanned.
///
/// # Errors
/// When there is no verdict.
pub async fn scan<S>(address: &Address, content: S) -> Result<Verdict, ScanError>
where
    S: Stream<Item = io::Result<Bytes>> + Unpin,
{
    let (from, to) = tokio::io::split(connect(address).await?);
    let (sending, answering) = (send(to, content), answer(from));
    tokio::pin!(answering);
    // A verdict before the end is on a part of the file, so the end is looked for first.
    let sent = tokio::select! {
        biased;
        sent = sending => sent,
        early = &mut answering => return match verdict(&early?)? {
            Verdict::Clean => Err(ScanError::Unavailable("it judges a file before its end".into())),
            verdict => Ok(verdict),
        },
    };
    match sent {
        Ok(_connection) => verdict(&answering.await?),
        Err(Broken::Content(error)) => Err(ScanError::Unreadable(error.to_string())),
        // It has hung up, and may have said why.
        Err(Broken::Connection(error)) => match answering.await.map(|answer| verdict(&answer)) {
            Ok(Ok(Verdict::Clean)) | Err(_) => Err(error.into()),
            Ok(verdict) => verdict,
        },
    }
}

/// What kept bytes from being sent.
enum Broken {
    Content(io::Error),
    Connection(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

/// Sends the command, each chunk behind its length (4 bytes, big-endian), and a length of zero.
async fn send<W, S>(to: W, mut content: S) -> Result<W, Broken>
where
    W: AsyncWrite + Unpin,
    S: Stream<Item = io::Result<Bytes>> + Unpin,
{
    let mut to = BufWriter::new(to);
    to.write_all(b"zINSTREAM\0").await?;
    while let Some(chunk) = content.next().await {
        let chunk = chunk.map_err(Broken::Content)?;
        let length = u32::try_from(chunk.len()).map_err(|error| Broken::Content(io::Error::other(error)))?;
        to.write_u32(length).await?;
        to.write_all(&chunk).await?;
    }
    to.write_u32(0).await?;
    to.flush().await?;
    Ok(to.into_inner())
}

async fn command(address: &Address, command: &[u8]) -> Result<String, ScanError> {
    let mut connection = connect(address).await?;
    connection.write_all(command).await?;
    answer(connection).await
}

/// Reads an answer, up to its NUL or the end.
async fn answer(from: impl AsyncRead + Unpin) -> Result<String, ScanError> {
    let mut from = from.take(ANSWER_BYTES_MAX);
    let mut answer = Vec::new();
    while !answer.contains(&0) {
        if from.read_buf(&mut answer).await? == 0 {
            return Err(ScanError::Unavailable("it hangs up without an answer".into()));
        }
    }
    let end = answer.iter().position(|byte| *byte == 0).unwrap_or(answer.len());
    Ok(String::from_utf8_lossy(&answer[..end]).trim().to_owned())
}

fn verdict(answer: &str) -> Result<Verdict, ScanError> {
    if answer.starts_with("INSTREAM size limit exceeded") {
        return Ok(Verdict::TooLarge);
    }
    match answer.strip_prefix("stream: ") {
        Some("OK") => Ok(Verdict::Clean),
        Some(found) => match found.strip_suffix(" FOUND") {
            Some(name) if name.starts_with(LIMIT_EXCEEDED) => Ok(Verdict::TooLarge),
            Some(name) => Ok(Verdict::Found(signature(name))),
            None => Err(strange(answer)),
        },
        None => Err(strange(answer)),
    }
}

/// A signature's name as users may see it.
fn signature(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(SIGNATURE_CHARS_MAX).collect()
}

fn strange(answer: &str) -> ScanError {
    ScanError::Unavailable(format!("it answers {answer:?}"))
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<C: AsyncRead + AsyncWrite + Unpin + Send> Connection for C {}

async fn connect(address: &Address) -> io::Result<Box<dyn Connection>> {
    Ok(match address {
        Address::Tcp(host, port) => {
            let connection = TcpStream::connect((host.as_str(), *port)).await?;
            // The end of a file is four bytes that would wait for others.
            connection.set_nodelay(true)?;
            Box::new(connection)
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_clamd_means_them() {
        let found = |name: &str| Ok(Verdict::Found(name.to_owned()));
        for (answer, expected) in [
            ("stream: OK", Ok(Verdict::Clean)),
            ("stream: Win.Test.EICAR_HDB-1 FOUND", found("Win.Test.EICAR_HDB-1")),
            ("stream: \u{1b}[31mred\u{7} FOUND", found("[31mred")),
            ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", Ok(Verdict::TooLarge)),
            ("INSTREAM size limit exceeded. ERROR", Ok(Verdict::TooLarge)),
        ] {
            assert_eq!(verdict(answer), expected, "{answer}");
        }
        for answer in ["", "OK", "stream: OK FOUND OK", "stream: Can't allocate memory ERROR", "stream: ", "PONG"] {
            assert!(matches!(verdict(answer), Err(ScanError::Unavailable(_))), "{answer}");
        }
    }

    #[tokio::test]
    async fn an_answer_ends_with_its_nul_and_has_an_end() {
        assert_eq!(answer(&b"stream: OK\0more"[..]).await.as_deref(), Ok("stream: OK"));
        assert!(answer(&b"stream: OK"[..]).await.is_err(), "what is cut off is no answer");
        assert!(answer(&vec![b'x'; 1 << 20][..]).await.is_err(), "what does not end is none either");
    }
}
