//! What a child's answer, or its end, says about the file that it had: pure, from what it said, its exit status and its last
//! words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use super::protocol::{FailedFile, Fault};
use super::settings::AttemptFailure;
use crate::batch::{FileError, FileErrorCode};

/// What Rust's runtime writes on stderr before it aborts, when memory is refused.
const NO_MEMORY: [&str; 2] = ["memory allocation of ", " bytes failed"];

/// What Rust's runtime writes on stderr before it aborts, when the stack's guard page is hit.
const STACK_OVERFLOW: &str = " has overflowed its stack";

/// Why a child could not read a file.
pub fn of_answer(FailedFile { file: _, fault, log }: &FailedFile) -> AttemptFailure {
    AttemptFailure { error: FileErrorCode::from(*fault).into(), log: one_line(log) }
}

/// Whether the next file may be given to the child that said this: a parser that panicked may have left anything behind.
pub fn is_fit_after(failed: &FailedFile) -> bool {
    failed.fault != Fault::Panicked
}

/// Why a child ended by itself while it had a file.
pub fn of_exit(status: ExitStatus, last_words: &str) -> FileError {
    let Some(signal) = status.signal() else {
        let code = status.code().map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        return FileError::with_detail(FileErrorCode::Crashed, format!("exit code {code}"));
    };
    // The limit of processor time, which the child moves ahead for each file.
    if signal == Signal::XCPU.as_raw() {
        return FileErrorCode::Timeout.into();
    }
    let name = signal_name(signal);
    if signal != Signal::ABORT.as_raw() {
        return FileError::with_detail(FileErrorCode::Crashed, name);
    }
    let refused = last_words.lines().rev().find(|line| NO_MEMORY.iter().all(|words| line.contains(words)));
    if refused.is_some() {
        FileErrorCode::OutOfMemory.into()
    } else if last_words.contains(STACK_OVERFLOW) {
        FileError::with_detail(FileErrorCode::Crashed, format!("stack overflow, {name}"))
    } else {
        FileError::with_detail(FileErrorCode::Crashed, name)
    }
}

/// What the OCR engine's runtime and its image library write on stderr when memory is refused. The library goes on
/// without the image, and the engine may even end well.
const NO_MEMORY_CPP: [&str; 2] = ["std::bad_alloc", "alloc fail"];

/// The exit code when the OCR engine could not be started.
const NOT_STARTED: [i32; 2] = [126, 127];

/// Why the OCR engine gave no text that counts; none when it ended well or said that it cannot read the image.
pub fn of_engine_exit(status: ExitStatus, last_words: &str) -> Option<FileError> {
    if NO_MEMORY_CPP.iter().any(|words| last_words.contains(words)) {
        return Some(FileErrorCode::OutOfMemory.into());
    }
    match (status.signal(), status.code()) {
        (Some(signal), _) if signal == Signal::XCPU.as_raw() => Some(FileErrorCode::Timeout.into()),
        (Some(signal), _) => {
            Some(FileError::with_detail(FileErrorCode::Crashed, format!("OCR, {}", signal_name(signal))))
        }
        (None, Some(code)) if NOT_STARTED.contains(&code) => {
            Some(FileError::with_detail(FileErrorCode::Crashed, "OCR did not start"))
        }
        (None, _) => None,
    }
}

