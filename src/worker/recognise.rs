//! Recognising text in an image on behalf of a child, which cannot start a program.
//!
//! The image goes from the child's pipe straight to the engine's, block by block, and is never held here. The engine
//! has the file's limits: its address space, as much time, and the silence limit. Since it says nothing while it works,
//! its processor time is its sign of life. Whatever ends the engine ends that attempt alone, or leaves out a page.

use std::fs;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep, timeout};

use super::ocr::OcrEngine;
use super::protocol::{Image, LOG_BYTES_MAX, Recognised, Report};
use super::settings::WorkerSettings;
use super::stream::{ReportReader, StderrReader};
use super::talk::Heard;
use super::verdict::{of_engine_exit, one_line};
use crate::batch::{FileError, FileErrorCode};

/// How often in a silence limit it is looked at whether the engine computes.
const LOOKS: u32 = 8;

/// The most of its stderr that is kept: it may say that it has no memory and a good deal after that.
const WORDS_BYTES_MAX: usize = 64 << 10;

/// The answer to a child, and the text that follows it.
pub type Answer = (Recognised, Vec<u8>);

/// Why an image was not answered.
#[derive(Debug)]
pub enum Interruption {
    /// The child gave no sign of life in the middle of its image.
    Silence,
    /// The child hung up in the middle of its image.
    HungUp,
    /// What the child sent is not the image.
    OutOfTurn(String),
    /// The engine gave no text: why, and what it said, for the log.
    Engine(FileError, String),
}

impl From<Interruption> for Heard {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Silence => Self::Silence,
            Interruption::HungUp => Self::HungUp,
            Interruption::OutOfTurn(what) => Self::OutOfTurn(what),
            Interruption::Engine(error, log) => Self::Stopped(error, log),
        }
    }
}

/// Hands an image, whose blocks the child sends next, to the engine, and waits for the text. Where the image is one page
/// of many, an engine that fails leaves out that page.
///
/// # Errors
/// How the attempt ended instead.
pub async fn recognise<R>(
    engine: &OcrEngine,
    settings: &WorkerSettings,
    image: &Image,
    reports: &mut ReportReader<R>,
) -> Result<Answer, Interruption>
where
    R: AsyncRead + Unpin,
{
    let mut missing = image.length;
    let run = timeout(settings.wall, run(engine, settings, reports, &mut missing)).await;
    match run.unwrap_or_else(|_elapsed| Err(stopped(FileErrorCode::Timeout, "OCR", ""))) {
        Err(Interruption::Engine(error, log)) if !image.is_file => {
            pass_on(&mut missing, reports, None, settings.silence).await?;
            Ok((Recognised::Unreadable(clipped(&format!("{error} {log}"))), Vec::new()))
        }
        answer => answer,
    }
}

/// Runs the engine on an image of which so many bytes are still to come from the child.
async fn run<R>(
    engine: &OcrEngine,
    settings: &WorkerSettings,
    reports: &mut ReportReader<R>,
    missing: &mut u64,
) -> Result<Answer, Interruption>
where
    R: AsyncRead + Unpin,
{
    let not_started = |error| stopped(FileErrorCode::Crashed, "OCR did not start", &format!("{error}"));
    let mut process = engine.start(settings, Stdio::piped()).map_err(not_started)?;
    let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three are pipes") };
    let mut words = StderrReader::keeping(stderr, WORDS_BYTES_MAX);
    let process_id = process.id();
    let work = async {
        let feeding = pass_on(missing, reports, Some(stdin), settings.silence);
        let ((), text) = tokio::try_join!(feeding, read_text(stdout, settings.limits.text_bytes_max))?;
        let status =
            process.wait().await.map_err(|error| stopped(FileErrorCode::Crashed, "OCR", &error.to_string()))?;
        Ok((status, text))
    };
    let (status, text) = tokio::select! {
        done = work => done?,
        () = stand_still(process_id, settings.silence) => return Err(stopped(FileErrorCode::Stalled, "OCR", "")),
        never = words.watch() => match never {},
    };
    words.drain().await;
    answer(status, &text, &words.text())
}

/// One line, no longer than a message may be.
fn clipped(words: &str) -> String {
    let mut line = one_line(words);
    line.truncate(line.floor_char_boundary(LOG_BYTES_MAX));
    line
}

fn answer(status: ExitStatus, text: &[u8], last_words: &str) -> Result<Answer, Interruption> {
    let log = clipped(last_words);
    if let Some(error) = of_engine_exit(status, last_words) {
        return Err(Interruption::Engine(error, log));
    }
    if status.success() {
        let text = String::from_utf8_lossy(text).into_owned().into_bytes();
        return Ok((Recognised::Text(text.len() as u64), text));
    }
    Ok((Recognised::Unreadable(log), Vec::new()))
}

fn stopped(code: FileErrorCode, detail: &str, log: &str) -> Interruption {
    Interruption::Engine(FileError::with_detail(code, detail), one_line(log))
}

/// Passes the image's blocks on and counts down what is missing. An engine that takes no more, or is gone, does not keep
/// the child from having been heard.
pub async fn pass_on<R>(
    missing: &mut u64,
    reports: &mut ReportReader<R>,
    mut engine: Option<ChildStdin>,
    silence: Duration,
) -> Result<(), Interruption>
where
    R: AsyncRead + Unpin,
{
    while *missing > 0 {
        let report = timeout(silence, reports.next()).await.map_err(|_| Interruption::Silence)?;
        let Ok(Some(report)) = report else { return Err(Interruption::HungUp) };
        let block = match report {
            Report::Block(block) if !block.is_empty() && block.len() as u64 <= *missing => block,
            other => {
                return Err(Interruption::OutOfTurn(format!("not the image that was announced: {:?}", other.kind())));
            }
        };
        *missing -= block.len() as u64;
        if let Some(stdin) = &mut engine
            && stdin.write_all(block).await.is_err()
        {
            engine = None;
        }
    }
    Ok(())
}

async fn read_text(stdout: ChildStdout, bytes_max: usize) -> Result<Vec<u8>, Interruption> {
    let mut text = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    // Why it hung up is for its exit status to say.
    let _ = stdout.take(most).read_to_end(&mut text).await;
    if text.len() > bytes_max { Err(stopped(FileErrorCode::TextTooLarge, "OCR", "")) } else { Ok(text) }
}

/// Ends when the process has used no processor time for so long.
async fn stand_still(process_id: Option<u32>, limit: Duration) {
    let mut seen = None;
    let mut since = Instant::now();
    while since.elapsed() < limit {
        sleep((limit / LOOKS).max(Duration::from_millis(1))).await;
        let ticks = process_id.and_then(processor_ticks);
        if ticks != seen {
            seen = ticks;
            since = Instant::now();
        }
    }
}

/// The processor time that a process has used, in the kernel's ticks (proc(5), `utime` and `stime` of `stat`).
fn processor_ticks(process_id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut numbers = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11).map(str::parse::<u64>);
    Some(numbers.next()?.ok()? + numbers.next()?.ok()?)
}
