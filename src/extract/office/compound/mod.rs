//! OLE compound files ([MS-CFB] 2.2 to 2.6): storages and streams, as DOC, PPT, XLS and MSG have them.
//!
//! Nothing that a file says is believed: a chain of sectors ends after as many steps as the file has sectors, and a
//! stream is never longer than the file. What is damaged gives less.

pub(crate) mod write;

use super::bytes::{size_at, slice, u16_at, u32_at, u64_at, utf16};
use crate::extract::ExtractError;

const ENTRY_BYTES: usize = 128;
/// Streams shorter than this lie in the mini stream.
const MINI_BELOW_BYTES: usize = 4096;
const MINI_SECTOR_BYTES: usize = 64;
/// Sector numbers from here on mark the end of a chain or a free sector.
const SECTOR_END: u32 = 0xffff_fff8;
/// A directory with more entries is no document.
const ENTRIES_MAX: usize = 100_000;

pub(crate) struct Compound<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    table: Vec<u32>,
    mini_table: Vec<u32>,
    mini_stream: Vec<u8>,
    entries: Vec<Entry>,
}

/// A storage or a stream; what it is shows where it is used.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    siblings: [u32; 2],
    child: u32,
    first_sector: u32,
    bytes: usize,
}

impl<'a> Compound<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Self, ExtractError> {
        let sector_bytes = match u16_at(bytes, 30) {
            Some(12) => 4096,
            Some(_) if bytes.starts_with(b"\xd0\xcf\x11\xe0") => 512,
            _ => return Err(ExtractError::parse("no compound file")),
        };
        let mut file = Self {
            bytes,
            sector_bytes,
            table: Vec::new(),
            mini_table: Vec::new(),
            mini_stream: Vec::new(),
            entries: Vec::new(),
        };
        file.table = file.read_table();
        let directory = file.chain(u32_at(bytes, 48).unwrap_or(SECTOR_END));
        file.entries = directory.chunks_exact(ENTRY_BYTES).take(ENTRIES_MAX).map(entry).collect();
        file.mini_table = numbers(&file.chain(u32_at(bytes, 60).unwrap_or(SECTOR_END)));
        let root = file.entries.first().ok_or_else(|| ExtractError::parse("no directory"))?;
        file.mini_stream = file.chain(root.first_sector);
        Ok(file)
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number).ok()?.checked_add(1)?.checked_mul(self.sector_bytes)?;
        // The last sector of a file is often cut short.
        self.bytes.get(start..self.bytes.len().min(start + self.sector_bytes)).filter(|sector| !sector.is_empty())
    }

    fn sectors_max(&self) -> usize {
        self.bytes.len() / self.sector_bytes + 1
    }

    /// The allocation table: the header lists its first 109 sectors, a chain of further lists the rest.
    fn read_table(&self) -> Vec<u32> {
        let mut places = numbers(slice(self.bytes, 76, 436).unwrap_or_default());
        let mut list = u32_at(self.bytes, 68).unwrap_or(SECTOR_END);
        for _ in 0..self.sectors_max() {
            let Some(sector) = (list < SECTOR_END).then(|| self.sector(list)).flatten() else { break };
            let mut more = numbers(sector);
            list = more.pop().unwrap_or(SECTOR_END);
            places.extend(more);
            if places.len() > self.sectors_max() {
                break;
            }
        }
        let sectors = places.into_iter().filter(|place| *place < SECTOR_END).take(self.sectors_max());
        sectors.flat_map(|place| numbers(self.sector(place).unwrap_or_default())).collect()
    }

    fn chain(&self, first: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut next = first;
        for _ in 0..self.sectors_max() {
            let Some(sector) = (next < SECTOR_END).then(|| self.sector(next)).flatten() else { break };
            out.extend_from_slice(sector);
            next = self.table.get(next as usize).copied().unwrap_or(SECTOR_END);
        }
        out
    }

    fn mini_chain(&self, first: u32, bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut next = first;
        while out.len() < bytes && next < SECTOR_END {
            let start = next as usize * MINI_SECTOR_BYTES;
            let end = self.mini_stream.len().min(start + MINI_SECTOR_BYTES);
            let Some(sector) = self.mini_stream.get(start..end).filter(|sector| !sector.is_empty()) else { break };
            out.extend_from_slice(sector);
            next = self.mini_table.get(next as usize).copied().unwrap_or(SECTOR_END);
        }
        out
    }

    /// The number of the root storage.
    pub const ROOT: usize = 0;

    /// The entries of a storage, with their numbers.
    pub fn children(&self, storage: usize) -> Vec<(usize, &Entry)> {
        let mut found = Vec::new();
        let mut seen = vec![false; self.entries.len()];
        let mut next = vec![self.entries.get(storage).map_or(u32::MAX, |entry| entry.child)];
        while let Some(id) = next.pop() {
            let id = id as usize;
            let Some(entry) = self.entries.get(id).filter(|_| !std::mem::replace(&mut seen[id], true)) else {
                continue;
            };
            found.push((id, entry));
            next.extend(entry.siblings);
        }
        found.sort_by_key(|(id, _)| *id);
        found
    }

    /// The number of an entry by its name, without regard to case.
    pub fn find(&self, storage: usize, name: &str) -> Option<usize> {
        let same = |(_, entry): &(usize, &Entry)| entry.name.eq_ignore_ascii_case(name);
        self.children(storage).into_iter().find(same).map(|(id, _)| id)
    }

    /// The bytes of a stream.
    pub fn stream(&self, id: usize) -> Vec<u8> {
        let Some(entry) = self.entries.get(id) else { return Vec::new() };
        let bytes = entry.bytes.min(self.bytes.len());
        let mut stream = if bytes < MINI_BELOW_BYTES && !self.mini_stream.is_empty() {
            self.mini_chain(entry.first_sector, bytes)
        } else {
            self.chain(entry.first_sector)
        };
        stream.truncate(bytes);
        stream
    }

    /// A stream in a storage, by its name.
    pub fn stream_named(&self, storage: usize, name: &str) -> Option<Vec<u8>> {
        self.find(storage, name).map(|id| self.stream(id))
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|quad| u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]])).collect()
}

fn entry(bytes: &[u8]) -> Entry {
    let name_bytes = usize::from(u16_at(bytes, 64).unwrap_or(0)).min(64);
    let number = |at| u32_at(bytes, at).unwrap_or(u32::MAX);
    let size = u64_at(bytes, 120).unwrap_or(0);
    Entry {
        name: utf16(&bytes[..name_bytes]),
        siblings: [number(68), number(72)],
        child: number(76),
        first_sector: number(116),
        // Old writers leave junk in the upper half.
        bytes: usize::try_from(size).ok().filter(|size| *size < 1 << 40).or(size_at(bytes, 120)).unwrap_or(0),
    }
}
