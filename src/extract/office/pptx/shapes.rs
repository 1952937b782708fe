//! The shapes of a slide: its title, text, tables, charts and diagrams, in the order in which they lie.

use std::borrow::Cow;

use crate::extract::markdown::cells;
use crate::extract::markdown::numbering::{Counter, Format, Level};
use crate::extract::markdown::{Inline, Style, Writer};
use crate::extract::office::graphics::{self, Graphics};
use crate::extract::office::ooxml::Relationships;
use crate::extract::xml::{Element, Tree};

pub(super) struct Slide<'r, 'w> {
    pub relationships: &'r Relationships,
    pub graphics: &'r Graphics,
    pub writer: &'w mut Writer,
}

/// What a shape is for: the type of its placeholder.
pub(super) fn placeholder(shape: Element<'_>) -> Option<Cow<'_, str>> {
    let properties = shape.elements().find(|element| element.name().starts_with("nv"))?;
    let placeholder = properties.at(&["nvPr", "ph"])?;
    Some(placeholder.attr("type").unwrap_or("obj".into()))
}

fn is_title(shape: Element<'_>) -> bool {
    placeholder(shape).is_some_and(|kind| kind == "title" || kind == "ctrTitle")
}

impl Slide<'_, '_> {
    pub fn write(&mut self, tree: &Tree<'_>) {
        let Some(shapes) = tree.document().find("spTree") else {
            return;
        };
        for title in shapes.elements().filter(|shape| is_title(*shape)) {
            let lines: Vec<String> =
                title.find_all("p").into_iter().map(|p| line(p, self.relationships).markdown()).collect();
            self.writer.heading(2, &lines.join(" "));
        }
        for shape in shapes.elements().filter(|shape| !is_title(*shape)) {
            self.shape(shape);
        }
    }

    fn shape(&mut self, shape: Element<'_>) {
        match shape.name() {
            "sp" => {
                let kind = placeholder(shape);
                if kind.as_deref() == Some("sldNum") {
                    return;
                }
                let bulleted = matches!(kind.as_deref(), Some("body" | "obj"));
                if let Some(body) = shape.child("txBody") {
                    self.paragraphs(body, bulleted);
                }
            }
            "graphicFrame" => self.frame(shape),
            "AlternateContent" => {
                if let Some(choice) = shape.child("Choice").or_else(|| shape.child("Fallback")) {
                    choice.elements().for_each(|shape| self.shape(shape));
                }
            }
            "grpSp" => shape.elements().for_each(|shape| self.shape(shape)),
            _ => {}
        }
    }

    fn frame(&mut self, frame: Element<'_>) {
        if let Some(table) = frame.find("tbl") {
            self.table(table);
        } else if let Some(reference) = graphics::reference(frame) {
            if let Some(graphic) = self.graphics.at(reference, self.relationships) {
                graphic.write(self.writer);
            }
        } else {
            frame.find_all("txBody").into_iter().for_each(|body| self.paragraphs(body, false));
        }
    }

    /// The paragraphs of a shape; `bulleted` when its placeholder has bullets unless it is told otherwise.
    fn paragraphs(&mut self, body: Element<'_>, bulleted: bool) {
        let mut counter = Counter::default();
        let paragraphs: Vec<Element<'_>> = body.elements().filter(|element| element.is("p")).collect();
        let several = paragraphs.len() > 1;
        for paragraph in paragraphs {
            let text = line(paragraph, self.relationships).markdown();
            let properties = paragraph.child("pPr");
            let has = |name: &str| properties.is_some_and(|properties| properties.child(name).is_some());
            let depth = properties.and_then(|p| p.attr("lvl")).and_then(|level| level.parse().ok()).unwrap_or(0);
            if text.is_empty() {
                continue;
            }
            if let Some(auto) = properties.and_then(|properties| properties.child("buAutoNum")) {
                let start = auto.attr("startAt").and_then(|start| start.parse().ok()).unwrap_or(1);
                let level = Level { format: auto_format(&auto.attr("type").unwrap_or_default()), start };
                let mark = counter.next(depth, &level);
                self.writer.item(depth, &mark, &text);
            } else if has("buChar") || has("buBlip") || (bulleted && several && !has("buNone")) {
                self.writer.item(depth, "-", &text);
            } else {
                self.writer.paragraph(&text);
            }
        }
    }

    fn table(&mut self, table: Element<'_>) {
        let mut rows = Vec::new();
        for row in table.elements().filter(|element| element.is("tr")) {
            let mut cells = Vec::new();
            for cell in row.elements().filter(|element| element.is("tc")) {
                // Cells that a merged one covers are there, marked, and empty.
                let covered = cell.attr("hMerge").or(cell.attr("vMerge")).is_some_and(|value| value != "0");
                let lines = cell.find_all("p").into_iter().map(|p| line(p, self.relationships).markdown());
                let text = if covered { String::new() } else { lines.collect::<Vec<_>>().join("\n") };
                cells::push(&mut cells, text, 1);
            }
            rows.push(cells);
        }
        self.writer.table(&rows);
    }
}

/// The text of a paragraph.
pub(super) fn line(paragraph: Element<'_>, relationships: &Relationships) -> Inline {
    let mut inline = Inline::default();
    for element in paragraph.elements() {
        match element.name() {
            "r" | "fld" => {
                let properties = element.child("rPr");
                let on = |name: &str| {
                    properties.and_then(|p| p.attr(name)).is_some_and(|value| value == "1" || value == "true")
                };
                let link = properties.and_then(|p| p.child("hlinkClick")).and_then(|link| link.attr("id"));
                let link = link.and_then(|id| relationships.target(&id)).filter(|target| target.contains(':'));
                let style = Style { bold: on("b"), italic: on("i"), link: link.map(str::to_owned), ..Style::default() };
                inline.push(&style, &element.child("t").map_or(String::new(), Element::text));
            }
            "br" => inline.push_plain("\n"),
            "pPr" | "endParaRPr" => {}
            // Formulas and what else may hold text.
            _ => inline.push_plain(&element.find_all("t").into_iter().map(Element::text).collect::<String>()),
        }
    }
    inline
}

fn auto_format(kind: &str) -> Format {
    match kind {
        _ if kind.starts_with("alphaLc") => Format::LowerLetter,
        _ if kind.starts_with("alphaUc") => Format::UpperLetter,
        _ if kind.starts_with("romanLc") => Format::LowerRoman,
        _ if kind.starts_with("romanUc") => Format::UpperRoman,
        _ => Format::Decimal,
    }
}
