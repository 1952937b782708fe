//! What slides show of the layout and the master that they are laid out on: text outside placeholders, such as a company's
//! name. It is a remark on the first slide that shows it.

use std::collections::HashSet;

use super::Presentation;
use super::shapes::{line, placeholder};
use crate::extract::ExtractError;
use crate::extract::office::ooxml::{self, Relationships};
use crate::extract::xml::{Element, Tree};

/// What lies below a slide, by the kinds of relationships that lead there.
pub(super) const LAYERS: [&str; 2] = ["slideLayout", "slideMaster"];

/// The layouts, masters and texts that were shown so far.
#[derive(Debug, Default)]
pub(super) struct Shown {
    parts: HashSet<String>,
    texts: HashSet<String>,
}

impl Presentation<'_> {
    /// Writes what a part shows of those below it: a slide of its layers, a layout of its master.
    pub(super) fn layers(
        &mut self,
        tree: &Tree<'_>,
        relationships: &Relationships,
        layers: &[&str],
    ) -> Result<(), ExtractError> {
        let hides = |root: Element<'_>| root.attr("showMasterSp").is_some_and(|value| value == "0" || value == "false");
        let Some((kind, deeper)) = layers.split_first() else { return Ok(()) };
        if tree.document().elements().any(hides) {
            return Ok(());
        }
        for name in relationships.of_kind(kind) {
            if !self.shown.parts.insert(name.to_owned()) {
                continue;
            }
            let source = ooxml::dispensable(&mut self.package, name, &mut self.extracted.warnings)?;
            let Some(source) = source else { continue };
            let tree = Tree::parse(&source)?;
            let relationships = Relationships::of(&mut self.package, name)?;
            if let Some(shapes) = tree.document().find("spTree") {
                self.free_texts(shapes, &relationships);
            }
            self.layers(&tree, &relationships, deeper)?;
        }
        Ok(())
    }

    /// Writes the texts of a group that fill no placeholder, each once.
    fn free_texts(&mut self, group: Element<'_>, relationships: &Relationships) {
        for shape in group.elements() {
            match shape.name() {
                "grpSp" => self.free_texts(shape, relationships),
                "sp" if placeholder(shape).is_none() => {
                    let lines = shape.find_all("p").into_iter().map(|p| line(p, relationships).markdown());
                    let text = lines.collect::<Vec<_>>().join("\n");
                    if !text.trim().is_empty() && self.shown.texts.insert(text.clone()) {
                        self.writer.remark(&format!("master: {text}"));
                    }
                }
                _ => {}
            }
        }
    }
}
