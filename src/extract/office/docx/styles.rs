//! What a paragraph's style says of it: whether it is a heading or a list item, and how the items are numbered.

use std::collections::HashMap;

use crate::extract::markdown::numbering::{Counter, Format, Level};
use crate::extract::xml::{Element, Tree};

#[derive(Debug, Clone, Default)]
pub(super) struct ParagraphStyle {
    pub heading: Option<usize>,
    pub list: Option<(String, usize)>,
    based_on: Option<String>,
}

pub(super) fn read(tree: &Tree<'_>) -> HashMap<String, ParagraphStyle> {
    let mut styles = HashMap::new();
    for style in tree.document().find_all("style") {
        let Some(id) = style.attr("styleId") else { continue };
        let value = |name: &str| style.child(name).and_then(|element| element.attr("val"));
        let properties = style.child("pPr");
        let name = value("name").unwrap_or_default().to_lowercase();
        let outline =
            properties.and_then(|properties| properties.child("outlineLvl")).and_then(|level| level.attr("val"));
        let heading = heading_by_name(&name).or_else(|| heading_by_outline(outline.as_deref()));
        let list = properties.and_then(|properties| properties.child("numPr")).and_then(list_of);
        let based_on = value("basedOn").map(std::borrow::Cow::into_owned);
        styles.insert(id.into_owned(), ParagraphStyle { heading, list, based_on });
    }
    let ids: Vec<String> = styles.keys().cloned().collect();
    for id in ids {
        inherit(&mut styles, &id);
    }
    styles
}

fn heading_by_name(name: &str) -> Option<usize> {
    if name == "title" {
        return Some(1);
    }
    let level: usize = name.strip_prefix("heading ")?.trim().parse().ok()?;
    (1..=9).contains(&level).then_some(level)
}

pub(super) fn heading_by_outline(value: Option<&str>) -> Option<usize> {
    let level: usize = value?.parse().ok()?;
    (level < 9).then_some(level + 1)
}

/// A style has what the style that it is based on has, up to a bounded number of steps: damaged files have circles.
fn inherit(styles: &mut HashMap<String, ParagraphStyle>, id: &str) {
    let Some(mut merged) = styles.get(id).cloned() else {
        return;
    };
    for _ in 0..20 {
        let Some(base) = merged.based_on.as_ref().and_then(|base| styles.get(base)) else {
            break;
        };
        merged.heading = merged.heading.or(base.heading);
        merged.list = merged.list.or_else(|| base.list.clone());
        merged.based_on.clone_from(&base.based_on);
    }
    styles.insert(id.to_owned(), merged);
}

/// The list and level of a `numPr`; a list `0` takes the paragraph out of its style's list.
pub(super) fn list_of(properties: Element<'_>) -> Option<(String, usize)> {
    let value = |name: &str| properties.child(name).and_then(|element| element.attr("val"));
    let level = value("ilvl").and_then(|level| level.parse().ok()).unwrap_or(0);
    value("numId").map(|id| (id.into_owned(), level))
}

#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// From a list to the abstract list that it is an instance of.
    lists: HashMap<String, String>,
    levels: HashMap<(String, usize), Level>,
    counters: HashMap<String, Counter>,
}

impl Numbering {
    pub fn read(tree: &Tree<'_>) -> Self {
        let mut numbering = Self::default();
        for definition in tree.document().find_all("abstractNum") {
            let Some(id) = definition.attr("abstractNumId") else {
                continue;
            };
            for level in definition.find_all("lvl") {
                let Some(depth) = level.attr("ilvl").and_then(|depth| depth.parse().ok()) else {
                    continue;
                };
                let value = |name: &str| level.child(name).and_then(|element| element.attr("val"));
                let format = format_of(value("numFmt").as_deref().unwrap_or("decimal"));
                let start = value("start").and_then(|start| start.parse().ok()).unwrap_or(1);
                numbering.levels.insert((id.to_string(), depth), Level { format, start });
            }
        }
        for list in tree.document().find_all("num") {
            let definition = list.child("abstractNumId").and_then(|element| element.attr("val"));
            if let (Some(id), Some(definition)) = (list.attr("numId"), definition) {
                numbering.lists.insert(id.into_owned(), definition.into_owned());
            }
        }
        numbering
    }

    /// The mark of the next item of a list, and whether it is one at all.
    pub(super) fn mark(&mut self, list: &str, depth: usize) -> Option<(Format, String)> {
        let definition = self.lists.get(list)?;
        let level = self.levels.get(&(definition.clone(), depth))?;
        let mark = self.counters.entry(definition.clone()).or_default().next(depth, level);
        Some((level.format, mark))
    }
}

fn format_of(name: &str) -> Format {
    match name {
        "bullet" => Format::Bullet,
        "none" => Format::None,
        "lowerLetter" => Format::LowerLetter,
        "upperLetter" => Format::UpperLetter,
        "lowerRoman" => Format::LowerRoman,
        "upperRoman" => Format::UpperRoman,
        _ => Format::Decimal,
    }
}
