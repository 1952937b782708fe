//! PPT: the slides of `PowerPoint` 97 to 2003, each with its title, its text, its notes and its comments ([MS-PPT]).
//!
//! A file holds every saved state of itself. The last one is read, by way of the edits that it lists; when those lead
//! nowhere, all text of the file is read in the order in which it lies. What many slides show stands on the first of
//! them: a footer as a text, and what stands on their master as a remark.

mod comments;
mod outline;
mod persist;
mod records;
mod shapes;
mod style;
mod text;

use std::collections::HashSet;

use super::bytes::{size_at, u32_at};
use super::compound::Compound;
use super::slides::write_each;
use crate::extract::markdown::Writer;
use crate::extract::{ExtractError, Extracted, Room};
use outline::{Outline, Slide};
use persist::Persist;
use records::{Record, find, kind, records};
use shapes::Shape;
use text::Setting;

const ENGINE: &str = "consign-ppt 1";

/// The storage with the newer of two forms that a file has of itself.
const NEWER: &str = "PP97_DUALSTORAGE";

/// The stream of `PowerPoint` 95 and 4, which have a form of their own.
const OLDER: &str = "PP40";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let file = Compound::open(bytes)?;
    if file.find(Compound::ROOT, "EncryptedPackage").is_some() {
        return Err(ExtractError::PasswordProtected);
    }
    let storage = file.find(Compound::ROOT, NEWER).unwrap_or(Compound::ROOT);
    let stream = |name| file.stream_named(storage, name);
    let document = stream("PowerPoint Document").ok_or_else(|| match file.find(storage, OLDER) {
        Some(_) => ExtractError::UnsupportedType,
        None => ExtractError::parse("no PowerPoint Document stream"),
    })?;
    let user = stream("Current User").unwrap_or_default();
    // The token of a file that is encrypted ([MS-PPT] 2.3.2).
    if u32_at(&user, 12) == Some(0xf3d1_c4df) {
        return Err(ExtractError::PasswordProtected);
    }
    let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
    let named = size_at(&user, 16).and_then(|edit| Outline::read(&Persist::of_edit(&document, edit)?));
    let outline = named.or_else(|| Outline::read(&Persist::last(&document)?));
    let is_found = outline.is_some();
    if let Some(outline) = outline.filter(|outline| !outline.slides.is_empty()) {
        extracted.text = Presentation::new(&outline).write(&mut extracted, room)?;
    } else {
        extracted.text = all_texts(&document, room)?;
        // A presentation may have no slides and be whole.
        if !is_found || !extracted.text.is_empty() {
            let warning = "damaged: The list of slides cannot be found, so their order is a guess.";
            extracted.warnings.push(warning.to_owned());
        }
    }
    super::summary::fill_in(&file, &mut extracted);
    Ok(extracted)
}

struct Presentation<'o, 'a> {
    outline: &'o Outline<'a>,
    writer: Writer,
    /// What many slides show, as far as it was written: texts, and masters.
    repeated: HashSet<String>,
    masters: HashSet<u32>,
}

impl<'o, 'a> Presentation<'o, 'a> {
    fn new(outline: &'o Outline<'a>) -> Self {
        Self { outline, writer: Writer::default(), repeated: HashSet::new(), masters: HashSet::new() }
    }

    fn write(mut self, extracted: &mut Extracted, room: &mut Room<'_>) -> Result<String, ExtractError> {
        extracted.pages = u32::try_from(self.outline.slides.len()).ok();
        let (outline, pages_max) = (self.outline, room.limits.pages_max);
        let write = |presentation: &mut Self, slide: &Slide<'a>| {
            presentation.slide(slide);
            room.step(presentation.writer.len())
        };
        if let Err(error) = write_each(&mut self, &outline.slides, pages_max, |it| &mut it.writer, write) {
            extracted.end_at(error, self.writer.len() > 0)?;
        }
        Ok(self.writer.finish())
    }

    fn slide(&mut self, slide: &Slide<'a>) {
        let setting = Setting { links: &self.outline.links, margins: self.outline.margins_of(slide) };
        let shapes = shapes::shapes(slide);
        for title in shapes.iter().filter_map(Shape::text).filter(|text| text.is_title()) {
            self.writer.heading(2, &title.lines(&setting));
        }
        let mut edges = Vec::new();
        for shape in shapes {
            match shape {
                Shape::Text(text) if text.is_title() => {}
                Shape::Text(text) => text.write(&setting, &mut self.writer),
                Shape::Margin(text) => edges.push(text.lines(&setting)),
                Shape::Table(cells) => shapes::write_table(&cells, &setting, &mut self.writer),
                Shape::Art(text) => self.writer.paragraph(&text),
            }
        }
        edges.extend([&setting.margins.date, &setting.margins.footer].into_iter().flatten().cloned());
        for text in edges.into_iter().filter(|text| self.repeated.insert(text.clone())) {
            self.writer.paragraph(&text);
        }
        if let Some(master) = self.outline.master_of(slide).filter(|master| self.masters.insert(master.id)) {
            self.master(master, &setting);
        }
        if let Some(notes) = self.outline.notes_of(slide) {
            let shapes = shapes::shapes(notes);
            let texts = shapes.iter().filter_map(Shape::text).filter(|text| text.is_notes());
            self.writer.quote(&texts.map(|text| text.lines(&setting)).collect::<Vec<_>>().join("\n"));
        }
        if let Some(record) = slide.record {
            comments::write(record, &mut self.writer);
        }
    }

    /// What slides show of their master as it is, as remarks: it belongs to all of them.
    fn master(&mut self, master: &Slide<'a>, setting: &Setting<'_>) {
        for text in shapes::free_texts(master).into_iter().map(|text| text.lines(setting)) {
            if !text.is_empty() && self.repeated.insert(text.clone()) {
                self.writer.remark(&format!("master: {text}"));
            }
        }
    }
}

/// All texts of a file whose structure is lost.
fn all_texts(document: &[u8], room: &mut Room<'_>) -> Result<String, ExtractError> {
    let mut writer = Writer::default();
    let mut seen = HashSet::new();
    for container in
        records(document).filter(|record| [kind::SLIDE, kind::DOCUMENT, kind::NOTES].contains(&record.kind))
    {
        let mut texts = Vec::new();
        find(container, &[kind::TEXT_CHARACTERS, kind::TEXT_BYTES], &mut texts);
        for text in texts.into_iter().map(Record::text) {
            room.step(writer.len())?;
            if seen.insert(text.clone()) {
                writer.paragraph(&text.replace(['\r', '\x0b'], "\n"));
            }
        }
    }
    Ok(writer.finish())
}

#[cfg(test)]
mod tests;
