//! Sends batches, several at a time. Each has an idempotency key, so that one whose connection broke is not taken twice.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use uuid::Uuid;

use super::ledger::{Ledger, Standing};
use super::plan::{Followed, Item};
use super::stop::Stop;
use crate::client::{Api, Batch, ClientError, Field, Form, RefusedFile, Uploaded};

/// What the senders of a push share.
pub struct Shipment<'a> {
    pub api: &'a Api,
    pub ledger: &'a Ledger,
    pub bar: &'a ProgressBar,
    pub stop: &'a Stop,
    /// What is said of each batch.
    pub fields: &'a [Field],
    pub queue: Mutex<VecDeque<Vec<Item>>>,
}

impl Shipment<'_> {
    /// Sends batch after batch until none is left, and announces each that the server has.
    pub fn work(&self, accepted: &Sender<Followed>) {
        while let Some(items) = self.next() {
            if let Some(followed) = self.send(items) {
                // Whoever follows ends early only when all is to stop.
                let _ = accepted.send(followed);
            }
        }
    }

    fn next(&self) -> Option<Vec<Item>> {
        if self.stop.is_called() {
            return None;
        }
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Sends a batch, without those of its files that cannot be read any more.
    fn send(&self, mut items: Vec<Item>) -> Option<Followed> {
        while !items.is_empty() {
            let form = Form::new(self.fields, items.iter().map(|item| item.part.clone()));
            let bytes = items.iter().map(|item| item.part.size).sum::<u64>();
            // Another set of files is another request.
            let key = Uuid::now_v7().to_string();
            let uploaded = self.upload(&form, &key, bytes);
            match uploaded {
                Ok(Uploaded::Accepted(batch)) => return Some(self.accepted(&batch, &items)),
                Ok(Uploaded::Refused(files)) => {
                    self.refused(&files, &items);
                    return None;
                }
                Err(ClientError::Unreadable { part, reason }) => {
                    let item = items.remove(part);
                    let message = format!("The file changed or cannot be read: {reason}.");
                    self.ledger.note(item.at, |entry| entry.fail(Standing::NotSent, "cannot_be_read", &message));
                    self.bar.dec_length(item.part.size);
                }
                Err(error) => {
                    self.stop.call(error.into());
                    return None;
                }
            }
        }
        None
    }

    /// Sends a form, with the bar going along; what is sent anew is taken back from it first.
    fn upload(&self, form: &Form, key: &str, bytes: u64) -> Result<Uploaded, ClientError> {
        let shown = std::cell::Cell::new(0);
        let uploaded = self.api.upload(form, key, &|sent| {
            // What stands between the files counts for nothing.
            let sent = sent.min(bytes);
            if sent >= shown.get() {
                self.bar.inc(sent - shown.get());
            } else {
                self.bar.dec(shown.get() - sent);
            }
            shown.set(sent);
        });
        match uploaded {
            Ok(_) => self.bar.inc(bytes - shown.get()),
            Err(_) => self.bar.dec(shown.get()),
        }
        uploaded
    }

    fn accepted(&self, batch: &Batch, items: &[Item]) -> Followed {
        for (index, item) in items.iter().enumerate() {
            self.ledger.note(item.at, |entry| entry.accept(batch.id.file(index), batch.id));
        }
        let wanted = items.iter().enumerate().map(|(index, item)| (index, vec![item.at])).collect();
        Followed { batch: batch.id, wanted }
    }

    fn refused(&self, files: &[RefusedFile], items: &[Item]) {
        for file in files {
            if let Some(item) = items.get(file.index) {
                self.ledger
                    .note(item.at, |entry| entry.fail(Standing::Rejected, &file.error.code, &file.error.message));
            }
        }
    }
}
