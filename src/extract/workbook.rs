//! Workbooks (XLSX, XLSB, XLS, ODS): each sheet under its name as a table.
//!
//! Values are the stored ones, not as a number format would show them; dates in ISO 8601.

use std::io::Cursor;

use calamine::{Data, Range, Reader, Sheets};

use super::markdown::Writer;
use super::{ExtractError, Extracted, Room};

const ENGINE: &str = "calamine 0.38.0";

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let mut workbook = calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|error| refusal(&error))?;
    let names = workbook.sheet_names();
    let mut extracted = Extracted { pages: u32::try_from(names.len()).ok(), engine: ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    for name in names {
        room.step(writer.len())?;
        match sheet(&mut workbook, &name) {
            Ok(range) => {
                writer.heading(2, &name);
                write_sheet(&range, &mut writer, room)?;
            }
            Err(error) => extracted.warnings.push(format!("skipped: Sheet {name} cannot be read: {error}.")),
        }
    }
    extracted.text = writer.finish();
    Ok(extracted)
}

fn sheet(workbook: &mut Sheets<Cursor<&[u8]>>, name: &str) -> Result<Range<Data>, calamine::Error> {
    workbook.worksheet_range(name)
}

fn refusal(error: &calamine::Error) -> ExtractError {
    let reason = error.to_string();
    if reason.to_lowercase().contains("password") {
        ExtractError::PasswordProtected
    } else {
        ExtractError::Parse(reason)
    }
}

fn write_sheet(range: &Range<Data>, writer: &mut Writer, room: &mut Room<'_>) -> Result<(), ExtractError> {
    let mut rows = Vec::new();
    let mut bytes = writer.len();
    for row in range.rows() {
        room.step(bytes)?;
        let mut cells: Vec<String> = row.iter().map(cell).collect();
        let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        cells.truncate(filled);
        bytes += cells.iter().map(|cell| cell.len() + 3).sum::<usize>();
        if filled > 0 {
            rows.push(cells);
        }
    }
    drop_blank_columns(&mut rows);
    writer.table(&rows);
    Ok(())
}

/// Sheets often begin a few columns in; a column that is blank throughout says nothing.
fn drop_blank_columns(rows: &mut [Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut used = vec![false; columns];
    for row in rows.iter() {
        for (column, cell) in row.iter().enumerate() {
            used[column] |= !cell.is_empty();
        }
    }
    for row in rows {
        let mut column = 0;
        row.retain(|_| {
            column += 1;
            used[column - 1]
        });
    }
}

fn cell(data: &Data) -> String {
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
