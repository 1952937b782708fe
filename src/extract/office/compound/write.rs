//! Writes a small compound file: streams in the root, each in sectors one after another ([MS-CFB], version 3).

const SECTOR_BYTES: usize = 512;
/// Numbers in a sector of the allocation table, and entries in one of the directory.
const SECTOR_NUMBERS: usize = SECTOR_BYTES / 4;
const SECTOR_ENTRIES: usize = 4;
/// How many of the table's sectors the header lists.
const TABLES_IN_HEADER: usize = 109;
/// Shorter streams would need a mini stream.
const STREAM_BYTES_MIN: usize = 4096;

const CHAIN_END: u32 = 0xffff_fffe;
const FREE: u32 = 0xffff_ffff;
const TABLE_SECTOR: u32 = 0xffff_fffd;
const LIST_SECTOR: u32 = 0xffff_fffc;

/// A compound file with these streams, each filled up with zeros to whole sectors.
pub(crate) fn file_of(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let sectors = |stream: &[u8]| stream.len().max(STREAM_BYTES_MIN).div_ceil(SECTOR_BYTES);
    let directory = (streams.len() + 1).div_ceil(SECTOR_ENTRIES);
    let content = directory + streams.iter().map(|(_, stream)| sectors(stream)).sum::<usize>();
    let (tables, lists) = table_sectors(content);
    let mut table = vec![TABLE_SECTOR; tables];
    table.resize(tables + lists, LIST_SECTOR);
    let first_directory = table.len();
    add_chain(&mut table, directory);
    let mut entries = entry("Root Entry", 5, [FREE, 1], CHAIN_END, 0);
    let mut body = Vec::new();
    for (index, (name, stream)) in streams.iter().enumerate() {
        let sibling = if index + 1 < streams.len() { number(index + 2) } else { FREE };
        let bytes = sectors(stream) * SECTOR_BYTES;
        entries.extend(entry(name, 2, [sibling, FREE], number(table.len()), number(bytes)));
        add_chain(&mut table, sectors(stream));
        body.extend_from_slice(stream);
        body.resize(body.len() + bytes - stream.len(), 0);
    }
    let mut out = header(tables, lists, first_directory);
    out.extend(table.into_iter().flat_map(u32::to_le_bytes));
    out.resize(SECTOR_BYTES * (1 + tables), 0xff);
    out.extend(further_lists(tables, lists));
    out.extend(entries);
    out.resize(SECTOR_BYTES * (1 + first_directory + directory), 0);
    out.extend(body);
    out
}

/// How many sectors the table takes, and the lists of those that the header has no room for. The table has a number for
/// each of them too.
fn table_sectors(content: usize) -> (usize, usize) {
    let (mut tables, mut lists) = (0_usize, 0_usize);
    while tables * SECTOR_NUMBERS < content + tables + lists {
        tables += 1;
        lists = tables.saturating_sub(TABLES_IN_HEADER).div_ceil(SECTOR_NUMBERS - 1);
    }
    (tables, lists)
}

/// The numbers of the table's sectors behind the first 109, and at the end of each list the place of the next.
fn further_lists(tables: usize, lists: usize) -> Vec<u8> {
    let mut places = TABLES_IN_HEADER..tables;
    let mut out = Vec::new();
    for list in 0..lists {
        let listed = places.by_ref().take(SECTOR_NUMBERS - 1).map(number).chain(std::iter::repeat(FREE));
        let next = if list + 1 < lists { number(tables + list + 1) } else { CHAIN_END };
        out.extend(listed.take(SECTOR_NUMBERS - 1).chain([next]).flat_map(u32::to_le_bytes));
    }
    out
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a stream is within the memory of a child")
}

/// Appends sectors that follow one another.
fn add_chain(table: &mut Vec<u32>, sectors: usize) {
    let first = table.len();
    table.extend((first + 1..first + sectors).map(number));
    table.push(CHAIN_END);
}

/// [MS-CFB] 2.2.
fn header(tables: usize, lists: usize, first_directory: usize) -> Vec<u8> {
    let mut out = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    out.resize(24, 0);
    out.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    out.resize(44, 0);
    let first_list = if lists == 0 { CHAIN_END } else { number(tables) };
    // Table sectors, first directory sector, transaction, mini stream limit, mini table, further lists.
    let counts = [number(tables), number(first_directory), 0, number(STREAM_BYTES_MIN), CHAIN_END, 0];
    let counts = counts.into_iter().chain([first_list, number(lists)]);
    let places = (0..number(tables)).chain(std::iter::repeat(FREE)).take(TABLES_IN_HEADER);
    out.extend(counts.chain(places).flat_map(u32::to_le_bytes));
    out
}

/// [MS-CFB] 2.6; `links` are the right sibling and the child.
fn entry(name: &str, kind: u8, links: [u32; 2], first_sector: u32, bytes: u32) -> Vec<u8> {
    let mut out: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name_bytes = u8::try_from(out.len() + 2).expect("names are short");
    out.resize(64, 0);
    out.extend([name_bytes, 0, kind, 1]);
    out.extend([FREE, links[0], links[1]].into_iter().flat_map(u32::to_le_bytes));
    out.resize(116, 0);
    out.extend([first_sector, bytes, 0].into_iter().flat_map(u32::to_le_bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::super::Compound;
    use super::*;

    #[test]
    fn streams_are_found_again() {
        let long: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let file = file_of(&[("One", b"short"), ("Two", &long), ("Three", b"last")]);
        let file = Compound::open(&file).unwrap();
        let stream = |name| file.stream_named(Compound::ROOT, name).unwrap();
        assert!(stream("one").starts_with(b"short\0"));
        assert!(stream("Two").starts_with(&long));
        assert!(stream("THREE").starts_with(b"last\0"));
    }

    #[test]
    fn chain_that_bites_its_tail_ends() {
        let mut file = file_of(&[("A", &[7; 8192])]);
        // The table is the first sector; its entry 2 is the first sector of the stream.
        file[512 + 8..512 + 12].copy_from_slice(&2_u32.to_le_bytes());
        let stream = Compound::open(&file).unwrap().stream_named(Compound::ROOT, "A").unwrap();
        assert_eq!(stream.len(), 8192);
    }
}
