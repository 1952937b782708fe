//! What slides show of the layout and the master that they are laid out on: text outside placeholders, such as a company's
//! name. It is a remark on the first slide that shows it.

use std::collections::HashSet;

use super::shapes::{line, placeholder};
use crate::extract::ExtractError;
use crate::extract::markdown::Writer;
use crate::extract::office::ooxml::{self, Relationships};
use crate::extract::office::package::Package;
use crate::extract::xml::{Element, Tree};

/// What lies below a slide, by the kinds of relationships that lead there.
pub(super) const LAYERS: [&str; 2] = ["slideLayout", "slideMaster"];

/// The layouts, masters and texts that were shown so far.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    parts: HashSet<String>,
    texts: HashSet<String>,
}

impl Layouts {
    /// Writes what a part shows of those below it: a slide of its layers, a layout of its master.
    pub fn write(
        &mut self,
        tree: &Tree<'_>,
        relationships: &Relationships,
        layers: &[&str],
        package: &mut Package<'_>,
        writer: &mut Writer,
        warnings: &mut Vec<String>,
    ) -> Result<(), ExtractError> {
        let hides = |root: Element<'_>| root.attr("showMasterSp").is_some_and(|value| value == "0" || value == "false");
        let Some((kind, deeper)) = layers.split_first() else { return Ok(()) };
        if tree.document().elements().any(hides) {
            return Ok(());
        }
        for name in relationships.of_kind(kind) {
            if !self.parts.insert(name.to_owned()) {
                continue;
            }
            let Some(source) = ooxml::dispensable(package, name, warnings)? else { continue };
            let tree = Tree::parse(&source)?;
            let relationships = Relationships::of(package, name)?;
            if let Some(shapes) = tree.document().find("spTree") {
                self.shapes(shapes, &relationships, writer);
            }
            self.write(&tree, &relationships, deeper, package, writer, warnings)?;
        }
        Ok(())
    }

    fn shapes(&mut self, group: Element<'_>, relationships: &Relationships, writer: &mut Writer) {
        for shape in group.elements() {
            match shape.name() {
                "grpSp" => self.shapes(shape, relationships, writer),
                "sp" if placeholder(shape).is_none() => {
                    let lines = shape.find_all("p").into_iter().map(|p| line(p, relationships).markdown());
                    let text = lines.collect::<Vec<_>>().join("\n");
                    if !text.trim().is_empty() && !self.texts.contains(&text) {
                        writer.remark(&format!("master: {text}"));
                        self.texts.insert(text);
                    }
                }
                _ => {}
            }
        }
    }
}
