//! What went wrong, counted by kind; what the torture is for.

use std::fmt::{self, Display, Write};
use std::sync::{Mutex, MutexGuard};

/// How many findings are told in words; the others are only counted.
const TOLD_MAX: usize = 40;

/// A way to break the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An acknowledged file is gone, has no outcome, or not the one that its bytes must have.
    Lost,
    /// A file has a second outcome, or a batch or file is there twice.
    Duplicated,
    /// Bytes or a text are not those that they must be, or a batch is not whole.
    Torn,
    /// Something lies there that belongs to no batch that anybody may know of.
    Orphan,
    /// A living server did not answer a request as it must, or told its operator of an error.
    Wrong,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: [u64; 5],
    told: String,
    told_count: usize,
}

impl Findings {
    pub fn note(&self, fault: Fault, what: impl Display) {
        self.note_many(fault, 1, what);
    }

    /// Notes what went wrong with so many files.
    pub fn note_many(&self, fault: Fault, count: usize, what: impl Display) {
        let mut inner = self.lock();
        inner.counts[fault as usize] += count as u64;
        inner.told_count += 1;
        if inner.told_count <= TOLD_MAX {
            writeln!(inner.told, "  {fault:?} × {count}: {what}").expect("a string takes what is written to it");
        }
    }

    pub fn count(&self, fault: Fault) -> u64 {
        self.lock().counts[fault as usize]
    }

    pub fn is_empty(&self) -> bool {
        self.lock().told_count == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics with the findings in hand")
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        write!(f, "{}", inner.told)?;
        if inner.told_count > TOLD_MAX { writeln!(f, "  and {} more", inner.told_count - TOLD_MAX) } else { Ok(()) }
    }
}
