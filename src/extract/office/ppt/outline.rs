//! The last saved state of a presentation: its slides in order, their texts and their notes.

use std::collections::HashMap;

use super::records::{Record, find, kind, record_at, records};
use crate::extract::markdown::Writer;
use crate::extract::office::bytes::{size_at, u32_at};

/// Files are saved a few hundred times at most before they are written anew.
const EDITS_MAX: usize = 10_000;

/// Where each object of the last state lies, and which of them is the document ([MS-PPT] 2.1.2).
#[derive(Debug)]
pub(super) struct Persist {
    offsets: HashMap<u32, usize>,
    document: u32,
}

impl Persist {
    pub fn read(stream: &[u8], edit: usize) -> Option<Self> {
        let mut persist = Self { offsets: HashMap::new(), document: 0 };
        let mut next = edit;
        for index in 0..EDITS_MAX {
            let Some(record) = record_at(stream, next).filter(|record| record.kind == kind::USER_EDIT) else { break };
            if index == 0 {
                persist.document = u32_at(record.content, 16)?;
            }
            let directory = record_at(stream, size_at(record.content, 12)?);
            if let Some(directory) = directory.filter(|directory| directory.kind == kind::PERSIST_DIRECTORY) {
                persist.add(directory.content);
            }
            match size_at(record.content, 8)? {
                // Edits are listed from the last back to the first, which lies before the others.
                0 => break,
                earlier if earlier >= next => break,
                earlier => next = earlier,
            }
        }
        Some(persist)
    }

    /// Runs of objects: the first number and the count in one word, then an offset for each.
    fn add(&mut self, directory: &[u8]) {
        let mut at = 0;
        while let Some(head) = u32_at(directory, at) {
            at += 4;
            for number in (head & 0xf_ffff..).take((head >> 20) as usize) {
                let Some(offset) = size_at(directory, at) else { return };
                // What a later edit says is what holds.
                self.offsets.entry(number).or_insert(offset);
                at += 4;
            }
        }
    }

    fn record<'a>(&self, stream: &'a [u8], number: u32) -> Option<Record<'a>> {
        record_at(stream, *self.offsets.get(&number)?)
    }
}

/// A text of a slide.
#[derive(Debug, Clone)]
pub(super) struct Text {
    kind: u32,
    text: String,
}

impl Text {
    pub fn is_title(&self) -> bool {
        matches!(self.kind, 0 | 6)
    }

    /// On a page of notes, the others are the slide's picture, number and date.
    pub fn is_notes(&self) -> bool {
        self.kind == 2
    }

    pub fn line(&self) -> String {
        self.block().replace('\n', " ")
    }

    pub fn block(&self) -> String {
        let lines = self.text.replace(['\r', '\x0b'], "\n");
        lines.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect::<String>().trim().to_owned()
    }

    /// The paragraphs of a body are list items when there are several.
    pub fn write(&self, writer: &mut Writer) {
        let body = matches!(self.kind, 1 | 5 | 7 | 8);
        let paragraphs: Vec<&str> = self.text.split('\r').filter(|text| !text.trim().is_empty()).collect();
        for paragraph in &paragraphs {
            let text = Self { kind: self.kind, text: (*paragraph).to_owned() }.block();
            if body && paragraphs.len() > 1 {
                writer.item(0, "-", &text);
            } else {
                writer.paragraph(&text);
            }
        }
    }
}

/// A slide or a page of notes, and the texts that the list of slides has of it.
#[derive(Debug)]
pub(super) struct Slide<'a> {
    record: Option<Record<'a>>,
    listed: Vec<Text>,
    id: u32,
}

impl Slide<'_> {
    /// The texts of a slide, in the order of its shapes; those that only the list has come first.
    pub fn texts(&self) -> Vec<Text> {
        let mut boxes = Vec::new();
        if let Some(drawing) = self.record.and_then(|record| record.child(kind::DRAWING)) {
            find(drawing, &[kind::TEXT_BOX], &mut boxes);
        }
        let mut used = vec![false; self.listed.len()];
        let mut shown = Vec::new();
        for text_box in boxes {
            let reference = text_box.child(kind::OUTLINE_REFERENCE).and_then(|atom| size_at(atom.content, 0));
            if let Some(text) = reference.and_then(|index| self.listed.get(index)) {
                used[reference.unwrap_or(0)] = true;
                shown.push(text.clone());
            } else {
                shown.extend(texts(text_box));
            }
        }
        let unused = self.listed.iter().zip(used).filter(|(_, used)| !used).map(|(text, _)| text.clone());
        unused.chain(shown).collect()
    }
}

#[derive(Debug)]
pub(super) struct Outline<'a> {
    pub slides: Vec<Slide<'a>>,
    notes: Vec<Slide<'a>>,
}

impl<'a> Outline<'a> {
    pub fn read(stream: &'a [u8], persist: &Persist) -> Option<Self> {
        let document = persist.record(stream, persist.document).filter(|record| record.kind == kind::DOCUMENT)?;
        let list = |instance: u16| {
            let lists = records(document.content).filter(|record| record.kind == kind::SLIDE_LIST);
            lists.filter(|list| list.instance == instance).flat_map(|list| slides(stream, list, persist)).collect()
        };
        Some(Self { slides: list(0), notes: list(2) })
    }

    /// The page of notes that a slide names.
    pub fn notes_of(&self, slide: &Slide<'a>) -> Option<&Slide<'a>> {
        let id = u32_at(slide.record?.child(kind::SLIDE_ATOM)?.content, 16).filter(|id| *id != 0)?;
        self.notes.iter().find(|notes| notes.id == id)
    }
}

/// The slides of a list, each followed there by its texts.
fn slides<'a>(stream: &'a [u8], list: Record<'a>, persist: &Persist) -> Vec<Slide<'a>> {
    let mut slides: Vec<Slide<'a>> = Vec::new();
    for record in records(list.content) {
        match record.kind {
            kind::SLIDE_PERSIST => slides.push(Slide {
                record: u32_at(record.content, 0).and_then(|number| persist.record(stream, number)),
                listed: Vec::new(),
                id: u32_at(record.content, 12).unwrap_or(0),
            }),
            kind::TEXT_HEADER => {
                let kind = u32_at(record.content, 0).unwrap_or(4);
                // A header without a text still takes a place, which references count.
                if let Some(slide) = slides.last_mut() {
                    slide.listed.push(Text { kind, text: String::new() });
                }
            }
            kind::TEXT_CHARACTERS | kind::TEXT_BYTES => {
                if let Some(text) = slides.last_mut().and_then(|slide| slide.listed.last_mut()) {
                    text.text = record.text();
                }
            }
            _ => {}
        }
    }
    slides
}

/// The texts that a text box has of its own.
fn texts(text_box: Record<'_>) -> Vec<Text> {
    let mut kind_of_text = 4;
    let mut found = Vec::new();
    for record in records(text_box.content) {
        match record.kind {
            kind::TEXT_HEADER => kind_of_text = u32_at(record.content, 0).unwrap_or(4),
            kind::TEXT_CHARACTERS | kind::TEXT_BYTES => found.push(Text { kind: kind_of_text, text: record.text() }),
            _ => {}
        }
    }
    found
}
