//! What is sent, in which batches, and what is only followed since the server has it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::Path;

use super::digests::Digest;
use super::ledger::{Entry, Ledger, Standing};
use super::sources::Source;
use crate::batch::{BatchId, FileState};
use crate::client::{Held, Limits, Part};

/// A file that can be sent, and its place in the ledger.
#[derive(Debug, Clone)]
pub struct Item {
    pub at: usize,
    pub part: Part,
}

/// Files of one batch that are to be followed to their ends: each one's index there, and its place in the ledger.
#[derive(Debug)]
pub struct Followed {
    pub batch: BatchId,
    pub wanted: BTreeMap<usize, Vec<usize>>,
}

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    pub ledger: Ledger,
    /// In the order in which they are sent.
    pub batches: Vec<Vec<Item>>,
    pub followed: Vec<Followed>,
}

/// How large a batch may become.
#[derive(Debug, Clone, Copy)]
pub struct BatchSize {
    pub files_max: usize,
    pub bytes_max: u64,
}

/// The files that could be read, and a ledger that says why the others could not.
#[derive(Debug)]
pub struct Readable {
    pub items: Vec<Item>,
    pub entries: Vec<Entry>,
    copies: Vec<Vec<usize>>,
}

impl Readable {
    /// Puts files and their digests together. Of files with the same bytes and the same ending, the first is sent for all:
    /// what a file's text is follows from these.
    pub fn of(sources: Vec<Source>, digests: Vec<std::io::Result<Digest>>, limits: &Limits) -> Self {
        let mut readable = Self { items: Vec::new(), entries: Vec::new(), copies: vec![Vec::new(); sources.len()] };
        let mut first = HashMap::new();
        for (at, (source, digest)) in sources.into_iter().zip(digests).enumerate() {
            let mut entry = Entry::new(source.name.clone());
            match digest {
                Ok(Digest { size, sha256 }) => {
                    (entry.size, entry.sha256) = (Some(size), Some(hex::encode(sha256)));
                    let ending = Path::new(&source.name).extension().map(OsStr::to_ascii_lowercase);
                    if size > limits.file_bytes_max {
                        let message =
                            format!("The file is larger than this server takes ({} bytes).", limits.file_bytes_max);
                        entry.fail(Standing::Rejected, "file_too_large", &message);
                    } else if let Some(first) = first.get(&(sha256, ending.clone())) {
                        let copies: &mut Vec<usize> = &mut readable.copies[*first];
                        copies.push(at);
                    } else {
                        first.insert((sha256, ending), at);
                        let name = fitting(source.name, limits.name_bytes_max);
                        readable.items.push(Item { at, part: Part { name, content: source.content, size, sha256 } });
                    }
                }
                Err(error) => {
                    entry.fail(Standing::NotSent, "cannot_be_read", &format!("The file cannot be read: {error}."));
                }
            }
            readable.entries.push(entry);
        }
        readable
    }

    /// The digests that the server is asked for.
    pub fn digests(&self) -> Vec<String> {
        self.items.iter().map(|item| hex::encode(item.part.sha256)).collect()
    }

    /// Leaves out what the server has, and cuts the rest into batches. What failed there is sent again.
    pub fn plan(self, held: Vec<Held>, size: BatchSize) -> Plan {
        let Self { items, entries, copies } = self;
        let ledger = Ledger::new(entries, copies);
        let is_good = |held: &Held| match held.state {
            FileState::Stored
            | FileState::Verified
            | FileState::Processing
            | FileState::Retrying
            | FileState::Succeeded => true,
            FileState::Failed | FileState::Rejected | FileState::Cancelled => false,
        };
        let held: HashMap<_, _> = held.into_iter().filter(is_good).map(|held| (held.sha256.clone(), held)).collect();
        let mut followed: BTreeMap<BatchId, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        let mut unsent = Vec::new();
        for item in items {
            let Some(held) = held.get(&hex::encode(item.part.sha256)) else {
                unsent.push(item);
                continue;
            };
            ledger.note(item.at, |entry| {
                entry.accept(held.file_id, held.batch_id);
                if held.state == FileState::Succeeded {
                    entry.state = Standing::Succeeded;
                }
            });
            followed.entry(held.batch_id).or_default().entry(held.file_id.index()).or_default().push(item.at);
        }
        let followed = followed.into_iter().map(|(batch, wanted)| Followed { batch, wanted }).collect();
        Plan { ledger, batches: cut(unsent, size), followed }
    }
}

