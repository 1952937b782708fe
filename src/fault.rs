//! Fault points: one before and one after every step that makes something durable, where a test can end the process,
//! tear a write, or have the step fail.
//!
//! Only the feature `fault` arms them; without it a step is its own call and nothing else. A test writes one line, such
//! as `seal_sync/before=crash`, `always log_flush/after=eio` or `seal_append/torn#2=crash`, to the file that
//! `CONSIGN_FAULT_FILE` names; the point that it means takes the line away, so that it happens once, unless it says
//! `always`. `#2` waits for the second time. Each point that is passed is written down beside it, in `….hits`.
//! `turn=panic` names a duty of an actor instead of a step.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use derive_more::Display;

/// A step after which, or without which, the disk tells another story.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, Hash)]
#[display(rename_all = "snake_case")]
pub enum DurableStep {
    /// A segment's file is made.
    SegmentCreate,
    SegmentPreallocate,
    SegmentHeader,
    SegmentSync,
    /// A segment is cut off behind its last region.
    SegmentTrim,
    DirectorySync,
    /// A block of a large batch is written.
    BlockAppend,
    /// A batch's seal is written, and its bytes with it when it is small.
    SealAppend,
    SealSync,
    /// Texts and outcomes are written.
    ResultAppend,
    ResultSync,
    /// A sealed batch is entered in the job log, and the checkpoint with it.
    LogEnter,
    /// Claims and attempts are applied to the job log.
    ClaimAppend,
    /// Outcomes are applied to the job log.
    OutcomeAppend,
    /// The same, with a batch's last.
    BatchClose,
    /// Failed files are opened again in the job log.
    RetryAppend,
    /// A removal's beginning or end is applied to the job log.
    RemovalAppend,
    /// The number of removals is written beside the job log.
    RemovalCount,
    LogFlush,
    LogSync,
    /// The frame of a dead region is overwritten.
    FrameErase,
    EraseSync,
    HolePunch,
    Unlink,
    /// A start syncs what it found in a segment.
    SurveySync,
    /// A start removes a segment in which nothing is alive.
    Sweep,
}

impl DurableStep {
    /// Every step.
    pub const ALL: [Self; 26] = [
        Self::SegmentCreate,
        Self::SegmentPreallocate,
        Self::SegmentHeader,
        Self::SegmentSync,
        Self::SegmentTrim,
        Self::DirectorySync,
        Self::BlockAppend,
        Self::SealAppend,
        Self::SealSync,
        Self::ResultAppend,
        Self::ResultSync,
        Self::LogEnter,
        Self::ClaimAppend,
        Self::OutcomeAppend,
        Self::BatchClose,
        Self::RetryAppend,
        Self::RemovalAppend,
        Self::RemovalCount,
        Self::LogFlush,
        Self::LogSync,
        Self::FrameErase,
        Self::EraseSync,
        Self::HolePunch,
        Self::Unlink,
        Self::SurveySync,
        Self::Sweep,
    ];

    /// Every point that there is, as a test names it.
    pub fn points() -> impl Iterator<Item = String> {
        Self::ALL.into_iter().flat_map(|step| {
            let sides = [Side::Before, Side::Torn, Side::After].into_iter();
            sides.filter(move |side| *side != Side::Torn || step.is_write()).map(move |side| format!("{step}/{side}"))
        })
    }

    /// Whether the step writes bytes of ours, which a crash can tear.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Self::SegmentHeader
                | Self::BlockAppend
                | Self::SealAppend
                | Self::ResultAppend
                | Self::RemovalCount
                | Self::FrameErase
        )
    }
}

/// Does a step, with its points before and after.
///
/// # Errors
/// The step's own, or the one that a test asked for.
pub fn step<T, E: From<io::Error>>(step: DurableStep, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    reach(step, Side::Before)?;
    let done = act()?;
    reach(step, Side::After)?;
    Ok(done)
}

