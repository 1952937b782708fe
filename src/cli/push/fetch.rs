//! Fetches the texts of files that have succeeded, each to where it is wanted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::ledger::{Ledger, Standing};
use super::stop::Stop;
use crate::batch::{BatchId, FileId};
use crate::cli::CliError;
use crate::cli::results::next_line;
use crate::cli::texts::{self, WriteFailure};
use crate::client::{Api, ClientError, FileError, ResultLine};

/// How often a text is fetched that breaks off on its way.
const FETCHES_MAX: u32 = 5;

/// Files of one batch that have a text, by their index: each one's id, and its places in the ledger.
pub type Succeeded = BTreeMap<usize, (FileId, Vec<usize>)>;

/// Fetches the texts of a push.
pub struct Fetcher<'a> {
    pub api: &'a Api,
    pub ledger: &'a Ledger,
    pub stop: &'a Stop,
    /// Where each file's text goes, by its place in the ledger.
    pub places: &'a [PathBuf],
}

impl Fetcher<'_> {
    /// Fetches the texts of these files of a batch that has so many in all.
    pub fn fetch(&self, batch: BatchId, total: usize, files: Succeeded) -> Result<(), CliError> {
        // All in one stream where most are wanted, and else one by one.
        if files.len() > 1 && 2 * files.len() > total {
            return self.insist(|| self.fetch_all(batch, &files));
        }
        for (file, items) in files.into_values() {
            self.insist(|| self.fetch_one(batch, file, &items))?;
        }
        Ok(())
    }

    /// Fetches until it comes whole.
    fn insist(&self, mut fetch: impl FnMut() -> Result<(), CliError>) -> Result<(), CliError> {
        for _ in 1..FETCHES_MAX {
            match fetch() {
                // The way broke; the next request waits for the server if it has to.
                Err(CliError::Client(error)) if error.is_passing() && !self.stop.is_called() => {}
                fetched => return fetched,
            }
        }
        fetch()
    }

    fn fetch_all(&self, batch: BatchId, wanted: &Succeeded) -> Result<(), CliError> {
        let mut lines = self.api.results(batch)?;
        let mut line = String::new();
        while next_line(&mut lines, &mut line)? {
            let result: ResultLine = serde_json::from_str(&line).map_err(|error| broken_off(&error))?;
            let Some((_, items)) = wanted.get(&result.file.index) else { continue };
            match (result.text, result.text_error) {
                (Some(text), _) => self.write(&mut text.as_bytes(), items)?,
                (None, Some(FileError { code, message })) => self.without_text(items, &code, &message),
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn fetch_one(&self, batch: BatchId, file: FileId, items: &[usize]) -> Result<(), CliError> {
        match self.api.text(batch, file) {
            Ok(mut text) => self.write(&mut text, items),
            Err(ClientError::Refused(problem)) => {
                self.without_text(items, &problem.code, &problem.detail);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes why a text that there was cannot be had.
    fn without_text(&self, items: &[usize], code: &str, message: &str) {
        for item in items {
            self.ledger.note(*item, |entry| entry.fail(Standing::Failed, code, message));
        }
    }

    /// Writes a text to all places that it has: one for each copy of its file.
    fn write(&self, text: &mut dyn Read, items: &[usize]) -> Result<(), CliError> {
        let mut items = items.iter().flat_map(|item| self.ledger.same_as(*item));
        let Some(first) = items.next() else { return Ok(()) };
        self.write_one(text, first)?;
        for item in items {
            let mut written = File::open(&self.places[first])?;
            self.write_one(&mut written, item)?;
        }
        Ok(())
    }

    fn write_one(&self, text: &mut dyn Read, item: usize) -> Result<(), CliError> {
        let place = &self.places[item];
        texts::write(place, text).map_err(|failure| match failure {
            WriteFailure::Read(error) => CliError::from(broken_off(&error)),
            WriteFailure::Written(error) => error,
        })?;
        self.ledger.note_alone(item, |entry| entry.text_path = Some(place.clone()));
        Ok(())
    }
}

fn broken_off(why: &dyn std::fmt::Display) -> ClientError {
    ClientError::Unreachable { server: "the server".into(), reason: format!("a text broke off: {why}") }
}
