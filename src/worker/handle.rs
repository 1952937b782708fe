//! The server's side: one child process, its limits, and the verdict when it gives no answer.
//!
//! A [`Child`] is fed one file at a time, or several small ones together. Whatever ends an attempt without an answer ends
//! the child too: it is killed with its process group and waited for. Dropping a child, or an attempt on it, kills it, too.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::protocol::{Image, Job, Order, Ready, Report, VERSION};
use super::recognise::recognise;
use super::settings::{AttemptFailure, SpawnError, WorkerSettings};
use super::stream::{ReportReader, StderrReader};
use super::talk::{Extraction, Fed, Heard, SilenceClock, feed, listen, tell};
use super::verdict::{is_fit_after, of_answer, of_exit, one_line};
use crate::batch::{FileError, FileErrorCode};

mod together;

/// How long a child that was told to go may take before it is killed.
const RETIRE_WAIT: Duration = Duration::from_secs(1);

/// How long a killed child may take to be gone.
const REAP_WAIT: Duration = Duration::from_secs(5);

/// A worker process that this one started and may kill.
#[derive(Debug)]
pub struct Child {
    settings: WorkerSettings,
    process: tokio::process::Child,
    stdin: ChildStdin,
    reports: ReportReader<ChildStdout>,
    stderr: StderrReader<ChildStderr>,
    files: u32,
    /// What the kernel cannot keep the child from.
    gaps: Vec<String>,
    /// Whether the child waits for a job. It does not while it has one, so an attempt that is dropped spoils it.
    is_idle: bool,
}

impl Child {
    /// Starts a child and waits until it is ready.
    ///
    /// The kernel kills the child when the thread that called this ends: call it on a thread that outlives the child.
    ///
    /// # Errors
    /// [`SpawnError`] when the process cannot be started, or is not ready within the silence limit.
    pub async fn spawn(settings: &WorkerSettings) -> Result<Self, SpawnError> {
        let mut process = Command::new(&settings.program)
            .arg0("consign")
            .arg("worker")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(SpawnError::Start)?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three are pipes") };
        let mut child = Self {
            settings: settings.clone(),
            process,
            stdin,
            reports: ReportReader::new(stdout),
            stderr: StderrReader::new(stderr),
            files: 0,
            gaps: Vec::new(),
            is_idle: true,
        };
        match timeout(settings.silence, child.greet()).await {
            Ok(Greeting::Ready(gaps)) => {
                child.gaps = gaps;
                Ok(child)
            }
            Ok(Greeting::OutOfTurn) => {
                child.kill().await;
                Err(SpawnError::OutOfTurn)
            }
            Ok(Greeting::HungUp) => {
                let (error, last_words) = child.exit_verdict().await;
                Err(SpawnError::Ended { error, last_words })
            }
            Err(_) => {
                child.end().await;
                Err(SpawnError::Silent { last_words: one_line(&child.stderr.text()) })
            }
        }
    }

    /// Sets the child up and hears its first word.
    async fn greet(&mut self) -> Greeting {
        let mut frame = Vec::new();
        Order::Setup(self.settings.setup()).encode(&mut frame);
        // A child that is gone already is noticed at its answer.
        let _ = self.stdin.write_all(&frame).await;
        tokio::select! {
            report = self.reports.next() => match report {
                Ok(Some(Report::Ready(Ready { version: VERSION, gaps }))) => Greeting::Ready(gaps),
                Ok(Some(_)) => Greeting::OutOfTurn,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => Greeting::OutOfTurn,
                Ok(None) | Err(_) => Greeting::HungUp,
            },
            never = self.stderr.watch() => match never {},
        }
    }

    /// Gives the child a file and waits for its text.
    ///
    /// `bytes` must yield exactly `job.length` bytes. The child is fed and heard at the same time, so it may fail
    /// before it has read everything.
    ///
    /// # Errors
    /// [`AttemptFailure`] with the exact verdict. Unless the child itself gave it, the child is gone.
    pub async fn attempt<S>(&mut self, job: &Job, bytes: S) -> Result<Extraction, AttemptFailure>
    where
        S: Stream<Item = io::Result<Bytes>> + Unpin,
    {
        self.is_idle = false;
        self.files = self.files.saturating_add(1);
        self.stderr.forget();
        match self.hear_out(job, bytes).await {
            Ok(Heard::Extracted(extraction)) => {
                self.is_idle = true;
                Ok(extraction)
            }
            Ok(Heard::Failed(failed)) => {
                self.is_idle = is_fit_after(&failed);
                Err(of_answer(&failed))
            }
            Ok(Heard::HungUp) => {
                let (error, log) = self.exit_verdict().await;
                Err(AttemptFailure { error, log })
            }
            Ok(Heard::Stopped(error, log)) => Err(self.stop(error, &log).await),
            Ok(Heard::Image(_)) => unreachable!("each image is answered before the child is heard on"),
            Ok(Heard::Silence) => Err(self.stop(FileErrorCode::Stalled.into(), "").await),
            Ok(Heard::OutOfTurn(what)) => {
                let error = FileError::with_detail(FileErrorCode::Crashed, "spoke out of turn");
                Err(self.stop(error, &what).await)
            }
            Err(error) => Err(self.stop(FileErrorCode::Unreadable.into(), &error.to_string()).await),
        }
    }

