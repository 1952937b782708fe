//! Makes an XLS safe for calamine, which believes what the file says of its own chains and sizes.
//!
//! The stream of the workbook is read by our own bounded reader, its cells are counted, and it is put into a compound
//! file that holds nothing else. BIFF as in [MS-XLS] 2.1.4.

use crate::extract::ExtractError;
use crate::extract::office::bytes::{slice, u16_at};
use crate::extract::office::compound::{Compound, write};
use crate::extract::room::Stock;

/// A compound file with the same workbook.
pub(super) fn rebuild(bytes: &[u8], stock: &Stock) -> Result<Vec<u8>, ExtractError> {
    let stream = workbook_stream(bytes)?;
    check(&stream, stock)?;
    Ok(write::file_of(&[("Workbook", &stream)]))
}

/// The stream of the workbook; early files are nothing but the stream.
fn workbook_stream(bytes: &[u8]) -> Result<Vec<u8>, ExtractError> {
    if !bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Ok(bytes.to_vec());
    }
    let file = Compound::open(bytes)?;
    if file.find(Compound::ROOT, "EncryptedPackage").is_some() {
        return Err(ExtractError::PasswordProtected);
    }
    let found = ["Workbook", "Book"].into_iter().find_map(|name| file.stream_named(Compound::ROOT, name));
    found.ok_or_else(|| ExtractError::parse("no workbook stream"))
}

/// Refuses what is encrypted, and sheets whose cells lie so far apart that a table of them would be too large.
fn check(stream: &[u8], stock: &Stock) -> Result<(), ExtractError> {
    let mut used: Option<[usize; 4]> = None;
    for (kind, content) in Records(stream) {
        match kind {
            0x002f => return Err(ExtractError::PasswordProtected),
            // The beginning or end of a sheet.
            0x0809 | 0x0409 | 0x0209 | 0x0009 | 0x000a => stock.take_cells(area(used.take()))?,
            0x00bd | 0x00be | 0x00d6 | 0x00fd | 0x0006 | 0x0406 | 0x0201..=0x0205 | 0x027e | 0x0001..=0x0005 => {
                let (Some(row), Some(column)) = (u16_at(content, 0), u16_at(content, 2)) else { continue };
                // Records of several cells end with their last column.
                let several = matches!(kind, 0x00bd | 0x00be);
                let last = if several { u16_at(content, content.len().saturating_sub(2)) } else { None };
                let [row, column, last] = [row, column, last.unwrap_or(column)].map(usize::from);
                let [top, bottom, left, right] = used.unwrap_or([row, row, column, column]);
                used = Some([top.min(row), bottom.max(row), left.min(column), right.max(last)]);
            }
            _ => {}
        }
    }
    stock.take_cells(area(used))
}

fn area(used: Option<[usize; 4]>) -> usize {
    used.map_or(0, |[top, bottom, left, right]| (bottom - top + 1) * (right.saturating_sub(left) + 1))
}

/// Records: a kind, a length and content.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = u16_at(self.0, 0)?;
        let content = slice(self.0, 4, usize::from(u16_at(self.0, 2)?))?;
        self.0 = &self.0[4 + content.len()..];
        Some((kind, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Limits;

    #[test]
    fn cells_far_apart_are_refused() {
        let number = |row: u16, column: u16| {
            let mut record = vec![0x03, 0x02, 14, 0];
            record.extend(row.to_le_bytes());
            record.extend(column.to_le_bytes());
            record.extend([0; 10]);
            record
        };
        let stream = [number(0, 0), number(u16::MAX, 255)].concat();
        let stock = Stock::new(&Limits::default());
        assert_eq!(check(&stream, &stock), Err(ExtractError::TooManyCells));
    }
}
