//! Where everything lies in the segments of a sound directory: read from the job log's records and, within frames, from
//! the bytes as ARCHITECTURE.md describes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use consign::custody::Custody;
use consign::spool::FrameRef;

use crate::support::custody::{copy, open};

/// Bytes of a segment's header that are used, of a frame's prelude, and of its trailer.
const SEGMENT_HEADER_BYTES: u64 = 40;
const PRELUDE_BYTES: u64 = 64;
const TRAILER_BYTES: u64 = 8;

/// What a range of a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    SegmentHeader,
    /// Of a seal: prelude, header with the metadata, trailer.
    Seal,
    /// Of a seal: what it says of one file, and the numbers of its table that lead there.
    Entry,
    Content,
    /// The frame of a group of results.
    Results,
    Text,
}

impl Part {
    pub const ALL: [Self; 6] = [Self::SegmentHeader, Self::Seal, Self::Entry, Self::Content, Self::Results, Self::Text];
}

/// A range that matters to somebody.
#[derive(Debug, Clone)]
pub struct Place {
    pub part: Part,
    /// The segment's path in the data directory.
    pub segment: PathBuf,
    pub range: Range<u64>,
    /// Whose range it is; of a segment's header, all that have a region in the segment.
    pub batches: BTreeSet<String>,
    /// The files that it says something of.
    pub files: BTreeSet<String>,
}

impl Place {
    /// The segment as the doctor names it.
    pub fn told_segment(&self) -> String {
        let store = self.segment.parent().expect("a segment lies in a store").display();
        let id: u64 = self.segment.file_stem().and_then(|id| id.to_str()?.parse().ok()).expect("a segment has an id");
        format!("Segment {id} of the {store}")
    }
}

/// All places in the segments of a directory that nobody uses.
pub fn places(dir: &Path) -> Vec<Place> {
    // Opening a directory adds to its segments.
    let opened = dir.with_extension("opened");
    copy(dir, &opened);
    let custody = open(&opened).expect("a sound directory opens");
    let mut map = Map { dir, places: Vec::new() };
    let mut before = None;
    while let Some((id, _)) = custody.joblog.batch_before(before).expect("the job log lists its batches") {
        before = Some(id);
        map.add_batch(&custody, id);
    }
    map.add_segment_headers();
    drop(custody);
    fs::remove_dir_all(&opened).expect("a copy can be removed");
    map.places
}

struct Map<'a> {
    dir: &'a Path,
    places: Vec<Place>,
}

impl Map<'_> {
    fn add(&mut self, part: Part, (store, segment): (&str, u64), range: Range<u64>, batch: &str, files: &[String]) {
        let segment = Path::new(store).join(format!("{segment:012}.seg"));
        let (batches, files) = ([batch.to_owned()].into(), files.iter().cloned().collect());
        self.places.push(Place { part, segment, range, batches, files });
    }

    fn add_batch(&mut self, custody: &Custody, id: consign::batch::BatchId) {
        let record = custody.joblog.batch(id).expect("a record can be read").expect("the batch is listed");
        let files = custody.files(id, &record, 0, usize::MAX).expect("a seal can be read");
        let (seal, batch) = (record.seal, id.to_string());
        let ids: Vec<String> = files.iter().map(|file| file.id.to_string()).collect();
        self.add_seal(&seal, &batch, &ids);
        let mut groups: BTreeMap<(u64, u64), (FrameRef, Vec<String>)> = BTreeMap::new();
        for (file, id) in files.iter().zip(&ids) {
            if file.has_content() {
                let start = seal.region + file.sealed.offset;
                let range = start..start + file.sealed.length;
                self.add(Part::Content, ("spool", seal.segment), range, &batch, std::slice::from_ref(id));
            }
            if let Some(end) = &file.end {
                let range = end.text_at..end.text_at + end.text_length;
                self.add(Part::Text, ("results", end.results.segment), range, &batch, std::slice::from_ref(id));
                let group = groups.entry((end.results.segment, end.results.frame));
                group.or_insert((end.results, Vec::new())).1.push(id.clone());
            }
        }
        for (frame, files) in groups.into_values() {
            let range = frame.frame..frame.frame + u64::from(frame.length);
            self.add(Part::Results, ("results", frame.segment), range, &batch, &files);
        }
    }

    fn add_seal(&mut self, seal: &FrameRef, batch: &str, files: &[String]) {
        let spool = ("spool", seal.segment);
        let table = seal.frame + PRELUDE_BYTES + u64::from(seal.header_length);
        let entries = table + 4 * (files.len() as u64 + 1);
        let end = seal.frame + u64::from(seal.length);
        self.add(Part::Seal, spool, seal.frame..table, batch, &[]);
        self.add(Part::Seal, spool, end - TRAILER_BYTES..end, batch, &[]);
        let bytes = fs::read(self.dir.join("spool").join(format!("{:012}.seg", seal.segment)));
        let bytes = bytes.expect("a segment can be read");
        let offset = |index: usize| {
            let at = usize::try_from(table).expect("small") + 4 * index;
            entries + u64::from(u32::from_le_bytes(*bytes[at..].first_chunk().expect("the table is whole")))
        };
        for (index, file) in files.iter().enumerate() {
            let numbers = table + 4 * index as u64..table + 4 * (index as u64 + 2);
            self.add(Part::Entry, spool, numbers, batch, std::slice::from_ref(file));
            self.add(Part::Entry, spool, offset(index)..offset(index + 1), batch, std::slice::from_ref(file));
        }
        assert_eq!(offset(files.len()), end - TRAILER_BYTES, "the entries end where the trailer begins");
    }

    fn add_segment_headers(&mut self) {
        for store in ["spool", "results"] {
            for entry in fs::read_dir(self.dir.join(store)).expect("a store can be listed") {
                let segment = Path::new(store).join(entry.expect("a store can be listed").file_name());
                let living = self.places.iter().filter(|place| place.segment == segment);
                let batches = living.flat_map(|place| place.batches.iter().cloned()).collect();
                let (part, range) = (Part::SegmentHeader, 0..SEGMENT_HEADER_BYTES);
                self.places.push(Place { part, segment, range, batches, files: BTreeSet::new() });
            }
        }
        self.places.sort_by_key(|place| (place.part, place.segment.clone(), place.range.start));
    }
}
