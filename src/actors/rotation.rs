//! Whose turn it is: the open batches in a ring, each with how far it has come.
//!
//! A turn is a few files long, so that reading and looking at them costs little and a batch of three never waits behind a
//! batch of ten thousand. The ring holds batches, not files.

use std::collections::VecDeque;
use std::ops::Range;

use crate::batch::BatchId;

/// Files that a batch gets in one turn.
pub const TURN_FILES: usize = 32;

/// The ring of batches that have files to hand out.
#[derive(Debug, Default)]
pub struct Rotation {
    ring: VecDeque<Place>,
}

#[derive(Debug)]
struct Place {
    batch: BatchId,
    next: usize,
    end: usize,
}

/// A turn: some files of one batch, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub batch: BatchId,
    pub files: Range<usize>,
}

impl Rotation {
    /// Puts a batch with `files` files at the end of the ring.
    pub fn push(&mut self, batch: BatchId, files: usize) {
        self.ring.push_back(Place { batch, next: 0, end: files });
    }

    /// Puts a turn that came to nothing at the end of the ring.
    pub fn again(&mut self, turn: Turn) {
        let Turn { batch, files } = turn;
        self.ring.push_back(Place { batch, next: files.start, end: files.end });
    }

    /// Takes a batch out of the ring.
    pub fn remove(&mut self, batch: BatchId) {
        self.ring.retain(|place| place.batch != batch);
    }

    /// The next turn; the batch goes back to the end of the ring if it has more files.
    pub fn turn(&mut self) -> Option<Turn> {
        let mut place = self.ring.pop_front()?;
        let files = place.next..place.end.min(place.next + TURN_FILES);
        place.next = files.end;
        let batch = place.batch;
        if place.next < place.end {
            self.ring.push_back(place);
        }
        Some(Turn { batch, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_batch_does_not_wait_behind_a_large_one() {
        let (large, small) = (BatchId::new(), BatchId::new());
        let mut rotation = Rotation::default();
        rotation.push(large, 10_000);
        rotation.push(small, 3);
        assert_eq!(rotation.turn(), Some(Turn { batch: large, files: 0..TURN_FILES }));
        assert_eq!(rotation.turn(), Some(Turn { batch: small, files: 0..3 }));
        assert_eq!(rotation.turn(), Some(Turn { batch: large, files: TURN_FILES..2 * TURN_FILES }));
    }

    #[test]
    fn every_file_gets_exactly_one_turn() {
        let mut rotation = Rotation::default();
        rotation.push(BatchId::new(), 3 * TURN_FILES + 1);
        let files: Vec<usize> = std::iter::from_fn(|| rotation.turn()).flat_map(|turn| turn.files).collect();
        assert_eq!(files, (0..=3 * TURN_FILES).collect::<Vec<_>>());
    }
}
