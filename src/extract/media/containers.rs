//! What a ZIP package or an OLE compound file holds, without unpacking it.
//!
//! This runs where an attack must not be felt, so it reads a bounded part of the file, allocates a bounded amount and
//! follows chains for a bounded number of steps. What is damaged is judged by what its beginning shows.

use std::io::{self, Read, Seek, SeekFrom};

use super::{DOC, DOCX, EPUB, MSG, ODP, ODS, ODT, PPT, PPTX, XLS, XLSB, XLSX};

/// How much of a central directory is looked at: some 15,000 names.
const DIRECTORY_BYTES_MAX: u64 = 1 << 20;

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 2).map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|quad| u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]]))
}

/// Reads up to `length` bytes from a place; fewer at the end of the file.
fn read_at<R: Read + Seek>(content: &mut R, at: u64, length: u64) -> io::Result<Vec<u8>> {
    content.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    content.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a ZIP package is, by its `mimetype` part and the names of the others; none when it is any other archive.
/// `claimed` decides between `OpenDocument` formats when nothing else does.
pub(super) fn package_type<R: Read + Seek>(
    content: &mut R,
    head: &[u8],
    claimed: Option<&'static str>,
) -> io::Result<Option<&'static str>> {
    if let Some(stated) = stated_type(head) {
        return Ok(Some(stated));
    }
    let mut names = directory_names(content)?;
    names.extend(local_names(head));
    Ok(type_by_names(&names, claimed))
}

/// The content of a `mimetype` part, which stands first and is stored (EPUB OCF 3.3, 4.3; ODF 1.3 part 2, 3.3).
fn stated_type(head: &[u8]) -> Option<&'static str> {
    let name_bytes = u16_at(head, 26)?;
    let extra_bytes = u16_at(head, 28)?;
    let rest = head.get(30..)?.strip_prefix(b"mimetype")?;
    if name_bytes != 8 || u16_at(head, 8) != Some(0) {
        return None;
    }
    let stated = rest.get(extra_bytes..)?;
    let is = |known: &&&str| stated.strip_prefix(known.as_bytes()).is_some_and(|after| !after.starts_with(b"-master"));
    [EPUB, ODT, ODS, ODP].iter().find(is).copied()
}

/// Names in the central directory, in lower case and with plain slashes.
fn directory_names<R: Read + Seek>(content: &mut R) -> io::Result<Vec<String>> {
    const END_BYTES: u64 = (64 << 10) + 22;
    let length = content.seek(SeekFrom::End(0))?;
    let tail_at = length.saturating_sub(END_BYTES);
    let tail = read_at(content, tail_at, END_BYTES)?;
    let Some(end) = tail.windows(4).rposition(|window| window == b"PK\x05\x06") else {
        return Ok(Vec::new());
    };
    let Some(size) = u32_at(&tail, end + 12).map(u64::from) else {
        return Ok(Vec::new());
    };
    // The directory ends where its end record begins, also when something was put before the archive.
    let Some(start) = (tail_at + end as u64).checked_sub(size) else {
        return Ok(Vec::new());
    };
    let directory = read_at(content, start, size.min(DIRECTORY_BYTES_MAX))?;
    let mut names = Vec::new();
    let mut at = 0;
    while directory.get(at..at + 4) == Some(b"PK\x01\x02") {
        let lengths = (u16_at(&directory, at + 28), u16_at(&directory, at + 30), u16_at(&directory, at + 32));
        let (Some(name), Some(extra), Some(comment)) = lengths else {
            break;
        };
        names.extend(directory.get(at + 46..at + 46 + name).map(plain_name));
        at += 46 + name + extra + comment;
    }
    Ok(names)
}

/// Names in the local headers that the beginning of the file shows: all that a cut-off archive has left.
fn local_names(head: &[u8]) -> Vec<String> {
    let starts = head.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x03\x04").map(|(at, _)| at);
    starts.filter_map(|at| head.get(at + 30..at + 30 + u16_at(head, at + 26)?).map(plain_name)).collect()
}

fn plain_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).replace('\\', "/").to_ascii_lowercase()
}

