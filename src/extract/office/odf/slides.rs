//! The slides of a presentation, each with its title, notes and comments. What many slides show, of their master and at
//! their foot, is a remark on the first of them.

use std::collections::{HashMap, HashSet};

use super::Reader;
use crate::extract::office::slides::write_each;
use crate::extract::xml::{Element, Tree};
use crate::extract::{ExtractError, Extracted};

/// What many slides show.
struct Repeated<'t> {
    masters: HashMap<String, Element<'t>>,
    footers: HashMap<String, String>,
    /// The masters and texts that were shown so far.
    shown_masters: HashSet<String>,
    shown: HashSet<String>,
}

impl Reader<'_, '_> {
    pub(super) fn slides(
        &mut self,
        body: Element<'_>,
        styles: &Tree<'_>,
        extracted: &mut Extracted,
    ) -> Result<(), ExtractError> {
        let named = |element: Element<'_>| element.attr("name").unwrap_or_default().into_owned();
        let masters = styles.document().find_all("master-page").into_iter();
        let footers = body.find_all("footer-decl").into_iter();
        let mut repeated = Repeated {
            masters: masters.map(|master| (named(master), master)).collect(),
            footers: footers.map(|footer| (named(footer), footer.text())).collect(),
            shown_masters: HashSet::new(),
            shown: HashSet::new(),
        };
        let pages = body.find_all("page");
        extracted.pages = u32::try_from(pages.len()).ok();
        let pages_max = self.room.limits.pages_max;
        let write = |reader: &mut Self, page: Element<'_>| reader.slide(page, &mut repeated);
        if let Err(error) = write_each(self, pages, pages_max, |it| &mut it.writer, write) {
            extracted.end_at(error, self.writer.len() > 0)?;
        }
        Ok(())
    }

    fn slide(&mut self, page: Element<'_>, repeated: &mut Repeated<'_>) -> Result<(), ExtractError> {
        let (beside, shapes): (Vec<_>, Vec<_>) =
            page.elements().partition(|shape| shape.is("notes") || shape.is("annotation"));
        for shape in shapes {
            match shape.attr("class").as_deref() {
                Some("page-number") => {}
                Some("title") => {
                    let text = self.cell(shape);
                    self.writer.heading(2, &text);
                }
                _ => self.frames(vec![shape])?,
            }
        }
        self.repeated(page, repeated);
        for shape in beside {
            if shape.is("notes") {
                let frames = shape.elements().filter(|frame| frame.attr("class").is_none_or(|class| class == "notes"));
                let text = frames.map(|frame| self.cell(frame)).collect::<Vec<_>>().join("\n");
                self.writer.quote(&text);
            } else {
                let (author, text) = self.comment(shape);
                self.writer.quote(&format!("{author}: {text}"));
            }
        }
        self.room.step(self.writer.len())
    }

    /// What stands on the slide's master outside placeholders, and the slide's footer, each text once.
    fn repeated(&mut self, page: Element<'_>, repeated: &mut Repeated<'_>) {
        let mut texts = Vec::new();
        let name = page.attr("master-page-name").unwrap_or_default();
        if let Some(master) = repeated.masters.get(name.as_ref())
            && repeated.shown_masters.insert(name.into_owned())
        {
            let free = master.elements().filter(|shape| !shape.is("notes") && shape.attr("class").is_none());
            texts.extend(free.map(|shape| ("master", self.cell(shape))));
        }
        let footer = page.attr("use-footer-name").and_then(|name| repeated.footers.get(name.as_ref()).cloned());
        for (kind, text) in texts.into_iter().chain(footer.map(|footer| ("footer", footer))) {
            if !text.is_empty() && !repeated.shown.contains(&text) {
                self.writer.remark(&format!("{kind}: {text}"));
                repeated.shown.insert(text);
            }
        }
    }
}