    /// Feeds, listens and recognises text in images until the child has answered.
    async fn hear_out<S>(&mut self, job: &Job, bytes: S) -> io::Result<Heard>
    where
        S: Stream<Item = io::Result<Bytes>> + Unpin,
    {
        let wall = self.settings.wall;
        let first = timeout(wall, self.converse(job, bytes)).await;
        let mut heard = first.unwrap_or_else(|_elapsed| Ok(Heard::timed_out()))?;
        while let Heard::Image(image) = heard {
            heard = self.answer_image(job, &image).await;
        }
        Ok(heard)
    }

    /// Has the text in an image recognised, tells the child, and listens on: each has the whole time anew, so that a
    /// long scan may take as long as it has pages.
    async fn answer_image(&mut self, job: &Job, image: &Image) -> Heard {
        let Some(engine) = &self.settings.ocr else {
            return Heard::OutOfTurn("an image, where there is nothing to read it".into());
        };
        let (recognised, text) = match recognise(engine, &self.settings, image, &mut self.reports).await {
            Ok(answer) => answer,
            Err(interruption) => return interruption.into(),
        };
        // The child waits for this and for nothing else.
        if timeout(self.settings.silence, tell(&mut self.stdin, &recognised, &text)).await.is_err() {
            return Heard::Silence;
        }
        let clock = SilenceClock::start(self.settings.silence);
        tokio::select! {
            heard = listen(&mut self.reports, job, self.settings.limits.text_bytes_max, &clock) => heard,
            () = sleep(self.settings.wall) => Heard::timed_out(),
            never = self.stderr.watch() => match never {},
        }
    }

    /// Feeds and listens until the child has answered, or asked; an error when the bytes cannot be had.
    async fn converse<S>(&mut self, job: &Job, bytes: S) -> io::Result<Heard>
    where
        S: Stream<Item = io::Result<Bytes>> + Unpin,
    {
        let silence = self.settings.silence;
        let clock = SilenceClock::start(silence);
        let mut feeding = std::pin::pin!(feed(&mut self.stdin, job, bytes, &clock));
        let mut listening = std::pin::pin!(listen(&mut self.reports, job, self.settings.limits.text_bytes_max, &clock));
        let mut watching = std::pin::pin!(self.stderr.watch());
        let mut is_feeding = true;
        let heard = loop {
            tokio::select! {
                biased;
                heard = &mut listening => break heard,
                fed = &mut feeding, if is_feeding => match fed {
                    Fed::All | Fed::Refused => is_feeding = false,
                    Fed::Unreadable(error) => return Err(error),
                },
                never = &mut watching => match never {},
            }
        };
        if !is_feeding || !matches!(heard, Heard::Extracted(_) | Heard::Failed(_) | Heard::Image(_)) {
            return Ok(heard);
        }
        // The last byte may have been read, and answered, before the feeder came to see that it was the last.
        Ok(match timeout(silence, feeding).await {
            Ok(Fed::All) => heard,
            _ => Heard::OutOfTurn("an answer before the whole file was read".into()),
        })
    }

    /// Whether the next file needs another child: this one has had its share, is in disorder, or is gone.
    pub fn is_spent(&mut self) -> bool {
        !self.is_idle || self.files >= self.settings.files_max || !matches!(self.process.try_wait(), Ok(None))
    }

    /// What this machine's kernel cannot keep the child from, one sentence each; nothing where the room is whole.
    #[must_use]
    pub fn gaps(&self) -> &[String] {
        &self.gaps
    }

    /// The process id; none once the child is gone.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Lets an idle child go: its stdin ends, and so does it. It is killed when it does not.
    pub async fn retire(self) {
        let Self { mut process, stdin, reports, stderr, .. } = self;
        drop((stdin, reports, stderr));
        if timeout(RETIRE_WAIT, process.wait()).await.is_err() {
            end(&mut process).await;
        }
    }

    /// Kills the child, whatever it is doing.
    pub async fn kill(mut self) {
        self.end().await;
    }

    async fn end(&mut self) {
        self.is_idle = false;
        end(&mut self.process).await;
        self.stderr.drain().await;
    }

    /// Ends the child for a reason of ours.
    async fn stop(&mut self, error: FileError, reason: &str) -> AttemptFailure {
        self.end().await;
        AttemptFailure { error, log: one_line(&format!("{reason} {}", self.stderr.text())) }
    }

    /// Why the child, which has hung up, is gone; and its last words.
    async fn exit_verdict(&mut self) -> (FileError, String) {
        let silence = self.settings.silence;
        let exited = tokio::select! {
            exited = timeout(silence, self.process.wait()) => exited,
            never = self.stderr.watch() => match never {},
        };
        // One that only closed its stdout is still there.
        self.end().await;
        let error = match exited {
            Ok(Ok(status)) => of_exit(status, &self.stderr.text()),
            Ok(Err(_)) => FileError::with_detail(FileErrorCode::Crashed, "exit status unknown"),
            Err(_) => FileErrorCode::Stalled.into(),
        };
        (error, one_line(&self.stderr.text()))
    }
}

/// Kills a process with its group and waits until it is gone.
async fn end(process: &mut tokio::process::Child) {
    // An id that has been waited for is no longer ours to kill: it may be another's by now.
    if let Some(pid) = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // It may have ended by itself in this moment.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    // One that is stuck in the kernel is left to the runtime, which reaps it when it can.
    let _ = timeout(REAP_WAIT, process.wait()).await;
}

/// How a child introduces itself.
enum Greeting {
    /// With what the kernel cannot keep it from.
    Ready(Vec<String>),
    HungUp,
    OutOfTurn,
}
