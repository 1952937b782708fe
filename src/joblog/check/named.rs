//! The groups of results that the log names, where a group may lie that it does not name.

use std::collections::HashMap;

use crate::spool::FrameRef;

/// Groups in the segment of the results' checkpoint and behind it, and how many ends of files name each.
#[derive(Debug, Default)]
pub struct NamedGroups {
    checkpoint: u64,
    groups: HashMap<FrameRef, u32>,
}

impl NamedGroups {
    pub(super) fn from(checkpoint: u64) -> Self {
        Self { checkpoint, groups: HashMap::new() }
    }

    /// Counts an end of a file.
    pub(super) fn count(&mut self, group: FrameRef) {
        if group.segment >= self.checkpoint {
            *self.groups.entry(group).or_default() += 1;
        }
    }

    /// Adds a group that no end names, and that is a batch's all the same.
    pub(super) fn add(&mut self, group: FrameRef) {
        if group.segment >= self.checkpoint {
            self.groups.entry(group).or_default();
        }
    }

    /// Adds what others name. No group is named here and there: it is of one batch.
    pub(super) fn join(&mut self, others: Self) {
        self.groups.extend(others.groups);
    }

    /// Whether each entry of a group is the end of its file.
    #[must_use]
    pub fn is_entered(&self, group: &FrameRef) -> bool {
        self.groups.get(group) == Some(&group.entries)
    }

    /// Where the last region of a segment ends that the log names, in bytes; 0 without one. Of segments before the checkpoint
    /// nothing is known here, and they count as full.
    #[must_use]
    pub fn end_of(&self, segment: u64) -> u64 {
        if segment < self.checkpoint {
            return u64::MAX;
        }
        let in_segment = self.groups.keys().filter(|group| group.segment == segment);
        in_segment.map(FrameRef::end).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_entered_when_as_many_files_name_it_as_it_has_entries() {
        let group = |segment, region| FrameRef {
            segment,
            region,
            frame: region + 4096,
            length: 100,
            header_length: 10,
            entries: 2,
        };
        let mut named = NamedGroups::from(3);
        named.count(group(3, 4096));
        assert!(!named.is_entered(&group(3, 4096)), "one of two");
        named.count(group(3, 4096));
        named.count(group(2, 4096));
        named.count(group(2, 4096));
        let mut others = NamedGroups::from(3);
        others.add(group(3, 20_480));
        named.join(others);
        assert!(named.is_entered(&group(3, 4096)) && !named.is_entered(&group(3, 20_480)));
        assert!(!named.is_entered(&group(2, 4096)), "it lies before the checkpoint");
        assert_eq!([2, 3, 4].map(|segment| named.end_of(segment)), [u64::MAX, group(3, 20_480).end(), 0]);
    }
}
