//! What styles say: how text looks, how lists are numbered, and what stands in headers and footers.

use super::Reader;
use crate::extract::markdown::Style;
use crate::extract::markdown::numbering::{Format, Level};
use crate::extract::xml::{Element, Tree};

impl Reader<'_, '_> {
    pub(super) fn learn(&mut self, tree: &Tree<'_>) {
        for style in tree.document().find_all("style") {
            let Some(name) = style.attr("name") else { continue };
            if style.attr("family").is_none_or(|family| family != "text") {
                continue;
            }
            let property = |key: &str| style.child("text-properties").and_then(|properties| properties.attr(key));
            let bold = property("font-weight")
                .is_some_and(|weight| weight == "bold" || weight.parse().is_ok_and(|weight: u32| weight >= 600));
            let italic = property("font-style").is_some_and(|value| value == "italic" || value == "oblique");
            let strike = property("text-line-through-style").is_some_and(|value| value != "none");
            self.styles.insert(name.into_owned(), Style { bold, italic, strike, ..Style::default() });
        }
        for list in tree.document().find_all("list-style") {
            let Some(name) = list.attr("name") else { continue };
            self.lists.insert(name.into_owned(), list.elements().filter_map(level_of).collect());
        }
    }

    /// The headers and footers of the page styles, each text once.
    pub(super) fn margins(&mut self, styles: &Tree<'_>) {
        let Some(masters) = styles.document().find("master-styles") else {
            return;
        };
        let mut seen: Vec<String> = Vec::new();
        for page in masters.find_all("master-page") {
            for margin in page.elements().filter(|e| e.name().starts_with("header") || e.name().starts_with("footer")) {
                let text = margin.text();
                if !text.trim().is_empty() && !seen.contains(&text) {
                    seen.push(text);
                    let kind = if margin.name().starts_with("header") { "header" } else { "footer" };
                    let text = self.cell(margin);
                    self.writer.remark(&format!("{kind}: {text}"));
                }
            }
        }
    }
}

fn level_of(element: Element<'_>) -> Option<(usize, Level)> {
    let depth = element.attr("level")?.parse().ok()?;
    let start = element.attr("start-value").and_then(|start| start.parse().ok()).unwrap_or(1);
    let format = match (element.name(), element.attr("num-format").as_deref()) {
        ("list-level-style-number", Some("1")) => Format::Decimal,
        ("list-level-style-number", Some("a")) => Format::LowerLetter,
        ("list-level-style-number", Some("A")) => Format::UpperLetter,
        ("list-level-style-number", Some("i")) => Format::LowerRoman,
        ("list-level-style-number", Some("I")) => Format::UpperRoman,
        _ => Format::Bullet,
    };
    Some((depth, Level { format, start }))
}
