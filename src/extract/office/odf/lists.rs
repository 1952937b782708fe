//! Lists and the numbers of their items.

use super::Reader;
use crate::extract::ExtractError;
use crate::extract::markdown::numbering::{Format, Level};
use crate::extract::xml::Element;

impl Reader<'_, '_> {
    pub(super) fn list(&mut self, list: Element<'_>, depth: usize, outer: Option<&str>) -> Result<(), ExtractError> {
        let own = list.attr("style-name");
        let name = own.as_deref().or(outer).unwrap_or("").to_owned();
        let level = self.lists.get(&name).and_then(|levels| levels.iter().find(|(at, _)| *at == depth + 1));
        let level = level.map_or(Level { format: Format::Bullet, start: 1 }, |(_, level)| level.clone());
        let continues = list.attr("continue-numbering").is_some_and(|value| value == "true")
            || list.attr("continue-list").is_some();
        if depth == 0 && !continues {
            self.counters.remove(&name);
        }
        for item in list.elements() {
            let header = item.is("list-header");
            let mut first = true;
            for element in item.elements() {
                self.step()?;
                match element.name() {
                    "p" | "h" => {
                        let content = self.content(element);
                        let text = content.inline.markdown();
                        if element.is("h") {
                            let level = element.attr("outline-level").and_then(|level| level.parse().ok()).unwrap_or(1);
                            self.writer.heading(level, &text);
                        } else if first && !header && !text.is_empty() {
                            let mark = self.counters.entry(name.clone()).or_default().next(depth, &level);
                            self.writer.item(depth, &mark, &text);
                        } else {
                            self.writer.paragraph(&text);
                        }
                        first = false;
                        self.frames(content.frames)?;
                    }
                    "list" => self.list(element, depth + 1, Some(&name))?,
                    _ => self.blocks(element)?,
                }
            }
        }
        Ok(())
    }
}
