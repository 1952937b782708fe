//! Workbooks (XLSX, XLSB, XLS): each sheet under its name as a table.
//!
//! Values are the stored ones, not as a number format would show them; dates in ISO 8601. Cells are taken one by one, so
//! that two cells at opposite corners cost no more than two.

mod xls;

use std::io::Cursor;

use calamine::{Cell, Data, DataRef, Reader, Xls, Xlsb, Xlsx};

use super::ooxml;
use super::package::Package;
use crate::extract::markdown::Writer;
use crate::extract::markdown::cells::Sheet;
use crate::extract::{ExtractError, Extracted, Room};

const ENGINE: &str = "calamine 0.38.0";

/// A sheet with more cells that cannot be read is damaged as a whole.
const BAD_CELLS_MAX: usize = 100;

pub(crate) fn extract_xlsx(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut extracted = open_package(bytes, room)?;
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| refusal(&error))?;
    let names = workbook.sheet_names();
    write_sheets(&names, &mut extracted, room, |name, room| {
        let mut reader = workbook.worksheet_cells_reader(name).map_err(|error| refusal(&error))?;
        read_cells(|| reader.next_cell(), room)
    })?;
    Ok(extracted)
}

pub(crate) fn extract_xlsb(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut extracted = open_package(bytes, room)?;
    let mut workbook = Xlsb::new(Cursor::new(bytes)).map_err(|error| refusal(&error))?;
    let names = workbook.sheet_names();
    write_sheets(&names, &mut extracted, room, |name, room| {
        let mut reader = workbook.worksheet_cells_reader(name).map_err(|error| refusal(&error))?;
        read_cells(|| reader.next_cell(), room)
    })?;
    Ok(extracted)
}

pub(crate) fn extract_xls(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let rebuilt = xls::rebuild(bytes, room.stock)?;
    let mut workbook = Xls::new(Cursor::new(rebuilt.as_slice())).map_err(|error| refusal(&error))?;
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    let names = workbook.sheet_names();
    write_sheets(&names, &mut extracted, room, |name, _| {
        let range = workbook.worksheet_range(name).map_err(|error| refusal(&error))?;
        let mut sheet = Sheet::default();
        for (row, column, data) in range.used_cells() {
            let (Ok(row), Ok(column)) = (u32::try_from(row), u32::try_from(column)) else { continue };
            sheet.insert(row, column, text(data));
        }
        Ok((sheet, 0))
    })?;
    super::summary::fill_in_from(bytes, &mut extracted);
    Ok(extracted)
}

/// Looks at all parts first: calamine unpacks them without a limit.
fn open_package(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let mut package = Package::open(bytes, room)?;
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    ooxml::add_properties(&mut package, "Sheets", &mut extracted)?;
    package.measure()?;
    check_counts(&mut package, room.limits.cells_max)?;
    Ok(extracted)
}

/// calamine reserves room for as many strings as the file says that there are: no more than cells could show.
fn check_counts(package: &mut Package<'_>, cells_max: usize) -> Result<(), ExtractError> {
    const HEAD_BYTES: u64 = 4096;
    let tables = package.names("").into_iter().filter(|name| name.to_ascii_lowercase().ends_with("sharedstrings.xml"));
    for name in tables.collect::<Vec<_>>() {
        let head = String::from_utf8_lossy(&package.head(&name, HEAD_BYTES)).into_owned();
        let count = head.split_once("uniqueCount=").and_then(|(_, rest)| {
            let digits = rest.trim_start_matches(['"', '\'', ' ']);
            digits.split(|c: char| !c.is_ascii_digit()).next()
        });
        let count = count.filter(|count| !count.is_empty()).map_or(Ok(0), str::parse::<usize>);
        if !count.is_ok_and(|count| count <= cells_max) {
            return Err(ExtractError::TooManyCells);
        }
    }
    Ok(())
}

