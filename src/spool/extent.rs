//! Ranges of a segment's bytes, and what is left of one when others are taken out of it.

use serde::{Deserialize, Serialize};

use super::frame::{BLOCK_BYTES, align_up};

/// A range of a segment's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Extent {
    pub segment: u64,
    pub start: u64,
    pub length: u64,
}

impl Extent {
    /// The first byte behind it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.start + self.length
    }

    /// The blocks that it touches.
    #[must_use]
    pub fn outward(&self) -> Self {
        let start = self.start / BLOCK_BYTES * BLOCK_BYTES;
        Self { start, length: align_up(self.end()) - start, ..*self }
    }

    /// What is left of it when the blocks that `others` touch are taken out; those of other segments touch none.
    #[must_use]
    pub fn without(&self, others: &[Self]) -> Vec<Self> {
        let in_the_way = |other: &&Self| other.segment == self.segment && other.length > 0;
        let mut taken: Vec<Self> = others.iter().filter(in_the_way).map(Self::outward).collect();
        taken.sort_unstable();
        let (mut parts, mut start) = (Vec::new(), self.start);
        for other in taken {
            let end = other.start.min(self.end());
            if start < end {
                parts.push(Self { start, length: end - start, ..*self });
            }
            start = start.max(other.end());
        }
        if start < self.end() {
            parts.push(Self { start, length: self.end() - start, ..*self });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn extent(start: u64, length: u64) -> Extent {
        Extent { segment: 1, start, length }
    }

    #[test]
    fn what_others_touch_is_left_out_block_by_block() {
        let whole = extent(8192, 40_960);
        assert_eq!(whole.without(&[]), [whole]);
        assert_eq!(whole.without(&[extent(13_000, 10)]), [extent(8192, 4096), extent(16_384, 32_768)]);
        let overlapping = [extent(20_000, 5000), extent(9000, 100), extent(20_480, 1)];
        assert_eq!(whole.without(&overlapping), [extent(12_288, 4096), extent(28_672, 20_480)]);
        assert_eq!(whole.without(&[extent(0, 100_000)]), []);
        assert_eq!(whole.without(&[Extent { segment: 2, ..extent(0, 100_000) }, extent(9000, 0)]), [whole]);
    }

    #[test]
    fn the_blocks_that_an_extent_touches_hold_it() {
        assert_eq!(extent(5000, 1).outward(), extent(4096, 4096));
        assert_eq!(extent(4096, 4097).outward(), extent(4096, 8192));
    }
}
