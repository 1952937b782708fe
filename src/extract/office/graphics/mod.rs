//! Charts and diagrams of DOCX and PPTX: parts of their own, which drawings refer to.

mod chart;
mod diagram;

use std::collections::HashMap;

use super::ooxml::{self, Relationships};
use super::package::Package;
use crate::extract::markdown::Writer;
use crate::extract::xml::{self, Element, Tree};
use crate::extract::{ExtractError, Room};
use chart::Chart;
use diagram::Diagram;

pub(super) enum Graphic {
    Chart(Chart),
    Diagram(Diagram),
}

/// The graphics that the drawings of a part refer to, by the names of their own parts.
#[derive(Default)]
pub(super) struct Graphics(HashMap<String, Graphic>);

impl Graphics {
    pub fn of(
        relationships: &Relationships,
        package: &mut Package<'_>,
        room: &Room<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ExtractError> {
        let mut graphics = HashMap::new();
        for kind in ["chart", "diagramData"] {
            for name in relationships.of_kind(kind) {
                let Some(source) = ooxml::dispensable(package, name, warnings)? else { continue };
                let graphic = Tree::parse(&source).and_then(|tree| {
                    xml::note_damage(&tree, name, warnings);
                    match kind {
                        "chart" => Chart::read(&tree, room.stock).map(Graphic::Chart),
                        _ => Ok(Graphic::Diagram(Diagram::read(&tree))),
                    }
                });
                match graphic {
                    Ok(graphic) => drop(graphics.insert(name.to_owned(), graphic)),
                    // A graphic that is too large costs only itself.
                    Err(error) => warnings.push(format!("skipped: {name}: {}: {error}.", error.code())),
                }
            }
        }
        Ok(Self(graphics))
    }

    /// The graphic that an element of a drawing refers to.
    pub fn at(&self, element: Element<'_>, relationships: &Relationships) -> Option<&Graphic> {
        let id = element.prefixed_attr(if element.is("chart") { "id" } else { "dm" })?;
        self.0.get(relationships.target(&id)?)
    }
}

/// The element of a drawing that refers to a chart or to a diagram.
pub(super) fn reference(drawing: Element<'_>) -> Option<Element<'_>> {
    drawing.elements().find_map(|element| if is_reference(element) { Some(element) } else { reference(element) })
}

pub(super) fn is_reference(element: Element<'_>) -> bool {
    element.is("chart") || element.is("relIds")
}

impl Graphic {
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::Chart(chart) => chart.write(writer),
            Self::Diagram(diagram) => diagram.write(writer),
        }
    }

    /// The text without tables and lists, for a cell.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Chart(chart) => chart.lines(),
            Self::Diagram(diagram) => diagram.lines(),
        }
    }
}

/// The paragraphs of a `DrawingML` text, one a line.
fn paragraphs(text: Element<'_>) -> String {
    let lines = text.find_all("p").into_iter().map(|paragraph| {
        let runs = paragraph.elements().map(|run| match run.name() {
            "br" => " ".to_owned(),
            _ => run.find_all("t").into_iter().map(Element::text).collect(),
        });
        runs.collect::<String>().trim().to_owned()
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
