//! PPT: the slides of `PowerPoint` 97 to 2003, each with its title, its text and its notes ([MS-PPT]).
//!
//! A file holds every saved state of itself. The last one is read, by way of the edits that it lists; when those lead
//! nowhere, all text of the file is read in the order in which it lies.

mod outline;
mod records;

use super::bytes::{size_at, u32_at};
use super::compound::Compound;
use crate::extract::markdown::Writer;
use crate::extract::{ExtractError, Extracted, Room};
use outline::{Outline, Persist, Text};
use records::{Record, find, kind, records};

const ENGINE: &str = "consign-ppt 1";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let file = Compound::open(bytes)?;
    let stream = |name| file.stream_named(Compound::ROOT, name);
    if file.find(Compound::ROOT, "EncryptedPackage").is_some() {
        return Err(ExtractError::PasswordProtected);
    }
    let document = stream("PowerPoint Document").ok_or_else(|| ExtractError::parse("no PowerPoint Document stream"))?;
    let user = stream("Current User").unwrap_or_default();
    // The token of a file that is encrypted ([MS-PPT] 2.3.2).
    if u32_at(&user, 12) == Some(0xf3d1_c4df) {
        return Err(ExtractError::PasswordProtected);
    }
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    let edit = size_at(&user, 16).unwrap_or(usize::MAX);
    let outline = Persist::read(&document, edit).and_then(|persist| Outline::read(&document, &persist));
    if let Some(outline) = outline {
        write_slides(&outline, &mut writer, &mut extracted, room)?;
    } else {
        extracted.warnings.push("damaged: The list of slides cannot be found, so their order is a guess.".to_owned());
        write_all(&document, &mut writer, room)?;
    }
    extracted.text = writer.finish();
    super::summary::fill_in(&file, &mut extracted);
    Ok(extracted)
}

fn write_slides(
    outline: &Outline<'_>,
    writer: &mut Writer,
    extracted: &mut Extracted,
    room: &mut Room<'_>,
) -> Result<(), ExtractError> {
    extracted.pages = u32::try_from(outline.slides.len()).ok();
    for (index, slide) in outline.slides.iter().enumerate() {
        let mark = writer.mark();
        writer.remark(&format!("slide {}", index + 1));
        let texts = slide.texts();
        for text in texts.iter().filter(|text| text.is_title()) {
            writer.heading(2, &text.line());
        }
        for text in texts.iter().filter(|text| !text.is_title()) {
            text.write(writer);
        }
        if let Some(notes) = outline.notes_of(slide) {
            let lines: Vec<String> = notes.texts().iter().filter(|text| text.is_notes()).map(Text::block).collect();
            writer.quote(&lines.join("\n"));
        }
        if let Err(error) = room.step(writer.len()) {
            writer.rewind(mark);
            return extracted.end_at(error, writer.len() > 0);
        }
    }
    Ok(())
}

/// All texts of a file whose structure is lost.
fn write_all(document: &[u8], writer: &mut Writer, room: &mut Room<'_>) -> Result<(), ExtractError> {
    let mut seen = Vec::new();
    for container in
        records(document).filter(|record| [kind::SLIDE, kind::DOCUMENT, kind::NOTES].contains(&record.kind))
    {
        let mut texts = Vec::new();
        find(container, &[kind::TEXT_CHARACTERS, kind::TEXT_BYTES], &mut texts);
        for text in texts.into_iter().map(Record::text) {
            room.step(writer.len())?;
            if !text.trim().is_empty() && !seen.contains(&text) {
                writer.paragraph(&text.replace(['\r', '\x0b'], "\n"));
                seen.push(text);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::kind;
    use crate::extract::media::PPT;
    use crate::extract::office::compound::write::file_of;
    use crate::extract::tests::read;

    fn record(version: u16, kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        [&version.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes(), content].concat()
    }

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn text(kind_of_text: u32, text: &[u8]) -> Vec<u8> {
        let header = record(0, kind::TEXT_HEADER, &numbers(&[kind_of_text]));
        [header, record(0, kind::TEXT_BYTES, text)].concat()
    }

    #[test]
    fn slides_of_the_last_state_are_read() {
        let reference = record(0, kind::OUTLINE_REFERENCE, &numbers(&[1]));
        let boxes = [record(15, kind::TEXT_BOX, &reference), record(15, kind::TEXT_BOX, &text(4, b"aside"))].concat();
        let slide = record(15, kind::SLIDE, &record(15, kind::DRAWING, &boxes));
        let persist = record(0, kind::SLIDE_PERSIST, &numbers(&[2, 0, 0, 256, 0]));
        let listed = [persist, text(0, b"Title"), text(1, b"one\rtwo")].concat();
        let document = record(15, kind::DOCUMENT, &record(15, kind::SLIDE_LIST, &listed));
        let (slide_at, document_at) = (0, u32::try_from(slide.len()).unwrap());
        let directory_at = document_at + u32::try_from(document.len()).unwrap();
        let directory = record(0, kind::PERSIST_DIRECTORY, &numbers(&[2 << 20 | 1, document_at, slide_at]));
        let edit_at = directory_at + u32::try_from(directory.len()).unwrap();
        let edit = record(0, kind::USER_EDIT, &numbers(&[256, 0, 0, directory_at, 1, 3, 0]));
        let stream = [slide, document, directory, edit].concat();
        let user = [numbers(&[0, 0, 20, 0xe391_c05f, edit_at]), vec![0; 8]].concat();
        let file = file_of(&[("PowerPoint Document", &stream), ("Current User", &user)]);
        let extracted = read(&file, PPT);
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\n## Title\n\n- one\n- two\n\naside\n");
        assert_eq!(extracted.pages, Some(1));
    }

    #[test]
    fn texts_of_a_file_without_a_list_are_read_with_a_warning() {
        let boxes = record(15, kind::TEXT_BOX, &text(4, b"lost"));
        let stream = record(15, kind::SLIDE, &record(15, kind::DRAWING, &boxes));
        let extracted = read(&file_of(&[("PowerPoint Document", &stream)]), PPT);
        assert_eq!(extracted.text, "lost\n");
        assert!(extracted.warnings[0].starts_with("damaged: "));
    }
}
