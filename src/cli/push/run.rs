//! A push from its beginning to its end.

use std::process::ExitCode;
use std::sync::{Mutex, mpsc};
use std::thread;

use super::PushArguments;
use super::bars::Bars;
use super::digests::digests;
use super::fetch::Fetcher;
use super::follow::Follower;
use super::ledger::{Entry, Standing};
use super::plan::{BatchSize, Plan, Readable};
use super::report::{is_well, tell_people, tell_programs};
use super::send::Shipment;
use super::sources::{self, Found};
use super::stop::Stop;
use crate::cli::CliError;
use crate::cli::error::SOME_FAILED;
use crate::cli::table::counted;
use crate::cli::texts::Texts;
use crate::client::Api;

/// Pushes; returns how the program ends.
pub fn run(arguments: &PushArguments) -> Result<ExitCode, CliError> {
    let bars = Bars::new(arguments.quiet);
    let said = bars.clone();
    let api = arguments.remote.connect(move |text| said.say(text));
    let Found { sources, passed_over, unreadable } = sources::find(arguments)?;
    if passed_over > 0 && !arguments.quiet {
        bars.say(&format!("{}, such as a link or a pipe, passed over", counted(passed_over, "thing")));
    }
    let limits = api.limits()?;
    arguments.fields.check(&limits)?;
    let bar = bars.of_files("Reading", sources.len());
    let digested = digests(&sources, &|| bar.inc(1));
    bar.finish_and_clear();
    let readable = Readable::of(sources, digested, &limits);
    let held = if arguments.again { Vec::new() } else { api.held(&readable.digests())? };
    let size = BatchSize {
        files_max: limits.batch_files_max.min(arguments.batch_files as usize),
        bytes_max: limits.batch_bytes_max.min(arguments.batch_bytes.as_u64()),
    };
    let plan = readable.plan(held, size);
    if arguments.fields.are_given() && !plan.followed.is_empty() && !arguments.quiet {
        let files = counted(plan.followed.iter().map(|batch| batch.wanted.len()).sum(), "file");
        bars.say(&format!("already there: {files}, of whose batches nothing more is said; --again sends everything"));
    }
    let (mut entries, reason) = carry_out(arguments, &api, &bars, plan);
    entries.extend(unreadable.into_iter().map(|(name, why)| {
        let mut entry = Entry::new(name);
        entry.fail(Standing::NotSent, "cannot_be_read", &format!("It cannot be read: {why}."));
        entry
    }));
    match (arguments.json, arguments.quiet) {
        (true, _) => tell_programs(&entries)?,
        (false, false) => tell_people(&entries)?,
        (false, true) => {}
    }
    let is_patient = arguments.wait || arguments.out.is_some();
    match reason {
        Some(error) => Err(error),
        None if is_well(&entries, is_patient) => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::from(SOME_FAILED)),
    }
}

/// Sends and follows at the same time. Returns what is known of each file, and why it ended early if it did.
fn carry_out(arguments: &PushArguments, api: &Api, bars: &Bars, plan: Plan) -> (Vec<Entry>, Option<CliError>) {
    let Plan { ledger, batches, followed } = plan;
    let stop = Stop::default();
    let bytes = batches.iter().flatten().map(|item| item.part.size).sum();
    let files =
        batches.iter().map(Vec::len).sum::<usize>() + followed.iter().map(|batch| batch.wanted.len()).sum::<usize>();
    let is_patient = arguments.wait || arguments.out.is_some();
    let places = arguments.out.as_deref().map(|directory| {
        let mut texts = Texts::below(directory);
        ledger.names().iter().map(|name| texts.place(name)).collect::<Vec<_>>()
    });
    let sending = bars.of_bytes("Sending", bytes);
    let processing = bars.of_files(if is_patient { "Processing" } else { "Accepting" }, files);
    let connections = usize::from(arguments.connections).min(batches.len());
    let (fields, queue) = (arguments.fields.fields(), Mutex::new(batches.into()));
    let shipment = Shipment { api, ledger: &ledger, bar: &sending, stop: &stop, fields: &fields, queue };
    let fetcher = places.as_deref().map(|places| Fetcher { api, ledger: &ledger, stop: &stop, places });
    let follower = Follower { api, ledger: &ledger, bar: &processing, stop: &stop, fetcher, is_patient };
    thread::scope(|scope| {
        let (accepted, announced) = mpsc::channel();
        for batch in followed {
            // The other end is in this function.
            let _ = accepted.send(batch);
        }
        for _ in 0..connections {
            let accepted = accepted.clone();
            scope.spawn(|| {
                let accepted = accepted;
                shipment.work(&accepted);
            });
        }
        drop(accepted);
        follower.work(&announced);
    });
    sending.finish_and_clear();
    processing.finish_and_clear();
    let mut entries = ledger.into_entries();
    for entry in entries.iter_mut().filter(|entry| entry.state == Standing::NotSent && entry.error.is_none()) {
        entry.fail(Standing::NotSent, "gave_up", "The push gave up before it was sent.");
    }
    (entries, stop.into_reason())
}
