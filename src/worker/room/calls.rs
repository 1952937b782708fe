//! Seccomp: the system calls that are left, and with which arguments.
//!
//! Reading is left on the one pipe and writing on the other, stderr and the `/dev/null` that stands for stdout, so that
//! a descriptor which the server should have inherited from its own starter is of no use here. Memory is left, but
//! none that could be run as a program. All else is refused with EPERM.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::process::Resource;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Left whatever their arguments: memory, time, locks between threads, chance, signals of its own, and the end.
const LEFT: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Taken from a program that runs in a room of its own: the network, other processes, and the kernel's large doors.
const TAKEN: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    libc::SYS_prlimit64,
    libc::SYS_memfd_create,
];

const STDOUT: i32 = 1;
const STDERR: i32 = 2;

/// What one argument of a call must be.
struct Argument {
    index: u8,
    is: SeccompCmpOp,
    value: u64,
}

/// Closes all other system calls to this process; an error says why they stay open.
pub fn close(input: &File, output: &File) -> Result<(), String> {
    let program = program(input.as_raw_fd(), output.as_raw_fd()).map_err(|error| told(&error))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| told(&error))
}

/// Closes what no program needs that reads stdin and writes stdout; an error says why it stays open.
pub fn close_to_programs() -> Result<(), String> {
    let rules = TAKEN.iter().map(|number| (*number, Vec::new())).collect();
    let filter = || -> Result<BpfProgram, BackendError> {
        SeccompFilter::new(rules, SeccompAction::Allow, refusal(), std::env::consts::ARCH.try_into()?)?.try_into()
    };
    let program = filter().map_err(|error| told(&error))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| told(&error))
}

fn told(error: &dyn Display) -> String {
    format!("seccomp cannot be set up: {error}")
}

fn refusal() -> SeccompAction {
    SeccompAction::Errno(libc::EPERM.unsigned_abs())
}

fn program(input: i32, output: i32) -> Result<BpfProgram, BackendError> {
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let not_executable = || Argument { index: 2, is: MaskedEq(executable), value: 0 };
    let with_arguments = [
        (libc::SYS_read, equal(0, input)),
        (libc::SYS_write, equal(0, output)),
        (libc::SYS_write, equal(0, STDERR)),
        (libc::SYS_write, equal(0, STDOUT)),
        (libc::SYS_writev, equal(0, STDERR)),
        (libc::SYS_mmap, not_executable()),
        (libc::SYS_mprotect, not_executable()),
        // How an abort and a stack overflow end the process.
        (libc::SYS_kill, equal(0, own)),
        (libc::SYS_tkill, equal(0, own)),
        (libc::SYS_tgkill, equal(0, own)),
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = LEFT.iter().map(|number| (*number, Vec::new())).collect();
    for (number, argument) in with_arguments {
        rules.entry(number).or_default().push(rule([argument])?);
    }
    // Its own limit of processor time, which moves from file to file.
    let processor_time = Argument { index: 1, is: Eq, value: Resource::Cpu as u64 };
    rules.insert(libc::SYS_prlimit64, vec![rule([equal(0, 0), processor_time])?]);
    SeccompFilter::new(rules, refusal(), SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn equal(index: u8, value: i32) -> Argument {
    Argument { index, is: Eq, value: u64::from(value.unsigned_abs()) }
}

/// Holds when all of these arguments are as they must be.
fn rule<const N: usize>(arguments: [Argument; N]) -> Result<SeccompRule, BackendError> {
    let conditions = arguments
        .into_iter()
        .map(|Argument { index, is, value }| SeccompCondition::new(index, SeccompCmpArgLen::Dword, is, value));
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}
