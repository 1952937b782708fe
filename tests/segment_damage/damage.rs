//! Damage by seed: one segment, one place, one way. What it changed is what it hit.

use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::places::{Part, Place};

/// The most bytes that one round zeroes, and those among which it flips bits.
const ZEROED_BYTES_MAX: [usize; 3] = [64, 4096, 64 << 10];
const FLIPPED_AMONG: [usize; 3] = [1, 64, 4096];

/// How a segment is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Cut,
    Zeroed,
    Flipped,
}

/// What was done, and what it hit of all that matters.
pub struct Damage {
    pub kind: Kind,
    pub told: String,
    pub hits: Vec<Place>,
}

impl Damage {
    /// Damages one segment of a copy of the sound directory that `places` is the map of.
    pub fn by_seed(seed: u64, dir: &Path, places: &[Place]) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let (segment, at) = aim(&mut chance, seed, dir, places);
        let before = fs::read(dir.join(&segment)).expect("a segment can be read");
        let mut after = before.clone();
        let (kind, how) = match seed % 3 {
            0 => {
                after.truncate(at);
                (Kind::Cut, "cut".to_owned())
            }
            1 => {
                let most = ZEROED_BYTES_MAX[chance.random_range(0..ZEROED_BYTES_MAX.len())];
                let zeroed = chance.random_range(1..=most);
                let zeroed = zeroed.min(after.len() - at);
                after[at..at + zeroed].fill(0);
                (Kind::Zeroed, format!("zeroed for {zeroed}"))
            }
            _ => {
                let among = FLIPPED_AMONG[chance.random_range(0..FLIPPED_AMONG.len())].min(after.len() - at);
                let flips = chance.random_range(1..16);
                for _ in 0..flips {
                    after[at + chance.random_range(0..among)] ^= 1 << chance.random_range(0..8);
                }
                (Kind::Flipped, format!("{flips} bits among {among} bytes flipped"))
            }
        };
        fs::write(dir.join(&segment), &after).expect("a segment can be written");
        let told = format!("{} of {} bytes: {how} at {at}", segment.display(), before.len());
        let in_segment = places.iter().filter(|place| place.segment == segment);
        let hits = in_segment.filter(|place| is_hit(place, &before, &after)).cloned().collect();
        Self { kind, told, hits }
    }

    /// Whether a part of this kind that says something of the file was hit.
    pub fn hits_file(&self, part: Part, file: &str) -> bool {
        self.hits.iter().any(|place| place.part == part && place.files.contains(file))
    }

    /// Whether the seal of the batch was hit anywhere.
    pub fn hits_seal(&self, batch: &str) -> bool {
        let seal = |place: &&Place| matches!(place.part, Part::Seal | Part::Entry);
        self.hits.iter().filter(seal).any(|place| place.batches.contains(batch))
    }
}

/// Most bytes are files' bytes, so the parts take turns, each with damage of each kind; a seal, which holds much in little
/// room, comes twice, and one turn goes anywhere.
fn aim(chance: &mut StdRng, seed: u64, dir: &Path, places: &[Place]) -> (PathBuf, usize) {
    let turn = usize::try_from(seed / 3 % 8).expect("small");
    let Some(part) = Part::ALL.iter().chain([&Part::Seal]).nth(turn) else {
        let headers: Vec<_> = places.iter().filter(|place| place.part == Part::SegmentHeader).collect();
        let segment = &headers[chance.random_range(0..headers.len())].segment;
        let length = dir.join(segment).metadata().expect("a segment has a length").len();
        return (segment.clone(), chance.random_range(0..usize::try_from(length).expect("small")));
    };
    let aims: Vec<_> = places.iter().filter(|place| place.part == *part).collect();
    let length = |place: &Place| place.range.end - place.range.start;
    let mut at = chance.random_range(0..aims.iter().map(|place| length(place)).sum());
    for place in aims {
        if at < length(place) {
            return (place.segment.clone(), usize::try_from(place.range.start + at).expect("small"));
        }
        at -= length(place);
    }
    unreachable!("the place lies in one of those that were summed up")
}

fn is_hit(place: &Place, before: &[u8], after: &[u8]) -> bool {
    let range = usize::try_from(place.range.start).expect("small")..usize::try_from(place.range.end).expect("small");
    before[range.clone()] != after[range.start.min(after.len())..range.end.min(after.len())]
}
