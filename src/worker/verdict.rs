//! What a child's end says about the file that it had: pure, from its exit status and its last words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::batch::{FileError, FileErrorCode};

/// What Rust's runtime writes on stderr before it aborts, when memory is refused.
const NO_MEMORY: [&str; 2] = ["memory allocation of ", " bytes failed"];

/// What Rust's runtime writes on stderr before it aborts, when the stack's guard page is hit.
const STACK_OVERFLOW: &str = " has overflowed its stack";

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
    fn a_log_text_cannot_forge_lines() {
        assert_eq!(one_line("bad\n\n[ERROR] forged\u{1b}[31m\t\u{0}x  y\n"), "bad [ERROR] forged [31m x y");
    }
}
