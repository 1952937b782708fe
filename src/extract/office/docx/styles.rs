//! What styles say: which paragraphs are headings or list items, how the items are numbered, and how runs look.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::extract::markdown::numbering::{Counter, Format, Level};
use crate::extract::xml::{Element, Tree};

/// Styles are based on one another a few deep; in damaged files they go in circles.
const BASES_MAX: usize = 20;

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
        let based_on = value("basedOn").map(Cow::into_owned);
        styles.insert(id.into_owned(), ParagraphStyle { heading, list, based_on });
    }
    let ids: Vec<String> = styles.keys().cloned().collect();
    for id in ids {
        inherit(&mut styles, &id);
    }
    styles
}

/// How the runs of a character style look, as far as it says.
#[derive(Debug, Clone, Default)]
pub(super) struct RunStyle {
    pub bold: Option<bool>,
    pub italic: Option<bool>,
    based_on: Option<String>,
}

pub(super) fn read_runs(tree: &Tree<'_>) -> HashMap<String, RunStyle> {
    let mut styles = HashMap::new();
    for style in tree.document().find_all("style") {
        let Some(id) = style.attr("styleId").filter(|_| style.attr("type").as_deref() == Some("character")) else {
            continue;
        };
        let property = |name: &str| style.at(&["rPr", name]).map(is_on);
        let based_on = style.child("basedOn").and_then(|element| element.attr("val")).map(Cow::into_owned);
        styles.insert(id.into_owned(), RunStyle { bold: property("b"), italic: property("i"), based_on });
    }
    let mut merged = styles.clone();
    for style in merged.values_mut() {
        for _ in 0..BASES_MAX {
            let Some(base) = style.based_on.as_ref().and_then(|base| styles.get(base)) else { break };
            style.bold = style.bold.or(base.bold);
            style.italic = style.italic.or(base.italic);
            style.based_on.clone_from(&base.based_on);
        }
    }
    merged
}

/// A property without a value is on; `0`, `false` and `off` are off.
pub(super) fn is_on(property: Element<'_>) -> bool {
    property.attr("val").is_none_or(|value| !["0", "false", "off", "none"].contains(&value.as_ref()))
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

/// A style has what the style that it is based on has.
fn inherit(styles: &mut HashMap<String, ParagraphStyle>, id: &str) {
    let Some(mut merged) = styles.get(id).cloned() else {
        return;
    };
    for _ in 0..BASES_MAX {
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
