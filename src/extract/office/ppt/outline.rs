//! What a presentation is made of: its slides in order, the masters that they are laid out on, their notes, and what they
//! share.

use std::collections::HashMap;

use super::persist::Persist;
use super::records::{Record, kind};
use super::text::{Text, texts};
use crate::extract::office::bytes::{u16_at, u32_at};

/// A slide, a master or a page of notes, and the texts that the list of it has.
#[derive(Debug)]
pub(super) struct Slide<'a> {
    pub record: Option<Record<'a>>,
    /// Titles and bodies, to which shapes refer by their place.
    pub listed: Vec<Text<'a>>,
    pub id: u32,
}

impl<'a> Slide<'a> {
    fn atom(&self) -> Option<&'a [u8]> {
        Some(self.record?.child(kind::SLIDE_ATOM)?.content)
    }

    /// Whether what stands on its master is shown on the slide.
    fn shows_master(&self) -> bool {
        self.atom().and_then(|atom| u16_at(atom, 20)).is_some_and(|flags| flags & 1 != 0)
    }
}

/// What stands at the edges of each slide: none of it when it is not shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Margins {
    pub date: Option<String>,
    pub header: Option<String>,
    pub footer: Option<String>,
}

impl Margins {
    fn read(record: Record<'_>) -> Self {
        let flags = record.child(kind::MARGINS_ATOM).and_then(|atom| u16_at(atom.content, 2)).unwrap_or(0);
        let shown = |bits: u16, instance| (flags & bits == bits).then(|| record.string(instance)).flatten();
        // A date is shown as it was written, or as the day of the show, which is no text of the file.
        Self { date: shown(0b101, 0), header: shown(0b1_0000, 1), footer: shown(0b10_0000, 2) }
    }
}

#[derive(Debug)]
pub(super) struct Outline<'a> {
    pub slides: Vec<Slide<'a>>,
    /// Masters and pages of notes by their ids.
    masters: HashMap<u32, Slide<'a>>,
    notes: HashMap<u32, Slide<'a>>,
    /// Targets of links by their ids.
    pub links: HashMap<u32, String>,
    margins: Margins,
}

impl<'a> Outline<'a> {
    pub fn read(persist: &Persist<'a>) -> Option<Self> {
        let document = persist.document()?;
        let list = |instance: u16| {
            let lists = document.children_of(kind::SLIDE_LIST).filter(move |list| list.instance == instance);
            lists.flat_map(|list| slides(list, persist))
        };
        let by_id = |instance| list(instance).map(|slide| (slide.id, slide)).collect();
        let mut margins = document.children_of(kind::MARGINS);
        Some(Self {
            slides: list(0).collect(),
            masters: by_id(1),
            notes: by_id(2),
            links: document.child(kind::EXTERNAL_OBJECTS).map(links).unwrap_or_default(),
            margins: margins.find(|margins| margins.instance == 3).map(Margins::read).unwrap_or_default(),
        })
    }

    /// The page of notes that a slide names.
    pub fn notes_of(&self, slide: &Slide<'a>) -> Option<&Slide<'a>> {
        let id = u32_at(slide.atom()?, 16).filter(|id| *id != 0)?;
        self.notes.get(&id)
    }

    /// The master whose shapes are shown on a slide.
    pub fn master_of(&self, slide: &Slide<'a>) -> Option<&Slide<'a>> {
        let id = u32_at(slide.atom()?, 12).filter(|_| slide.shows_master())?;
        self.masters.get(&id)
    }

    /// What stands at the edges of a slide: its own, or that of all slides.
    pub fn margins_of(&self, slide: &Slide<'a>) -> Margins {
        let own = slide.record.and_then(|record| record.child(kind::MARGINS));
        own.map_or_else(|| self.margins.clone(), Margins::read)
    }
}

/// The slides of a list, each followed there by its texts.
fn slides<'a>(list: Record<'a>, persist: &Persist<'a>) -> Vec<Slide<'a>> {
    let records: Vec<Record<'a>> = list.children().collect();
    let groups = records.chunk_by(|_, next| next.kind != kind::SLIDE_PERSIST);
    // Slides do not overlap, so that together they are no longer than the file.
    let mut left = persist.stream.len();
    let mut take = |record: &Record<'a>| left.checked_sub(record.content.len()).inspect(|rest| left = *rest).is_some();
    let slides = groups.filter_map(|group| {
        let (head, rest) = group.split_first().filter(|(head, _)| head.kind == kind::SLIDE_PERSIST)?;
        Some(Slide {
            record: u32_at(head.content, 0).and_then(|number| persist.record(number)).filter(&mut take),
            listed: texts(rest.iter().copied()),
            id: u32_at(head.content, 12).unwrap_or(0),
        })
    });
    slides.collect()
}

/// The targets of links to places outside the presentation.
fn links(objects: Record<'_>) -> HashMap<u32, String> {
    let links = objects.children_of(kind::LINK).filter_map(|link| {
        let id = u32_at(link.child(kind::LINK_ATOM)?.content, 0)?;
        Some((id, link.string(1).filter(|target| target.contains(':'))?))
    });
    links.collect()
}
