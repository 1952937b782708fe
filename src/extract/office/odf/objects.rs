//! Objects in a document: formulas, and charts with the tables that they are drawn from. Each is a document of its own in a
//! folder of the package.

use std::collections::{BTreeSet, HashMap};

use super::tables::rows_of;
use crate::extract::markdown::Writer;
use crate::extract::office::ooxml::dispensable;
use crate::extract::office::package::{Package, resolve};
use crate::extract::xml::{Element, Node, Tree};
use crate::extract::{ExtractError, Room};

/// The objects that a document has not shown so far, by the names that it has for them. Each is shown once, as documents
/// do, so that references cannot multiply it.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Each on one line.
    formulas: HashMap<String, String>,
    charts: HashMap<String, Vec<Vec<String>>>,
}

impl Objects {
    /// Reads the objects that a document refers to. One that cannot be read costs only itself.
    pub fn of(
        content: &Tree<'_>,
        package: &mut Package<'_>,
        room: &mut Room<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ExtractError> {
        let mut objects = Self::default();
        let references: BTreeSet<String> =
            content.document().find_all("object").into_iter().filter_map(name_of).collect();
        for name in references {
            room.step(0)?;
            let Some(source) = dispensable(package, &format!("{name}/content.xml"), warnings)? else { continue };
            match Tree::parse(&source) {
                Ok(tree) => objects.add(name, &tree),
                Err(error) => warnings.push(format!("skipped: {name}: {}: {error}.", error.code())),
            }
        }
        Ok(objects)
    }

    fn add(&mut self, name: String, tree: &Tree<'_>) {
        let document = tree.document();
        if let Some(formula) = document.child("math") {
            self.formulas.insert(name, line(formula));
        } else if let Some(table) = document.find("chart").and_then(|chart| chart.find("table")) {
            let text =
                |cell: Element<'_>| cell.find_all("p").into_iter().map(Element::text).collect::<Vec<_>>().join(" ");
            let cells = |row: Element<'_>| row.elements().filter(|cell| cell.is("table-cell")).map(text).collect();
            self.charts.insert(name, rows_of(table).into_iter().map(cells).collect());
        }
    }

    /// The formula in a frame, if it is one.
    pub fn take_formula(&mut self, frame: Element<'_>) -> Option<String> {
        self.formulas.remove(&name_of(frame.child("object")?)?)
    }

    /// Writes what a reference leads to.
    pub fn write(&mut self, reference: Element<'_>, writer: &mut Writer) {
        let Some(name) = name_of(reference) else { return };
        writer.paragraph(&self.formulas.remove(&name).unwrap_or_default());
        writer.table(&self.charts.remove(&name).unwrap_or_default());
    }
}

/// The folder that a reference leads to. Old files have a formula in the reference itself, and no folder.
fn name_of(reference: Element<'_>) -> Option<String> {
    reference.attr("href").map(|name| resolve("", &name)).filter(|name| !name.is_empty())
}

/// A formula of `MathML` on one line.
fn line(formula: Element<'_>) -> String {
    let parts: Vec<Element<'_>> = formula.elements().collect();
    let part = |index: usize| parts.get(index).map_or(String::new(), |part| line(*part));
    match formula.name() {
        // The source of the formula, which says the same.
        "annotation" | "annotation-xml" => String::new(),
        "mfrac" => format!("({})/({})", part(0), part(1)),
        "msqrt" => format!("√({})", parts.iter().map(|part| line(*part)).collect::<String>()),
        "mroot" => format!("({})√({})", part(1), part(0)),
        "msup" | "mover" => format!("{}^{}", part(0), part(1)),
        "msub" | "munder" => format!("{}_{}", part(0), part(1)),
        "msubsup" | "munderover" => format!("{}_{}^{}", part(0), part(1), part(2)),
        "mtable" => parts.iter().map(|row| line(*row)).collect::<Vec<_>>().join("; "),
        "mtr" => parts.iter().map(|cell| line(*cell)).collect::<Vec<_>>().join(", "),
        "mspace" => " ".to_owned(),
        _ => {
            let pieces = formula.nodes().map(|node| match node {
                Node::Text(text) => text.trim().to_owned(),
                Node::Element(element) => line(element),
            });
            pieces.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::ODT;
    use crate::extract::tests::{packed, read};

    #[test]
    fn formulas_stand_in_their_line_and_charts_behind_it() {
        let content = r#"<office:document-content><office:body><office:text>
            <text:p>with <draw:frame><draw:object xlink:href="./Object 1"/><draw:image/></draw:frame> in it
            <draw:frame><draw:object xlink:href="./Object 2"/></draw:frame></text:p>
            <text:p>again <draw:frame><draw:object xlink:href="./Object 1"/></draw:frame></text:p>
            <text:p>gone <draw:frame><draw:object xlink:href="./Object 3"/></draw:frame></text:p>
            </office:text></office:body></office:document-content>"#;
        let formula = r#"<math><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><mfrac><mi>a</mi><mi>b</mi></mfrac>
            </mrow><annotation encoding="StarMath 5.0">x^2 = a over b</annotation></semantics></math>"#;
        let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
        let row = |one: &str, two: &str| format!("<table:table-row>{}{}</table:table-row>", cell(one), cell(two));
        let chart = format!(
            "<office:document-content><office:body><office:chart><chart:chart><table:table>{}{}</table:table>
            </chart:chart></office:chart></office:body></office:document-content>",
            row("", "Sum"),
            row("A", "4")
        );
        let package = packed(&[
            ("content.xml", content.as_bytes()),
            ("Object 1/content.xml", formula.as_bytes()),
            ("Object 2/content.xml", chart.as_bytes()),
        ]);
        let extracted = read(&package, ODT);
        let expected = "with x^2=(a)/(b) in it\n\n|  | Sum |\n| --- | --- |\n| A | 4 |\n\nagain\n\ngone\n";
        assert_eq!(extracted.text, expected);
        assert_eq!(extracted.warnings, ["damaged: Object 3/content.xml is missing."]);
    }
}