fn type_by_names(names: &[String], claimed: Option<&'static str>) -> Option<&'static str> {
    let has = |name: &str| names.iter().any(|entry| entry == name);
    let starts = |prefix: &str| names.iter().any(|entry| entry.starts_with(prefix));
    if !has("[content_types].xml")
        && !starts("word/document.xml")
        && !starts("ppt/presentation.xml")
        && !starts("xl/workbook")
    {
        if has("meta-inf/container.xml") {
            return Some(EPUB);
        }
        let open_document = has("content.xml") && (has("meta-inf/manifest.xml") || has("styles.xml"));
        return open_document.then(|| claimed.filter(|claim| [ODS, ODP].contains(claim)).unwrap_or(ODT));
    }
    // A package can hold another as an embedded object, so its own main part is asked for first.
    let main_parts: [(&[&str], &str); 4] = [
        (&["word/document.xml", "word/document2.xml"], DOCX),
        (&["ppt/presentation.xml"], PPTX),
        (&["xl/workbook.bin"], XLSB),
        (&["xl/workbook.xml"], XLSX),
    ];
    let by_main_part = main_parts.into_iter().find(|(names, _)| names.iter().any(|name| has(name)));
    let by_folder = || [("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX)].into_iter().find(|(folder, _)| starts(folder));
    by_main_part.map(|(_, media_type)| media_type).or_else(|| by_folder().map(|(_, media_type)| media_type))
}

/// Streams in the root of a compound file that tell what it is.
const STREAMS: [(&str, &str); 7] = [
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("PP40", PPT),
    ("Workbook", XLS),
    ("Book", XLS),
    ("__properties_version1.0", MSG),
    // An encrypted OOXML package. Which one, only the name tells, and all of them ask for the password.
    ("EncryptedPackage", DOCX),
];

/// What an OLE compound file is ([MS-CFB]), by the streams in its root.
pub(super) fn compound_type<R: Read + Seek>(content: &mut R, head: &[u8]) -> io::Result<Option<&'static str>> {
    let names = root_names(content, head)?;
    let by_root = STREAMS.iter().find(|(stream, _)| names.iter().any(|name| name.eq_ignore_ascii_case(stream)));
    let in_head = |(stream, _): &&(&str, &str)| {
        let wide: Vec<u8> = stream.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        head.windows(wide.len()).any(|window| window == wide)
    };
    Ok(by_root.or_else(|| STREAMS.iter().find(in_head)).map(|(_, media_type)| *media_type))
}

/// Names of the streams and storages in the root, as far as the directory can be followed.
fn root_names<R: Read + Seek>(content: &mut R, head: &[u8]) -> io::Result<Vec<String>> {
    const ENTRY_BYTES: usize = 128;
    const STEPS_MAX: usize = 4096;
    let directory = directory_sectors(content, head)?;
    let entry = |id: u32| directory.get(id as usize * ENTRY_BYTES..(id as usize + 1) * ENTRY_BYTES);
    let mut names = Vec::new();
    let mut next = vec![entry(0).and_then(|root| u32_at(root, 76)).unwrap_or(u32::MAX)];
    for _ in 0..STEPS_MAX {
        let Some(id) = next.pop() else { break };
        let Some(entry) = entry(id) else { continue };
        let bytes = u16_at(entry, 64).unwrap_or(0).min(64);
        let units = entry[..bytes].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        names.push(char::decode_utf16(units).filter_map(Result::ok).filter(|c| *c != '\0').collect());
        next.extend([u32_at(entry, 68), u32_at(entry, 72)].into_iter().flatten());
    }
    Ok(names)
}

/// The directory of a compound file: the chain of its sectors through the allocation table.
fn directory_sectors<R: Read + Seek>(content: &mut R, head: &[u8]) -> io::Result<Vec<u8>> {
    const SECTORS_MAX: usize = 64;
    let shift = u16_at(head, 30).filter(|shift| [9, 12].contains(shift)).unwrap_or(9);
    let sector_bytes = 1_u64 << shift;
    let place = |sector: u32| (u64::from(sector) + 1) * sector_bytes;
    let numbers_per_sector = 1_u32 << (shift - 2);
    let mut directory = Vec::new();
    let mut sector = u32_at(head, 48).unwrap_or(u32::MAX);
    for _ in 0..SECTORS_MAX {
        if sector >= 0xffff_fff0 {
            break;
        }
        directory.extend(read_at(content, place(sector), sector_bytes)?);
        // The header lists the first 109 sectors of the table, enough for any directory that is not at the far end.
        let table = (sector / numbers_per_sector) as usize;
        let Some(table_sector) = (table < 109).then(|| u32_at(head, 76 + 4 * table)).flatten() else {
            break;
        };
        if table_sector >= 0xffff_fff0 {
            break;
        }
        let number = read_at(content, place(table_sector) + u64::from(sector % numbers_per_sector) * 4, 4)?;
        let Some(following) = u32_at(&number, 0) else { break };
        sector = following;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn local(name: &str, content: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(u32::try_from(content.len()).expect("short").to_le_bytes());
        bytes.extend(u32::try_from(content.len()).expect("short").to_le_bytes());
        bytes.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(content.as_bytes());
        bytes
    }

    #[test]
    fn stated_type_is_believed() {
        let bytes = local("mimetype", EPUB);
        assert_eq!(package_type(&mut Cursor::new(&bytes), &bytes, None).expect("reads"), Some(EPUB));
    }

    #[test]
    fn cut_off_package_is_known_by_its_first_names() {
        let mut bytes = local("[Content_Types].xml", "x");
        bytes.extend(local("ppt/presentation.xml", "x"));
        assert_eq!(package_type(&mut Cursor::new(&bytes), &bytes, None).expect("reads"), Some(PPTX));
    }

    #[test]
    fn other_archives_are_no_package() {
        let bytes = local("a.txt", "x");
        assert_eq!(package_type(&mut Cursor::new(&bytes), &bytes, None).expect("reads"), None);
    }

    #[test]
    fn damaged_compound_file_is_known_by_its_head() {
        let mut bytes = vec![0xff; 512];
        bytes.extend("Workbook\0".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(compound_type(&mut Cursor::new(&bytes), &bytes).expect("reads"), Some(XLS));
    }
}