fn write_sheets(
    names: &[String],
    extracted: &mut Extracted,
    room: &mut Room<'_>,
    mut read: impl FnMut(&str, &mut Room<'_>) -> Result<(Sheet, usize), ExtractError>,
) -> Result<(), ExtractError> {
    extracted.pages = u32::try_from(names.len()).ok();
    let mut writer = Writer::default();
    let mut failure = None;
    for (index, name) in names.iter().enumerate() {
        let mark = writer.mark();
        let done = if index < room.limits.pages_max { read(name, room) } else { Err(ExtractError::TooManyPages) };
        let done = done.and_then(|(sheet, bad_cells)| {
            if bad_cells > 0 {
                extracted.warnings.push(format!("damaged: {bad_cells} cells of sheet {name} cannot be read."));
            }
            writer.heading(2, name);
            writer.table(&sheet.into_table());
            room.step(writer.len())
        });
        match done {
            Ok(()) => {}
            Err(error) if error.is_limit() => {
                writer.rewind(mark);
                extracted.end_at(error, writer.len() > 0)?;
                break;
            }
            Err(error) => {
                extracted.warnings.push(format!("skipped: Sheet {name} cannot be read."));
                failure = Some(error);
            }
        }
    }
    extracted.text = writer.finish();
    // A workbook of which no sheet can be read is damaged, not empty.
    match failure {
        Some(error) if extracted.text.is_empty() => Err(error),
        _ => Ok(()),
    }
}

fn refusal(error: &impl std::error::Error) -> ExtractError {
    let reason = error.to_string();
    if reason.to_lowercase().contains("password") {
        ExtractError::PasswordProtected
    } else {
        ExtractError::Parse(reason)
    }
}

/// The cells of a sheet, and how many of them cannot be read and are left out.
fn read_cells<'c, E: std::error::Error>(
    mut next: impl FnMut() -> Result<Option<Cell<DataRef<'c>>>, E>,
    room: &mut Room<'_>,
) -> Result<(Sheet, usize), ExtractError> {
    let (mut sheet, mut bad_cells) = (Sheet::default(), 0);
    loop {
        match next() {
            Ok(Some(cell)) => {
                room.stock.take_cells(1)?;
                let (row, column) = cell.get_position();
                sheet.insert(row, column, text(&Data::from(cell.get_value().clone())));
                room.step(sheet.text_bytes())?;
            }
            Ok(None) => return Ok((sheet, bad_cells)),
            Err(_) if bad_cells < BAD_CELLS_MAX => bad_cells += 1,
            Err(error) => return Err(refusal(&error)),
        }
    }
}

/// A value as it stands in a table.
pub(super) fn text(data: &Data) -> String {
    match data {
        Data::Empty => String::new(),
        Data::Float(number) => number.to_string(),
        Data::Bool(true) => "TRUE".to_owned(),
        Data::Bool(false) => "FALSE".to_owned(),
        Data::DateTime(moment) if moment.is_duration() => duration(moment.as_f64()),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let time = format!("{hour:02}:{minute:02}:{second:02}");
            match (moment.as_f64() < 1.0, time == "00:00:00") {
                (true, _) => time,
                (_, true) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {time}"),
            }
        }
        Data::DateTimeIso(text) => text.strip_suffix("T00:00:00").unwrap_or(text).to_owned(),
        other => other.to_string(),
    }
}

/// A span of days as hours, minutes and seconds.
#[expect(clippy::cast_possible_truncation, reason = "the number is bounded")]
fn duration(days: f64) -> String {
    let seconds = (days * 86_400.0).round().clamp(-1e15, 1e15) as i64;
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use crate::extract::media::XLSX;
    use crate::extract::tests::{packed, read};

    #[test]
    fn sheets_become_tables_under_their_names() {
        let workbook =
            r#"<workbook xmlns:r="x"><sheets><sheet name="First" sheetId="1" r:id="s1"/></sheets></workbook>"#;
        let relationships = r#"<Relationships><Relationship Id="s1" Target="worksheets/sheet1.xml"
            Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>"#;
        let sheet = r#"<worksheet><sheetData>
            <row r="1"><c r="B1" t="inlineStr"><is><t>Name</t></is></c><c r="D1" t="inlineStr"><is><t>Sum</t></is></c></row>
            <row r="3"><c r="B3" t="inlineStr"><is><t>Ann</t></is></c><c r="D3"><v>1.5</v></c></row>
            </sheetData></worksheet>"#;
        let root = r#"<Relationships><Relationship Id="d" Target="xl/workbook.xml"
            Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>"#;
        let package = packed(&[
            ("_rels/.rels", root.as_bytes()),
            ("xl/workbook.xml", workbook.as_bytes()),
            ("xl/_rels/workbook.xml.rels", relationships.as_bytes()),
            ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ]);
        let extracted = read(&package, XLSX);
        assert_eq!(extracted.text, "## First\n\n| Name | Sum |\n| --- | --- |\n| Ann | 1.5 |\n");
        assert_eq!(extracted.pages, Some(1));
    }
}