/// The names by which POSIX and Linux know the signals that can end a process.
fn signal_name(number: i32) -> String {
    let name = match Signal::from_named_raw(number) {
        Some(Signal::HUP) => "SIGHUP",
        Some(Signal::INT) => "SIGINT",
        Some(Signal::QUIT) => "SIGQUIT",
        Some(Signal::ILL) => "SIGILL",
        Some(Signal::TRAP) => "SIGTRAP",
        Some(Signal::ABORT) => "SIGABRT",
        Some(Signal::BUS) => "SIGBUS",
        Some(Signal::FPE) => "SIGFPE",
        Some(Signal::KILL) => "SIGKILL",
        Some(Signal::USR1) => "SIGUSR1",
        Some(Signal::SEGV) => "SIGSEGV",
        Some(Signal::USR2) => "SIGUSR2",
        Some(Signal::PIPE) => "SIGPIPE",
        Some(Signal::ALARM) => "SIGALRM",
        Some(Signal::TERM) => "SIGTERM",
        Some(Signal::XFSZ) => "SIGXFSZ",
        Some(Signal::SYS) => "SIGSYS",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

/// The text as one line without control characters: what a parser says must not forge lines of the log.
pub fn one_line(text: &str) -> String {
    let words = text.split(|char: char| char.is_whitespace() || char.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed(signal: Signal, last_words: &str) -> String {
        of_exit(ExitStatus::from_raw(signal.as_raw()), last_words).to_string()
    }

    #[test]
    fn an_abort_is_told_apart_by_the_last_words() {
        assert_eq!(killed(Signal::ABORT, "memory allocation of 65536 bytes failed\n"), "out_of_memory");
        assert_eq!(
            killed(
                Signal::ABORT,
                "\nthread 'main' (7) has overflowed its stack\nfatal runtime error: stack overflow\n"
            ),
            "crashed (stack overflow, SIGABRT)"
        );
        assert_eq!(killed(Signal::ABORT, "free(): invalid pointer\n"), "crashed (SIGABRT)");
        assert_eq!(killed(Signal::ABORT, "memory allocation of\n9 bytes failed"), "crashed (SIGABRT)");
    }

    #[test]
    fn a_signal_is_named_whatever_was_said() {
        assert_eq!(killed(Signal::SEGV, "memory allocation of 1 bytes failed"), "crashed (SIGSEGV)");
        assert_eq!(killed(Signal::KILL, ""), "crashed (SIGKILL)");
        assert_eq!(killed(Signal::XCPU, ""), "timeout");
        assert_eq!(killed(Signal::SYS, ""), "crashed (SIGSYS)");
        assert_eq!(of_exit(ExitStatus::from_raw(40), "").to_string(), "crashed (signal 40)");
        // The kernel's flag for a core that was dumped is no part of the signal.
        assert_eq!(of_exit(ExitStatus::from_raw(0x8b), "").to_string(), "crashed (SIGSEGV)");
    }

    #[test]
    fn an_exit_is_a_crash_with_its_code() {
        assert_eq!(of_exit(ExitStatus::from_raw(7 << 8), "").to_string(), "crashed (exit code 7)");
        assert_eq!(of_exit(ExitStatus::from_raw(0), "").to_string(), "crashed (exit code 0)");
    }

    #[test]
    fn an_engine_that_says_no_is_no_crash() {
        let ended = |raw: i32, words: &str| of_engine_exit(ExitStatus::from_raw(raw), words).map(|e| e.to_string());
        let abort = Signal::ABORT.as_raw();
        assert_eq!(ended(1 << 8, "Error during processing."), None);
        assert_eq!(ended(0, "Detected 12 diacritics"), None);
        assert_eq!(ended(0, "Error in pixCreateNoInit: pixdata_malloc fail for data"), Some("out_of_memory".into()));
        assert_eq!(ended(126 << 8, ""), Some("crashed (OCR did not start)".into()));
        assert_eq!(ended(abort, "what():  std::bad_alloc"), Some("out_of_memory".into()));
        assert_eq!(ended(abort, ""), Some("crashed (OCR, SIGABRT)".into()));
        assert_eq!(ended(Signal::KILL.as_raw(), ""), Some("crashed (OCR, SIGKILL)".into()));
        assert_eq!(ended(Signal::XCPU.as_raw(), ""), Some("timeout".into()));
    }

    #[test]
    fn a_log_text_cannot_forge_lines() {
        assert_eq!(one_line("bad\n\n[ERROR] forged\u{1b}[31m\t\u{0}x  y\n"), "bad [ERROR] forged [31m x y");
    }
}