/// Cuts files into batches, in their order. One that is larger than a batch is to be has one of its own.
fn cut(items: Vec<Item>, size: BatchSize) -> Vec<Vec<Item>> {
    let mut batches: Vec<Vec<Item>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let is_full = |batch: &Vec<Item>| batch.len() >= size.files_max || bytes + item.part.size > size.bytes_max;
        if batches.last().is_none_or(is_full) {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += item.part.size;
        batches.last_mut().expect("there is one by now").push(item);
    }
    batches
}

/// A name that the server takes: of a path that is too long, the file's name alone.
fn fitting(name: String, bytes_max: usize) -> String {
    if name.len() <= bytes_max {
        return name;
    }
    Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Content;

    const LIMITS: Limits = Limits {
        batch_files_max: 10,
        batch_bytes_max: 100,
        file_bytes_max: 50,
        name_bytes_max: 12,
        field_bytes_max: 9,
    };

    /// Files by name, size and first byte of their digest.
    fn readable(files: &[(&str, u64, u8)]) -> Readable {
        let source = |name: &str| Source { name: name.into(), content: Content::Path(name.into()) };
        let sources = files.iter().map(|(name, ..)| source(name)).collect();
        let digests = files.iter().map(|(_, size, digest)| Ok(Digest { size: *size, sha256: [*digest; 32] })).collect();
        Readable::of(sources, digests, &LIMITS)
    }

    fn names(plan: &Plan) -> Vec<Vec<&str>> {
        plan.batches.iter().map(|batch| batch.iter().map(|item| item.part.name.as_str()).collect()).collect()
    }

    #[test]
    fn batches_keep_to_both_bounds_and_to_the_order() {
        let size = BatchSize { files_max: 2, bytes_max: 40 };
        let files = [("a", 10, 1), ("b", 10, 2), ("c", 10, 3), ("d", 35, 4), ("e", 50, 5), ("f", 0, 6)];
        let plan = readable(&files).plan(Vec::new(), size);
        assert_eq!(names(&plan), [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"], vec!["f"]]);
    }

    #[test]
    fn copies_are_sent_once_unless_their_names_say_another_type() {
        let size = BatchSize { files_max: 10, bytes_max: 100 };
        let plan = readable(&[("a.txt", 1, 1), ("b.TXT", 1, 1), ("c.csv", 1, 1)]).plan(Vec::new(), size);
        assert_eq!(names(&plan), [vec!["a.txt", "c.csv"]]);
        plan.ledger.note(0, |entry| entry.state = Standing::Succeeded);
        let states: Vec<_> = plan.ledger.into_entries().iter().map(|entry| entry.state).collect();
        assert_eq!(states, [Standing::Succeeded, Standing::Succeeded, Standing::NotSent]);
    }

    #[test]
    fn what_the_server_has_is_followed_and_what_failed_there_is_sent() {
        let size = BatchSize { files_max: 10, bytes_max: 100 };
        let batch = BatchId::new();
        let held = |digest: u8, index, state| Held {
            sha256: hex::encode([digest; 32]),
            batch_id: batch,
            file_id: batch.file(index),
            state,
        };
        let held =
            vec![held(1, 4, FileState::Succeeded), held(2, 5, FileState::Failed), held(3, 6, FileState::Retrying)];
        let plan = readable(&[("a", 1, 1), ("b", 1, 2), ("c", 1, 3), ("d", 1, 4)]).plan(held, size);
        assert_eq!(names(&plan), [vec!["b", "d"]]);
        assert_eq!(plan.followed.len(), 1);
        assert_eq!(plan.followed[0].wanted, BTreeMap::from([(4, vec![0]), (6, vec![2])]));
    }

    #[test]
    fn what_the_server_would_not_take_is_not_sent_and_a_long_path_loses_its_folders() {
        let plan = readable(&[("large", 51, 1), ("folders/of/long/names/a.txt", 1, 2)])
            .plan(Vec::new(), BatchSize { files_max: 10, bytes_max: 100 });
        assert_eq!(names(&plan), [vec!["a.txt"]]);
        let entries = plan.ledger.into_entries();
        assert_eq!(entries[0].state, Standing::Rejected);
        assert_eq!(entries[1].name, "folders/of/long/names/a.txt");
    }
}