/// Writes all bytes at a place of a file, with points before, after and in the middle.
///
/// # Errors
/// The write's own, or the one that a test asked for.
pub fn write(written: DurableStep, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    step(written, || {
        let (head, rest) = bytes.split_at(if cfg!(feature = "fault") { bytes.len() / 2 } else { 0 });
        file.write_all_at(head, at)?;
        reach(written, Side::Torn)?;
        file.write_all_at(rest, at + head.len() as u64)
    })
}

/// Where at a step a point lies.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[display(rename_all = "snake_case")]
pub enum Side {
    Before,
    /// Half of a write has been done.
    Torn,
    After,
}

#[cfg(not(feature = "fault"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it may fail")]
#[inline]
const fn reach(_step: DurableStep, _side: Side) -> io::Result<()> {
    Ok(())
}

#[cfg(not(feature = "fault"))]
#[inline]
pub(crate) const fn panic_at(_duty: &dyn std::fmt::Display) {}

#[cfg(feature = "fault")]
use armed::reach;

#[cfg(feature = "fault")]
pub(crate) use armed::panic_at;

/// The environment variable that names the file by which faults are armed.
#[cfg(feature = "fault")]
pub const FILE_VARIABLE: &str = "CONSIGN_FAULT_FILE";

#[cfg(feature = "fault")]
mod armed {
    use std::fmt::Display;
    use std::fs::{self, OpenOptions};
    use std::io::{self, Write};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::time::Duration;

    use super::{DurableStep, FILE_VARIABLE, Side};

    /// What a test wrote down, and where it is told what was passed.
    static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os(FILE_VARIABLE).map(Into::into));

    /// How often the armed point has been passed.
    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// One point at a time, so that a line is taken once.
    static TURN: Mutex<()> = Mutex::new(());

    const DELAY: Duration = Duration::from_millis(300);

    pub fn reach(step: DurableStep, side: Side) -> io::Result<()> {
        match &*FILE {
            Some(file) => reach_with(file, &format!("{step}/{side}")),
            None => Ok(()),
        }
    }

    /// Panics if a test wants this duty to. It is no step of the disk's, so it is not written down.
    pub fn panic_at(duty: &dyn Display) {
        if let Some(file) = &*FILE {
            // Nothing but a panic is asked of a duty.
            let _ = take(file, &duty.to_string());
        }
    }

    fn reach_with(file: &Path, point: &str) -> io::Result<()> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hits = OpenOptions::new().create(true).append(true).open(file.with_extension("hits"))?;
        writeln!(hits, "{point}")?;
        drop(turn);
        take(file, point)
    }

    /// Does what the file says of this point, if it says anything.
    fn take(file: &Path, point: &str) -> io::Result<()> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(line) = fs::read_to_string(file) else { return Ok(()) };
        let (is_always, fault) = line.trim().strip_prefix("always ").map_or((false, line.trim()), |rest| (true, rest));
        let Some((armed, action)) = fault.split_once('=') else { return Ok(()) };
        let (armed, time) = armed.split_once('#').unwrap_or((armed, "1"));
        let is_meant = armed == point;
        if !is_meant || PASSED.fetch_add(1, Ordering::Relaxed) + 1 < time.parse().unwrap_or(1) {
            return Ok(());
        }
        if !is_always {
            PASSED.store(0, Ordering::Relaxed);
            fs::remove_file(file)?;
        }
        drop(turn);
        act(action)
    }

    fn act(action: &str) -> io::Result<()> {
        let code = match action {
            "crash" => std::process::abort(),
            "delay" => {
                std::thread::park_timeout(DELAY);
                return Ok(());
            }
            "enospc" => rustix::io::Errno::NOSPC,
            "eio" => rustix::io::Errno::IO,
            "emfile" => rustix::io::Errno::MFILE,
            "panic" => panic!("a test asked for it"),
            other => return Err(io::Error::other(format!("no such fault: {other}"))),
        };
        Err(code.into())
    }
}
