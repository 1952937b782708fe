//! The slides of a presentation, each with its title and notes.

use super::Reader;
use crate::extract::xml::Element;
use crate::extract::{ExtractError, Extracted};

impl Reader<'_, '_> {
    pub(super) fn slides(&mut self, body: Element<'_>, extracted: &mut Extracted) -> Result<(), ExtractError> {
        let pages = body.find_all("page");
        extracted.pages = u32::try_from(pages.len()).ok();
        for (index, page) in pages.into_iter().enumerate() {
            let mark = self.writer.mark();
            self.writer.remark(&format!("slide {}", index + 1));
            let done =
                if index < self.room.limits.pages_max { self.slide(page) } else { Err(ExtractError::TooManyPages) };
            if let Err(error) = done {
                self.writer.rewind(mark);
                extracted.end_at(error, self.writer.len() > 0)?;
                break;
            }
        }
        Ok(())
    }

    fn slide(&mut self, page: Element<'_>) -> Result<(), ExtractError> {
        for shape in page.elements() {
            let class = shape.attr("class");
            match (shape.name(), class.as_deref()) {
                (_, Some("page-number")) => {}
                ("notes", _) => {
                    let frames =
                        shape.elements().filter(|frame| frame.attr("class").is_none_or(|class| class == "notes"));
                    let text = frames.map(|frame| self.cell(frame)).collect::<Vec<_>>().join("\n");
                    self.writer.quote(&text);
                }
                ("annotation", _) => {
                    let (author, text) = self.comment(shape);
                    self.writer.quote(&format!("{author}: {text}"));
                }
                (_, Some("title")) => {
                    let text = self.cell(shape);
                    self.writer.heading(2, &text);
                }
                _ => self.frames(vec![shape])?,
            }
        }
        self.room.step(self.writer.len())
    }
}
