//! The child's side: the loop inside `consign worker`.
//!
//! Limits itself before it reads a byte of user data, says that it is ready, and then reads one file after another
//! until stdin ends. Stdout belongs to the protocol alone: the real one is moved aside, and what a library prints goes
//! nowhere. A panic is an answer like any other; what cannot be caught ends the process, and the server reads the exit
//! status.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Signal, set_parent_process_death_signal};

use super::examine::{Answer, Desk, Failure, Pulse, examine};
use super::protocol::{ExtractedText, FailedFile, Fault, Job, Order, Ready, Report, VERSION};
use super::room::{self, limit, limit_processor_time, stand_back};
use super::stream::{OrderReader, ReportWriter};
use super::tokens;

/// The exit code when server and child do not understand each other (`EX_PROTOCOL` of sysexits.h).
const MISUNDERSTOOD: u8 = 76;

/// Serves the process that started this one, until stdin ends.
#[must_use]
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be left to hear it.
            let _ = writeln!(io::stderr(), "worker: {error}");
            ExitCode::from(MISUNDERSTOOD)
        }
    }
}

fn serve() -> io::Result<()> {
    // A server that is killed takes its children with it, even one that hangs and never reads the end of its stdin.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    stand_back();
    limit(Resource::Core, 0)?;
    let (input, output) = take_pipes()?;
    let mut orders = OrderReader::new(input);
    let setup = match orders.next()? {
        Some(Order::Setup(setup)) => setup,
        Some(_) => return Err(io::Error::other("the first order must be a setup")),
        None => return Ok(()),
    };
    limit(Resource::As, setup.memory_bytes)?;
    tokens::load(setup.tokenizer);
    let panics = Panics::note();
    let gaps = room::lock(orders.input(), &output, setup.walls())?;
    let mut pulse = Pulse::new(ReportWriter::new(output));
    pulse.reports.send(&Report::Ready(Ready { version: VERSION, gaps }))?;
    while let Some(order) = orders.next()? {
        let Order::Job(job) = order else { return Err(io::Error::other("a job was expected")) };
        limit_processor_time(Duration::from_millis(setup.wall_ms))?;
        let answer = match read_file(&mut orders, &job, &mut pulse)? {
            Some(bytes) => {
                let (orders, pulse) = (&mut orders, &mut pulse);
                let mut desk = Desk { job: &job, setup: &setup, orders, pulse, has_recognised: false };
                panics.catch(|| examine(bytes, &mut desk))
            }
            None => Err(Failure::new(Fault::OutOfMemory, &format!("no room for a file of {} bytes", job.length))),
        };
        reply(&mut pulse.reports, &job, answer, orders.has_more())?;
    }
    Ok(())
}

/// Takes stdin and stdout for the protocol and leaves `/dev/null` in their places.
fn take_pipes() -> io::Result<(File, File)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    Ok((input.into(), output.into()))
}

/// Reads the job's bytes; none when there is no room for them, and then they are passed over, so that the next order
/// is read from its beginning.
fn read_file(orders: &mut OrderReader<File>, job: &Job, pulse: &mut Pulse) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let fits = usize::try_from(job.length).is_ok_and(|length| bytes.try_reserve_exact(length).is_ok());
    let mut missing = job.length;
    while missing > 0 {
        let Some(Order::Block(block)) = orders.next()? else { return Err(io::Error::other("a block was expected")) };
        missing = missing
            .checked_sub(block.len() as u64)
            .ok_or_else(|| io::Error::other("the file is longer than its job says"))?;
        if fits {
            bytes.extend_from_slice(block);
        }
        pulse.beat();
    }
    Ok(fits.then_some(bytes))
}

/// Answers a job: at once, unless another one has come with it.
fn reply(reports: &mut ReportWriter<File>, job: &Job, answer: Answer, is_more_coming: bool) -> io::Result<()> {
    let file = job.file;
    let (report, text) = match answer {
        Ok((info, text)) => {
            let text_bytes = text.len() as u64;
            (Report::Extracted(ExtractedText { file, info, text_bytes }), text)
        }
        Err(Failure { fault, log }) => (Report::Failed(FailedFile { file, fault, log }), String::new()),
    };
    if is_more_coming {
        reports.hold_with(&report, text.as_bytes())
    } else {
        reports.send_with(&report, text.as_bytes())
    }
}

/// Where panics are noted instead of printed: their words may hold a user's text.
struct Panics(Arc<Mutex<String>>);

impl Panics {
    /// From here on panics are noted.
    fn note() -> Self {
        let note = Arc::new(Mutex::new(String::new()));
        let panics = Self(Arc::clone(&note));
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let words = info.payload_as_str().unwrap_or("a panic without words");
            *note.lock().unwrap_or_else(PoisonError::into_inner) = format!("{place}: {words}");
        }));
        panics
    }

    fn catch(&self, work: impl FnOnce() -> Answer) -> Answer {
        // What the panic interrupted is dropped with the file; the server replaces the child after a panic.
        panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_payload| {
            let note = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
            Err(Failure::new(Fault::Panicked, &note))
        })
    }
}
